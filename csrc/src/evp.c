#include "evp.h"

#include <limits.h>
#include <stdatomic.h>

#include "span.h"
#include "status.h"

/* The largest piece EVP gets: below INT_MAX and whole blocks. Tests make it tiny. */
#ifndef S3CSE_EVP_PIECE_BYTES
#define S3CSE_EVP_PIECE_BYTES ((size_t)1 << 30)
#endif

_Static_assert(S3CSE_EVP_PIECE_BYTES <= INT_MAX, "EVP takes int lengths");
_Static_assert(S3CSE_EVP_PIECE_BYTES % S3CSE_BLOCK_BYTES == 0,
               "CBC must return as many bytes as it is given");

/* Fetching looks through all providers, so it is done once. A compare-and-swap and not a
 * lock: a process may fork while another of its threads is in here, and the child must
 * not wait for it. */
static const EVP_CIPHER *fetch(s3cse_cipher cipher) {
  static const char *const kNames[S3CSE_NUM_CIPHERS] = {"AES-256-GCM", "AES-128-GCM",
                                                        "AES-192-GCM", "AES-256-CTR",
                                                        "AES-256-CBC", "AES-256-ECB"};
  static _Atomic(EVP_CIPHER *) fetched[S3CSE_NUM_CIPHERS];
  EVP_CIPHER *known = atomic_load(&fetched[cipher]);
  if (known != NULL) {
    return known;
  }
  EVP_CIPHER *mine = EVP_CIPHER_fetch(NULL, kNames[cipher], NULL);
  if (mine != NULL && !atomic_compare_exchange_strong(&fetched[cipher], &known, mine)) {
    EVP_CIPHER_free(mine);
    mine = known;
  }
  return mine;
}

s3cse_status s3cse_evp_init(s3cse_evp *evp, s3cse_cipher cipher,
                            s3cse_direction direction, const uint8_t *key,
                            const uint8_t *iv, uint64_t limit, s3cse_error *error) {
  const EVP_CIPHER *fetched = fetch(cipher);
  if (fetched == NULL) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_OPENSSL, "OpenSSL has no such cipher", error);
  }
  evp->ctx = EVP_CIPHER_CTX_new();
  if (evp->ctx == NULL) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_MEMORY, "no memory for a cipher", error);
  }
  if (EVP_CipherInit_ex2(evp->ctx, fetched, key, iv, (int)direction, NULL) != 1 ||
      EVP_CIPHER_CTX_set_padding(evp->ctx, 0) != 1) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_OPENSSL, "the cipher did not start", error);
  }
  evp->limit = limit;
  return S3CSE_OK;
}

void s3cse_evp_cleanup(s3cse_evp *evp) {
  /* Wipes the key schedule: providers free their contexts with OPENSSL_clear_free. */
  EVP_CIPHER_CTX_free(evp->ctx);
  evp->ctx = NULL;
}

s3cse_status s3cse_evp_fail(s3cse_evp *evp, s3cse_status status, const char *text,
                            s3cse_error *error) {
  const s3cse_status failed = s3cse_fail_openssl(error, status, evp->done, text);
  s3cse_evp_cleanup(evp);
  evp->state = S3CSE_FAILED;
  return failed;
}

void s3cse_evp_finish(s3cse_evp *evp) {
  s3cse_evp_cleanup(evp);
  evp->state = S3CSE_FINISHED;
}

s3cse_status s3cse_evp_check_ready(const s3cse_evp *evp, s3cse_error *error) {
  if (evp->state == S3CSE_FINISHED) {
    return s3cse_fail(error, S3CSE_ERROR_STATE, evp->done, "the cipher is finished");
  }
  if (evp->state == S3CSE_FAILED) {
    return s3cse_fail(error, S3CSE_ERROR_STATE, evp->done,
                      "the cipher has failed before");
  }
  return S3CSE_OK;
}

s3cse_status s3cse_evp_reserve(s3cse_evp *evp, uint64_t num_bytes, s3cse_error *error) {
  if (num_bytes > evp->limit - evp->done) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, evp->done,
                      "the message would pass the cipher's length limit");
  }
  evp->done += num_bytes;
  return S3CSE_OK;
}

