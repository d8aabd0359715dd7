/* evp.h: one EVP cipher context with its state and its byte counter. Internal. */
#ifndef S3CSE_SRC_EVP_H
#define S3CSE_SRC_EVP_H

#include <openssl/evp.h>

#include "s3cse.h"

typedef enum {
  S3CSE_CIPHER_GCM = 0,
  S3CSE_CIPHER_GCM_128,
  S3CSE_CIPHER_GCM_192,
  S3CSE_CIPHER_CTR,
  S3CSE_CIPHER_CBC,
  S3CSE_CIPHER_ECB,
  S3CSE_NUM_CIPHERS
} s3cse_cipher;

typedef enum { S3CSE_READY = 0, S3CSE_FINISHED, S3CSE_FAILED } s3cse_state;

/* s3cse_evp: |done| counts the bytes of the message so far and never passes |limit|. */
typedef struct {
  EVP_CIPHER_CTX *ctx;
  s3cse_state state;
  uint64_t done;
  uint64_t limit;
} s3cse_evp;

/* s3cse_evp_init prepares a zeroed |evp|. |key| and |iv| hold as many bytes as the cipher
 * wants: a key has 32, but for the two ciphers named after their size. EVP's own padding
 * is off. On failure |evp| holds nothing. */
S3CSE_MUST_USE s3cse_status s3cse_evp_init(s3cse_evp *evp, s3cse_cipher cipher,
                                           s3cse_direction direction, const uint8_t *key,
                                           const uint8_t *iv, uint64_t limit,
                                           s3cse_error *error);

/* s3cse_evp_cleanup wipes and releases the context; |evp| may be zeroed or cleaned
 * already. */
void s3cse_evp_cleanup(s3cse_evp *evp);

/* s3cse_evp_check_ready refuses a finished or failed |evp|. */
S3CSE_MUST_USE s3cse_status s3cse_evp_check_ready(const s3cse_evp *evp,
                                                  s3cse_error *error);

/* s3cse_evp_reserve counts |num_bytes| as done, or refuses and changes nothing. */
S3CSE_MUST_USE s3cse_status s3cse_evp_reserve(s3cse_evp *evp, uint64_t num_bytes,
                                              s3cse_error *error);

/* s3cse_evp_run passes |len| bytes through the cipher, which returns as many (whole
 * blocks for CBC). |out| NULL passes AAD. EVP takes int lengths, so long input goes in
 * pieces. A failure is final. */
S3CSE_MUST_USE s3cse_status s3cse_evp_run(s3cse_evp *evp, uint8_t *out, const uint8_t *in,
                                          size_t len, s3cse_error *error);

/* s3cse_evp_restart begins another message with the same key. |iv| as for s3cse_evp_init.
 */
S3CSE_MUST_USE s3cse_status s3cse_evp_restart(s3cse_evp *evp, const uint8_t *iv,
                                              s3cse_error *error);

/* s3cse_evp_set_iv_len asks GCM for IVs of |iv_len| bytes, which a provider may refuse.
 */
S3CSE_MUST_USE s3cse_status s3cse_evp_set_iv_len(s3cse_evp *evp, int iv_len,
                                                 s3cse_error *error);

/* s3cse_evp_tag ends a GCM message being encrypted and writes its tag; the key stays. */
S3CSE_MUST_USE s3cse_status s3cse_evp_tag(s3cse_evp *evp,
                                          uint8_t tag[S3CSE_GCM_TAG_BYTES],
                                          s3cse_error *error);

/* s3cse_evp_verify ends a GCM message being decrypted. Returns S3CSE_ERROR_VERIFY, which
 * is final, if its tag is not |tag|; otherwise the key stays. */
S3CSE_MUST_USE s3cse_status s3cse_evp_verify(s3cse_evp *evp,
                                             const uint8_t tag[S3CSE_GCM_TAG_BYTES],
                                             s3cse_error *error);

/* s3cse_evp_stream is the whole update of a cipher that returns as many bytes as it
 * takes. */
S3CSE_MUST_USE s3cse_status s3cse_evp_stream(s3cse_evp *evp, uint8_t *out, size_t out_cap,
                                             size_t *out_len, const uint8_t *in,
                                             size_t in_len, s3cse_error *error);

/* s3cse_evp_fail makes the failure final: wipes the key, drains OpenSSL's queue, returns
 * |status|. */
S3CSE_MUST_USE s3cse_status s3cse_evp_fail(s3cse_evp *evp, s3cse_status status,
                                           const char *text, s3cse_error *error);

/* s3cse_evp_finish ends the message: wipes the key and lets nothing more in. */
void s3cse_evp_finish(s3cse_evp *evp);

#endif
