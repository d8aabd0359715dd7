/* One segment at a time, by either path.
 *
 * Let H = AES(0), J the counter block in front of the segment, n its number of blocks C_k
 * of ciphertext, S = sum of C_k * H^(n-k+1): GHASH of the segment from a zero state,
 * without lengths.
 *
 * Fused: a stock GCM with a 16-byte IV computes J0 = ((IV * H) + 128) * H. So the IV
 * ((J / H) + 128) / H makes it start at J, which gives the segment's ciphertext at the
 * speed of EVP's one-pass kernel, and a tag = (S + lengths) * H + AES(J), which gives S.
 *
 * CTR and GMAC: CTR starts after J. GMAC of the ciphertext is a GCM message that is all
 * AAD.
 *
 * The object's tag is made of the values in object.c. */
#include <openssl/crypto.h>

#include "evp.h"
#include "object.h"
#include "s3cse.h"
#include "secret.h"
#include "span.h"
#include "status.h"

/* CTR and GMAC take turns on pieces that stay in the first-level cache in between. */
enum { PIECE_BYTES = 16384 };

typedef enum { FUSED_ENCRYPT = 0, FUSED_DECRYPT, GMAC, CTR, ECB, NUM_USES } use;

/* The contexts are made when first needed and keep their key schedule. */
struct s3cse_worker {
  const s3cse_object *object;
  s3cse_evp contexts[NUM_USES];
};

s3cse_status s3cse_worker_new(s3cse_worker **out, const s3cse_object *object,
                              s3cse_error *error) {
  *out = NULL;
  if (object == NULL) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the object is NULL");
  }
  s3cse_worker *worker = OPENSSL_zalloc(sizeof(*worker));
  if (worker == NULL) {
    return s3cse_fail_openssl(error, S3CSE_ERROR_MEMORY, 0, "no memory for a worker");
  }
  worker->object = object;
  *out = worker;
  return S3CSE_OK;
}

void s3cse_worker_free(s3cse_worker *worker) {
  if (worker == NULL) {
    return;
  }
  for (int i = 0; i < NUM_USES; i++) {
    s3cse_evp_cleanup(&worker->contexts[i]);
  }
  OPENSSL_clear_free(worker, sizeof(*worker));
}

static s3cse_status make_context(s3cse_evp *evp, use what, const uint8_t *key,
                                 s3cse_error *error) {
  static const s3cse_cipher kCiphers[NUM_USES] = {S3CSE_CIPHER_GCM, S3CSE_CIPHER_GCM,
                                                  S3CSE_CIPHER_GCM, S3CSE_CIPHER_CTR,
                                                  S3CSE_CIPHER_ECB};
  const s3cse_evp zero = {0};
  *evp = zero;
  S3CSE_GUARD(s3cse_evp_init(evp, kCiphers[what],
                             what == FUSED_DECRYPT ? S3CSE_DECRYPT : S3CSE_ENCRYPT, key,
                             NULL, UINT64_MAX, error));
  if (what == FUSED_ENCRYPT || what == FUSED_DECRYPT) {
    return s3cse_evp_set_iv_len(evp, S3CSE_BLOCK_BYTES, error);
  }
  return S3CSE_OK;
}

/* Makes a context ready for a message; one that failed before is made anew. */
static s3cse_status context(s3cse_evp **evp, s3cse_worker *worker, use what,
                            const uint8_t *iv, s3cse_error *error) {
  *evp = &worker->contexts[what];
  if ((*evp)->ctx == NULL) {
    S3CSE_GUARD(make_context(*evp, what, worker->object->key, error));
  }
  return s3cse_evp_restart(*evp, iv, error);
}

