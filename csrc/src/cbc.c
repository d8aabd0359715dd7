#include "cbc.h"

#include <openssl/crypto.h>

#include "evp.h"
#include "s3cse.h"
#include "secret.h"
#include "span.h"
#include "status.h"

/* |carry| holds input that is not yet a block, or the block held back; always less than
 * is needed to write one more block. */
struct s3cse_cbc {
  s3cse_evp evp;
  s3cse_direction direction;
  bool padding;
  uint8_t carry[S3CSE_BLOCK_BYTES];
  size_t carry_len;
};

static s3cse_status check_new(s3cse_direction direction, bool padding, const uint8_t *key,
                              size_t key_len, const uint8_t *iv, size_t iv_len,
                              s3cse_error *error) {
  if (key == NULL || key_len != S3CSE_KEY_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the key must have 32 bytes");
  }
  if (iv == NULL || iv_len != S3CSE_CBC_IV_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the IV must have 16 bytes");
  }
  if (direction == S3CSE_ENCRYPT && !padding) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "encryption needs padding");
  }
  return S3CSE_OK;
}

s3cse_status s3cse_cbc_new(s3cse_cbc **out, s3cse_direction direction, bool padding,
                           const uint8_t *key, size_t key_len, const uint8_t *iv,
                           size_t iv_len, s3cse_error *error) {
  *out = NULL;
  S3CSE_GUARD(check_new(direction, padding, key, key_len, iv, iv_len, error));
  s3cse_cbc *cbc = OPENSSL_zalloc(sizeof(*cbc));
  if (cbc == NULL) {
    return s3cse_fail_openssl(error, S3CSE_ERROR_MEMORY, 0, "no memory for a cipher");
  }
  cbc->direction = direction;
  cbc->padding = padding;
  const s3cse_status started =
      s3cse_evp_init(&cbc->evp, S3CSE_CIPHER_CBC, direction, key, iv, UINT64_MAX, error);
  if (started != S3CSE_OK) {
    s3cse_cbc_free(cbc);
    return started;
  }
  *out = cbc;
  return S3CSE_OK;
}

/* How many bytes come out if |in_len| more go in: whole blocks, but for the one held
 * back. */
static size_t ready_bytes(const s3cse_cbc *cbc, size_t in_len) {
  const bool hold_back = cbc->direction == S3CSE_DECRYPT && cbc->padding;
  const size_t known = cbc->carry_len + in_len;
  const size_t usable = hold_back && known > 0 ? known - 1 : known;
  return usable / S3CSE_BLOCK_BYTES * S3CSE_BLOCK_BYTES;
}

/* In place the output runs ahead of the input by the carry, so the input moves up first.
 */
static s3cse_status run_in_place(s3cse_cbc *cbc, uint8_t *data, size_t len,
                                 s3cse_error *error) {
  s3cse_span_copy(data + cbc->carry_len, data, len - cbc->carry_len);
  s3cse_span_copy(data, cbc->carry, cbc->carry_len);
  return s3cse_evp_run(&cbc->evp, data, data, len, error);
}

/* Only the block that straddles two chunks passes through memory of ours. */
static s3cse_status run_apart(s3cse_cbc *cbc, uint8_t *out, const uint8_t *in, size_t len,
                              s3cse_error *error) {
  const size_t missing = S3CSE_BLOCK_BYTES - cbc->carry_len;
  s3cse_span_copy(cbc->carry + cbc->carry_len, in, missing);
  S3CSE_GUARD(s3cse_evp_run(&cbc->evp, out, cbc->carry, S3CSE_BLOCK_BYTES, error));
  return s3cse_evp_run(&cbc->evp, out + S3CSE_BLOCK_BYTES, in + missing,
                       len - S3CSE_BLOCK_BYTES, error);
}

/* Writes |len| bytes, at least one block, from the carry and then from |in|. */
static s3cse_status run_blocks(s3cse_cbc *cbc, uint8_t *out, const uint8_t *in,
                               size_t len, s3cse_error *error) {
  if (cbc->carry_len == 0) {
    return s3cse_evp_run(&cbc->evp, out, in, len, error);
  }
  if (out == in) {
    return run_in_place(cbc, out, len, error);
  }
  return run_apart(cbc, out, in, len, error);
}

s3cse_status s3cse_cbc_update(s3cse_cbc *cbc, uint8_t *out, size_t out_cap,
                              size_t *out_len, const uint8_t *in, size_t in_len,
                              s3cse_error *error) {
  uint8_t rest[S3CSE_BLOCK_BYTES];
  size_t room = 0;
  *out_len = 0;
  S3CSE_GUARD(s3cse_evp_check_ready(&cbc->evp, error));
  S3CSE_GUARD(s3cse_span_round_up(&room, in_len, error));
  S3CSE_GUARD(
      s3cse_span_check_pair(out, out_cap, room, in, in_len, cbc->evp.done, error));
  S3CSE_GUARD(s3cse_evp_reserve(&cbc->evp, in_len, error));

  const size_t ready = ready_bytes(cbc, in_len);
  if (ready == 0) {
    s3cse_span_copy(cbc->carry + cbc->carry_len, in, in_len);
    cbc->carry_len += in_len;
    return S3CSE_OK;
  }
  const size_t used = ready - cbc->carry_len;
  const size_t rest_len = in_len - used;
  s3cse_span_copy(rest, rest_len == 0 ? NULL : in + used, rest_len);
  S3CSE_GUARD(run_blocks(cbc, out, in, ready, error));
  s3cse_span_copy(cbc->carry, rest, rest_len);
  cbc->carry_len = rest_len;
  s3cse_span_wipe(rest, sizeof(rest));
  *out_len = ready;
  return S3CSE_OK;
}