s3cse_status s3cse_evp_run(s3cse_evp *evp, uint8_t *out, const uint8_t *in, size_t len,
                           s3cse_error *error) {
  for (size_t at = 0; at < len;) {
    const size_t left = len - at;
    const size_t piece = left < S3CSE_EVP_PIECE_BYTES ? left : S3CSE_EVP_PIECE_BYTES;
    int written = 0;
    if (EVP_CipherUpdate(evp->ctx, out == NULL ? NULL : out + at, &written, in + at,
                         (int)piece) != 1 ||
        written != (int)piece) {
      return s3cse_evp_fail(evp, S3CSE_ERROR_OPENSSL, "the cipher failed", error);
    }
    at += piece;
  }
  return S3CSE_OK;
}

s3cse_status s3cse_evp_restart(s3cse_evp *evp, const uint8_t *iv, s3cse_error *error) {
  /* -1: the direction stays as it was. */
  if (EVP_CipherInit_ex2(evp->ctx, NULL, NULL, iv, -1, NULL) != 1) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_OPENSSL, "the IV was refused", error);
  }
  return S3CSE_OK;
}

s3cse_status s3cse_evp_set_iv_len(s3cse_evp *evp, int iv_len, s3cse_error *error) {
  if (EVP_CIPHER_CTX_ctrl(evp->ctx, EVP_CTRL_AEAD_SET_IVLEN, iv_len, NULL) != 1) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_OPENSSL, "the IV length was refused", error);
  }
  return S3CSE_OK;
}

s3cse_status s3cse_evp_tag(s3cse_evp *evp, uint8_t tag[S3CSE_GCM_TAG_BYTES],
                           s3cse_error *error) {
  uint8_t nothing[S3CSE_BLOCK_BYTES];
  int written = 0;
  if (EVP_EncryptFinal_ex(evp->ctx, nothing, &written) != 1 ||
      EVP_CIPHER_CTX_ctrl(evp->ctx, EVP_CTRL_AEAD_GET_TAG, S3CSE_GCM_TAG_BYTES, tag) !=
          1) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_OPENSSL, "no tag came out", error);
  }
  return S3CSE_OK;
}

s3cse_status s3cse_evp_verify(s3cse_evp *evp, const uint8_t tag[S3CSE_GCM_TAG_BYTES],
                              s3cse_error *error) {
  uint8_t expected[S3CSE_GCM_TAG_BYTES];
  uint8_t nothing[S3CSE_BLOCK_BYTES];
  int written = 0;
  /* The control takes a pointer to non-const; a copy is cheaper than trusting it. */
  s3cse_span_copy(expected, tag, sizeof(expected));
  const int set =
      EVP_CIPHER_CTX_ctrl(evp->ctx, EVP_CTRL_AEAD_SET_TAG, S3CSE_GCM_TAG_BYTES, expected);
  s3cse_span_wipe(expected, sizeof(expected));
  if (set != 1) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_OPENSSL, "the tag was refused", error);
  }
  if (EVP_DecryptFinal_ex(evp->ctx, nothing, &written) != 1) {
    return s3cse_evp_fail(evp, S3CSE_ERROR_VERIFY, "the data does not verify", error);
  }
  return S3CSE_OK;
}

s3cse_status s3cse_evp_stream(s3cse_evp *evp, uint8_t *out, size_t out_cap,
                              size_t *out_len, const uint8_t *in, size_t in_len,
                              s3cse_error *error) {
  *out_len = 0;
  S3CSE_GUARD(s3cse_evp_check_ready(evp, error));
  S3CSE_GUARD(s3cse_span_check_pair(out, out_cap, in_len, in, in_len, evp->done, error));
  S3CSE_GUARD(s3cse_evp_reserve(evp, in_len, error));
  S3CSE_GUARD(s3cse_evp_run(evp, out, in, in_len, error));
  *out_len = in_len;
  return S3CSE_OK;
}
