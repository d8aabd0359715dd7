#include <openssl/crypto.h>

#include "evp.h"
#include "s3cse.h"
#include "span.h"
#include "status.h"

struct s3cse_ctr {
  s3cse_evp evp;
};

static s3cse_status check_new(const uint8_t *key, size_t key_len, const uint8_t *iv,
                              size_t iv_len, uint64_t first_block, s3cse_error *error) {
  if (key == NULL || key_len != S3CSE_KEY_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the key must have 32 bytes");
  }
  if (iv == NULL || iv_len != S3CSE_GCM_IV_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the IV must have 12 bytes");
  }
  if (first_block > S3CSE_GCM_MAX_BLOCKS) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, 0,
                      "the first block is beyond the cipher's length limit");
  }
  return S3CSE_OK;
}

/* Data block i has the counter 2 + i (FORMATS.md section 13). At the limit itself the sum
 * wraps to 0, but no byte may follow there. */
static void counter_block(uint8_t block[S3CSE_BLOCK_BYTES], const uint8_t *iv,
                          uint64_t first_block) {
  const uint64_t counter = 2 + first_block;
  s3cse_span_copy(block, iv, S3CSE_GCM_IV_BYTES);
  for (unsigned i = 0; i < 4; i++) {
    block[S3CSE_GCM_IV_BYTES + i] = (uint8_t)(counter >> (24 - 8 * i));
  }
}

s3cse_status s3cse_ctr_new(s3cse_ctr **out, const uint8_t *key, size_t key_len,
                           const uint8_t *iv, size_t iv_len, uint64_t first_block,
                           s3cse_error *error) {
  uint8_t block[S3CSE_BLOCK_BYTES];
  *out = NULL;
  S3CSE_GUARD(check_new(key, key_len, iv, iv_len, first_block, error));
  s3cse_ctr *ctr = OPENSSL_zalloc(sizeof(*ctr));
  if (ctr == NULL) {
    return s3cse_fail_openssl(error, S3CSE_ERROR_MEMORY, 0, "no memory for a cipher");
  }
  counter_block(block, iv, first_block);
  const uint64_t limit = (S3CSE_GCM_MAX_BLOCKS - first_block) * S3CSE_BLOCK_BYTES;
  const s3cse_status started = s3cse_evp_init(&ctr->evp, S3CSE_CIPHER_CTR, S3CSE_ENCRYPT,
                                              key, block, limit, error);
  if (started != S3CSE_OK) {
    s3cse_ctr_free(ctr);
    return started;
  }
  *out = ctr;
  return S3CSE_OK;
}

s3cse_status s3cse_ctr_update(s3cse_ctr *ctr, uint8_t *out, size_t out_cap,
                              size_t *out_len, const uint8_t *in, size_t in_len,
                              s3cse_error *error) {
  return s3cse_evp_stream(&ctr->evp, out, out_cap, out_len, in, in_len, error);
}

void s3cse_ctr_free(s3cse_ctr *ctr) {
  if (ctr == NULL) {
    return;
  }
  s3cse_evp_cleanup(&ctr->evp);
  OPENSSL_clear_free(ctr, sizeof(*ctr));
}