static s3cse_status check_blocks(uint64_t first_block, size_t len, s3cse_error *error) {
  size_t rounded = 0;
  S3CSE_GUARD(s3cse_span_round_up(&rounded, len, error));
  if (first_block > S3CSE_GCM_MAX_BLOCKS ||
      rounded / S3CSE_BLOCK_BYTES > S3CSE_GCM_MAX_BLOCKS - first_block) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, 0,
                      "the segment would pass the cipher's length limit");
  }
  return S3CSE_OK;
}

static s3cse_status check_segment(const uint8_t *out, size_t out_cap,
                                  uint64_t first_block, const uint8_t *in, size_t in_len,
                                  s3cse_error *error) {
  S3CSE_GUARD(s3cse_span_check_pair(out, out_cap, in_len, in, in_len, 0, error));
  return check_blocks(first_block, in_len, error);
}

static s3cse_status check_value_room(const uint8_t *value, size_t value_cap,
                                     s3cse_error *error) {
  return s3cse_span_check_pair(value, value_cap, S3CSE_BLOCK_BYTES, NULL, 0, 0, error);
}

/* What GCM computes from a 16-byte IV is J0 = ((IV * H) + 128) * H; solved for the IV
 * that gives J. */
static void computed_iv(const s3cse_object *object, uint8_t iv[S3CSE_BLOCK_BYTES],
                        const uint8_t j[S3CSE_BLOCK_BYTES]) {
  const s3cse_element iv_len = s3cse_ghash_lengths(0, S3CSE_BLOCK_BYTES);
  s3cse_element x = object->multiply(s3cse_ghash_load(j), object->h_inverse);
  x = object->multiply(s3cse_ghash_add(x, iv_len), object->h_inverse);
  s3cse_ghash_store(iv, x);
}

/* AES(J), and the context that starts from J. */
static s3cse_status start_fused(s3cse_worker *worker, s3cse_evp **gcm, use what,
                                s3cse_element *mask, uint64_t first_block,
                                s3cse_error *error) {
  uint8_t block[S3CSE_BLOCK_BYTES];
  uint8_t iv[S3CSE_BLOCK_BYTES];
  s3cse_evp *ecb = NULL;
  s3cse_object_counter_block(worker->object, block, first_block);
  computed_iv(worker->object, iv, block);
  s3cse_status status = context(&ecb, worker, ECB, NULL, error);
  if (status == S3CSE_OK) {
    status = s3cse_evp_run(ecb, block, block, sizeof(block), error);
  }
  if (status == S3CSE_OK) {
    status = context(gcm, worker, what, iv, error);
  }
  *mask = s3cse_ghash_load(block);
  s3cse_span_wipe(block, sizeof(block));
  s3cse_span_wipe(iv, sizeof(iv));
  return status;
}

/* S from a tag: tag = (S + lengths) * H + mask. */
static void value_of_tag(const s3cse_object *object, uint8_t *value,
                         const uint8_t tag[S3CSE_BLOCK_BYTES], s3cse_element mask,
                         s3cse_element lengths) {
  const s3cse_element hashed = s3cse_ghash_add(s3cse_ghash_load(tag), mask);
  const s3cse_element s = object->multiply(hashed, object->h_inverse);
  s3cse_ghash_store(value, s3cse_ghash_add(s, lengths));
}

/* The tag from S. */
static void tag_of_value(const s3cse_object *object, uint8_t tag[S3CSE_BLOCK_BYTES],
                         const uint8_t *value, s3cse_element mask,
                         s3cse_element lengths) {
  const s3cse_element s = s3cse_ghash_add(s3cse_ghash_load(value), lengths);
  s3cse_ghash_store(tag, s3cse_ghash_add(object->multiply(s, object->h), mask));
}

