#include "gcm.h"

#include <openssl/crypto.h>

#include "evp.h"
#include "s3cse.h"
#include "span.h"
#include "status.h"

struct s3cse_gcm {
  s3cse_evp evp;
  s3cse_direction direction;
};

/* GCM counts AAD in 64 bits of bits (SP 800-38D section 5.2.1.1). */
static const uint64_t kMaxAadBytes = UINT64_MAX / 8;

s3cse_status s3cse_gcm_cipher(s3cse_cipher *cipher, const uint8_t *key, size_t key_len,
                              s3cse_error *error) {
  if (key != NULL && key_len == S3CSE_KEY_BYTES) {
    *cipher = S3CSE_CIPHER_GCM;
    return S3CSE_OK;
  }
  if (key != NULL && key_len == 16) {
    *cipher = S3CSE_CIPHER_GCM_128;
    return S3CSE_OK;
  }
  if (key != NULL && key_len == 24) {
    *cipher = S3CSE_CIPHER_GCM_192;
    return S3CSE_OK;
  }
  return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0,
                    "the key must have 16, 24 or 32 bytes");
}

static s3cse_status check_new(s3cse_cipher *cipher, const uint8_t *key, size_t key_len,
                              const uint8_t *iv, size_t iv_len, const uint8_t *aad,
                              size_t aad_len, s3cse_error *error) {
  S3CSE_GUARD(s3cse_gcm_cipher(cipher, key, key_len, error));
  if (iv == NULL || iv_len != S3CSE_GCM_IV_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the IV must have 12 bytes");
  }
  if (aad_len > kMaxAadBytes) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, 0, "the AAD is too long");
  }
  return s3cse_span_check(aad, aad_len, error);
}

static s3cse_status start(s3cse_gcm *gcm, s3cse_cipher cipher, const uint8_t *key,
                          const uint8_t *iv, const uint8_t *aad, size_t aad_len,
                          s3cse_error *error) {
  S3CSE_GUARD(s3cse_evp_init(&gcm->evp, cipher, gcm->direction, key, iv,
                             S3CSE_GCM_MAX_BLOCKS * S3CSE_BLOCK_BYTES, error));
  return s3cse_evp_run(&gcm->evp, NULL, aad, aad_len, error);
}

s3cse_status s3cse_gcm_new(s3cse_gcm **out, s3cse_direction direction, const uint8_t *key,
                           size_t key_len, const uint8_t *iv, size_t iv_len,
                           const uint8_t *aad, size_t aad_len, s3cse_error *error) {
  *out = NULL;
  s3cse_cipher cipher = S3CSE_CIPHER_GCM;
  S3CSE_GUARD(check_new(&cipher, key, key_len, iv, iv_len, aad, aad_len, error));
  s3cse_gcm *gcm = OPENSSL_zalloc(sizeof(*gcm));
  if (gcm == NULL) {
    return s3cse_fail_openssl(error, S3CSE_ERROR_MEMORY, 0, "no memory for a cipher");
  }
  gcm->direction = direction;
  const s3cse_status started = start(gcm, cipher, key, iv, aad, aad_len, error);
  if (started != S3CSE_OK) {
    s3cse_gcm_free(gcm);
    return started;
  }
  *out = gcm;
  return S3CSE_OK;
}

s3cse_status s3cse_gcm_update(s3cse_gcm *gcm, uint8_t *out, size_t out_cap,
                              size_t *out_len, const uint8_t *in, size_t in_len,
                              s3cse_error *error) {
  return s3cse_evp_stream(&gcm->evp, out, out_cap, out_len, in, in_len, error);
}

static s3cse_status check_finish(const s3cse_gcm *gcm, s3cse_direction direction,
                                 s3cse_error *error) {
  S3CSE_GUARD(s3cse_evp_check_ready(&gcm->evp, error));
  if (gcm->direction != direction) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, gcm->evp.done,
                      "the cipher works in the other direction");
  }
  return S3CSE_OK;
}

s3cse_status s3cse_gcm_finish_encrypt(s3cse_gcm *gcm, uint8_t *tag, size_t tag_cap,
                                      s3cse_error *error) {
  S3CSE_GUARD(check_finish(gcm, S3CSE_ENCRYPT, error));
  S3CSE_GUARD(s3cse_span_check_pair(tag, tag_cap, S3CSE_GCM_TAG_BYTES, NULL, 0,
                                    gcm->evp.done, error));
  S3CSE_GUARD(s3cse_evp_tag(&gcm->evp, tag, error));
  s3cse_evp_finish(&gcm->evp);
  return S3CSE_OK;
}

s3cse_status s3cse_gcm_finish_decrypt(s3cse_gcm *gcm, const uint8_t *tag, size_t tag_len,
                                      s3cse_error *error) {
  S3CSE_GUARD(check_finish(gcm, S3CSE_DECRYPT, error));
  if (tag == NULL || tag_len != S3CSE_GCM_TAG_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, gcm->evp.done,
                      "the tag must have 16 bytes");
  }
  S3CSE_GUARD(s3cse_evp_verify(&gcm->evp, tag, error));
  s3cse_evp_finish(&gcm->evp);
  return S3CSE_OK;
}

s3cse_status s3cse_gcm_advance(s3cse_gcm *gcm, uint64_t num_bytes, s3cse_error *error) {
  S3CSE_GUARD(s3cse_evp_check_ready(&gcm->evp, error));
  return s3cse_evp_reserve(&gcm->evp, num_bytes, error);
}

void s3cse_gcm_free(s3cse_gcm *gcm) {
  if (gcm == NULL) {
    return;
  }
  s3cse_evp_cleanup(&gcm->evp);
  OPENSSL_clear_free(gcm, sizeof(*gcm));
}