/* Hides a value from the optimiser, which otherwise may turn masks back into branches. */
static uint32_t opaque(uint32_t value) {
#if defined(__GNUC__)
  __asm__("" : "+r"(value));
#endif
  return value;
}

/* All ones if |a| < |b|, else 0; both below 2^31. */
static uint32_t less_mask(uint32_t a, uint32_t b) { return 0U - (opaque(a - b) >> 31); }

static uint32_t equal_mask(uint32_t a, uint32_t b) { return ~less_mask(0, a ^ b); }

uint32_t s3cse_cbc_padding_mask(const uint8_t block[S3CSE_BLOCK_BYTES], uint32_t *pad) {
  const uint32_t count = block[S3CSE_BLOCK_BYTES - 1];
  uint32_t good = less_mask(0, count) & less_mask(count, S3CSE_BLOCK_BYTES + 1);
  for (uint32_t i = 0; i < S3CSE_BLOCK_BYTES; i++) {
    const uint32_t is_padding = less_mask(i, count);
    good &= ~is_padding | equal_mask(block[S3CSE_BLOCK_BYTES - 1 - i], count);
  }
  *pad = count;
  return opaque(good);
}

static s3cse_status finish_encrypt(s3cse_cbc *cbc, uint8_t *out, size_t *out_len,
                                   s3cse_error *error) {
  const uint8_t pad = (uint8_t)(S3CSE_BLOCK_BYTES - cbc->carry_len);
  for (size_t i = cbc->carry_len; i < S3CSE_BLOCK_BYTES; i++) {
    cbc->carry[i] = pad;
  }
  S3CSE_GUARD(s3cse_evp_run(&cbc->evp, out, cbc->carry, S3CSE_BLOCK_BYTES, error));
  *out_len = S3CSE_BLOCK_BYTES;
  return S3CSE_OK;
}

/* A message that ends within a block takes the same steps as one with bad padding, so
 * that neither the status, the text nor the time tells them apart. */
static s3cse_status finish_decrypt(s3cse_cbc *cbc, uint8_t *out, size_t *out_len,
                                   s3cse_error *error) {
  uint8_t block[S3CSE_BLOCK_BYTES] = {0};
  uint32_t pad = 0;
  S3CSE_GUARD(s3cse_evp_run(&cbc->evp, block, cbc->carry, S3CSE_BLOCK_BYTES, error));
  uint32_t good = s3cse_cbc_padding_mask(block, &pad) &
                  equal_mask((uint32_t)cbc->carry_len, S3CSE_BLOCK_BYTES);
  S3CSE_PUBLIC(&good, sizeof(good));
  if (good == 0) {
    s3cse_span_wipe(block, sizeof(block));
    return s3cse_evp_fail(&cbc->evp, S3CSE_ERROR_VERIFY, "the data does not verify",
                          error);
  }
  /* The length of a message that is valid is no secret. */
  S3CSE_PUBLIC(&pad, sizeof(pad));
  *out_len = S3CSE_BLOCK_BYTES - pad;
  s3cse_span_copy(out, block, *out_len);
  s3cse_span_wipe(block, sizeof(block));
  return S3CSE_OK;
}

static s3cse_status finish_range(s3cse_cbc *cbc, s3cse_error *error) {
  if (cbc->carry_len != 0) {
    return s3cse_evp_fail(&cbc->evp, S3CSE_ERROR_VERIFY, "the data does not verify",
                          error);
  }
  return S3CSE_OK;
}

static s3cse_status finish(s3cse_cbc *cbc, uint8_t *out, size_t *out_len,
                           s3cse_error *error) {
  if (cbc->direction == S3CSE_ENCRYPT) {
    return finish_encrypt(cbc, out, out_len, error);
  }
  if (cbc->padding) {
    return finish_decrypt(cbc, out, out_len, error);
  }
  return finish_range(cbc, error);
}

s3cse_status s3cse_cbc_finish(s3cse_cbc *cbc, uint8_t *out, size_t out_cap,
                              size_t *out_len, s3cse_error *error) {
  const size_t needed = cbc->padding ? S3CSE_BLOCK_BYTES : 0;
  *out_len = 0;
  S3CSE_GUARD(s3cse_evp_check_ready(&cbc->evp, error));
  S3CSE_GUARD(s3cse_span_check_pair(out, out_cap, needed, NULL, 0, cbc->evp.done, error));
  const s3cse_status finished = finish(cbc, out, out_len, error);
  s3cse_span_wipe(cbc->carry, sizeof(cbc->carry));
  S3CSE_GUARD(finished);
  s3cse_evp_finish(&cbc->evp);
  return S3CSE_OK;
}

void s3cse_cbc_free(s3cse_cbc *cbc) {
  if (cbc == NULL) {
    return;
  }
  s3cse_evp_cleanup(&cbc->evp);
  OPENSSL_clear_free(cbc, sizeof(*cbc));
}