static s3cse_status encrypt_fused(s3cse_worker *worker, uint8_t *out, uint8_t *value,
                                  uint64_t first_block, const uint8_t *in, size_t in_len,
                                  s3cse_error *error) {
  uint8_t tag[S3CSE_GCM_TAG_BYTES];
  s3cse_element mask;
  s3cse_evp *gcm = NULL;
  S3CSE_GUARD(start_fused(worker, &gcm, FUSED_ENCRYPT, &mask, first_block, error));
  S3CSE_GUARD(s3cse_evp_run(gcm, out, in, in_len, error));
  S3CSE_GUARD(s3cse_evp_tag(gcm, tag, error));
  value_of_tag(worker->object, value, tag, mask, s3cse_ghash_lengths(0, in_len));
  s3cse_span_wipe(tag, sizeof(tag));
  return S3CSE_OK;
}

static s3cse_status verify_fused(s3cse_worker *worker, uint8_t *out, uint64_t first_block,
                                 const uint8_t *in, size_t in_len, const uint8_t *value,
                                 s3cse_error *error) {
  uint8_t tag[S3CSE_GCM_TAG_BYTES];
  s3cse_element mask;
  s3cse_evp *gcm = NULL;
  S3CSE_GUARD(start_fused(worker, &gcm, FUSED_DECRYPT, &mask, first_block, error));
  S3CSE_GUARD(s3cse_evp_run(gcm, out, in, in_len, error));
  tag_of_value(worker->object, tag, value, mask, s3cse_ghash_lengths(0, in_len));
  const s3cse_status verified = s3cse_evp_verify(gcm, tag, error);
  s3cse_span_wipe(tag, sizeof(tag));
  return verified;
}

/* S from GMAC's tag: the ciphertext is its AAD, and J0 its counter block. */
static s3cse_status finish_gmac(s3cse_worker *worker, s3cse_evp *gmac, uint8_t *value,
                                size_t in_len, s3cse_error *error) {
  uint8_t tag[S3CSE_GCM_TAG_BYTES];
  S3CSE_GUARD(s3cse_evp_tag(gmac, tag, error));
  value_of_tag(worker->object, value, tag, worker->object->mask,
               s3cse_ghash_lengths(in_len, 0));
  s3cse_span_wipe(tag, sizeof(tag));
  return S3CSE_OK;
}

/* Hashes the ciphertext of one piece: before CTR overwrites it, or after CTR made it. */
static s3cse_status run_piece(s3cse_evp *ctr, s3cse_evp *gmac, s3cse_direction direction,
                              uint8_t *out, const uint8_t *in, size_t len,
                              s3cse_error *error) {
  if (direction == S3CSE_DECRYPT) {
    S3CSE_GUARD(s3cse_evp_run(gmac, NULL, in, len, error));
    return s3cse_evp_run(ctr, out, in, len, error);
  }
  S3CSE_GUARD(s3cse_evp_run(ctr, out, in, len, error));
  return s3cse_evp_run(gmac, NULL, out, len, error);
}

static s3cse_status run_ctr_gmac(s3cse_worker *worker, s3cse_direction direction,
                                 uint8_t *out, uint8_t *value, uint64_t first_block,
                                 const uint8_t *in, size_t in_len, s3cse_error *error) {
  uint8_t block[S3CSE_BLOCK_BYTES];
  s3cse_evp *ctr = NULL;
  s3cse_evp *gmac = NULL;
  /* CTR starts one counter after J; at the limit that wraps, but then the segment is
   * empty. */
  s3cse_object_counter_block(worker->object, block, first_block + 1);
  S3CSE_GUARD(context(&ctr, worker, CTR, block, error));
  S3CSE_GUARD(context(&gmac, worker, GMAC, worker->object->iv, error));
  for (size_t at = 0; at < in_len; at += PIECE_BYTES) {
    const size_t left = in_len - at;
    S3CSE_GUARD(run_piece(ctr, gmac, direction, out + at, in + at,
                          left < PIECE_BYTES ? left : PIECE_BYTES, error));
  }
  return finish_gmac(worker, gmac, value, in_len, error);
}

/* What was written before a failure is nobody's plaintext. */
static s3cse_status wiped(s3cse_status status, uint8_t *out, size_t len) {
  if (status != S3CSE_OK) {
    s3cse_span_wipe(out, len);
  }
  return status;
}

s3cse_status s3cse_segment_encrypt(s3cse_worker *worker, uint8_t *out, size_t out_cap,
                                   uint8_t *value, size_t value_cap, uint64_t first_block,
                                   const uint8_t *in, size_t in_len, s3cse_error *error) {
  S3CSE_GUARD(check_segment(out, out_cap, first_block, in, in_len, error));
  S3CSE_GUARD(check_value_room(value, value_cap, error));
  if (worker->object->path == S3CSE_PATH_FUSED) {
    return wiped(encrypt_fused(worker, out, value, first_block, in, in_len, error), out,
                 in_len);
  }
  return wiped(
      run_ctr_gmac(worker, S3CSE_ENCRYPT, out, value, first_block, in, in_len, error),
      out, in_len);
}

s3cse_status s3cse_segment_decrypt(s3cse_worker *worker, uint8_t *out, size_t out_cap,
                                   uint8_t *value, size_t value_cap, uint64_t first_block,
                                   const uint8_t *in, size_t in_len, s3cse_error *error) {
  S3CSE_GUARD(check_segment(out, out_cap, first_block, in, in_len, error));
  S3CSE_GUARD(check_value_room(value, value_cap, error));
  /* EVP keeps the tag it computes to itself when decrypting, so both paths go this way.
   */
  return wiped(
      run_ctr_gmac(worker, S3CSE_DECRYPT, out, value, first_block, in, in_len, error),
      out, in_len);
}

s3cse_status s3cse_segment_hash(s3cse_worker *worker, uint8_t *value, size_t value_cap,
                                const uint8_t *in, size_t in_len, s3cse_error *error) {
  s3cse_evp *gmac = NULL;
  S3CSE_GUARD(s3cse_span_check(in, in_len, error));
  S3CSE_GUARD(check_blocks(0, in_len, error));
  S3CSE_GUARD(check_value_room(value, value_cap, error));
  S3CSE_GUARD(context(&gmac, worker, GMAC, worker->object->iv, error));
  S3CSE_GUARD(s3cse_evp_run(gmac, NULL, in, in_len, error));
  return finish_gmac(worker, gmac, value, in_len, error);
}

static s3cse_status verify_ctr_gmac(s3cse_worker *worker, uint8_t *out,
                                    uint64_t first_block, const uint8_t *in,
                                    size_t in_len, const uint8_t *value,
                                    s3cse_error *error) {
  uint8_t seen[S3CSE_BLOCK_BYTES];
  S3CSE_GUARD(
      run_ctr_gmac(worker, S3CSE_DECRYPT, out, seen, first_block, in, in_len, error));
  int differs = CRYPTO_memcmp(seen, value, sizeof(seen));
  s3cse_span_wipe(seen, sizeof(seen));
  S3CSE_PUBLIC(&differs, sizeof(differs));
  if (differs != 0) {
    return s3cse_fail(error, S3CSE_ERROR_VERIFY, 0, "the data does not verify");
  }
  return S3CSE_OK;
}

s3cse_status s3cse_segment_verify(s3cse_worker *worker, uint8_t *out, size_t out_cap,
                                  uint64_t first_block, const uint8_t *in, size_t in_len,
                                  const uint8_t *value, size_t value_len,
                                  s3cse_error *error) {
  S3CSE_GUARD(check_segment(out, out_cap, first_block, in, in_len, error));
  if (value == NULL || value_len != S3CSE_BLOCK_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the value must have 16 bytes");
  }
  if (worker->object->path == S3CSE_PATH_FUSED) {
    return wiped(verify_fused(worker, out, first_block, in, in_len, value, error), out,
                 in_len);
  }
  return wiped(verify_ctr_gmac(worker, out, first_block, in, in_len, value, error), out,
               in_len);
}
