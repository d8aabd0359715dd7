#include "span.h"

#include <openssl/crypto.h>
#include <string.h>

#include "status.h"

s3cse_status s3cse_span_check(const void *data, size_t len, s3cse_error *error) {
  if (data == NULL && len > 0) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "a buffer with a length is NULL");
  }
  return S3CSE_OK;
}

/* Compares addresses as integers: < on pointers into different objects is undefined in C.
 * A length never reaches past the address space, so the differences below cannot wrap. */
static bool overlaps(const uint8_t *out, size_t out_len, const uint8_t *in,
                     size_t in_len) {
  const uintptr_t first = (uintptr_t)out;
  const uintptr_t second = (uintptr_t)in;
  if (out_len == 0 || in_len == 0) {
    return false;
  }
  return first < second ? second - first < out_len : first - second < in_len;
}

s3cse_status s3cse_span_check_pair(const uint8_t *out, size_t out_cap, size_t needed,
                                   const uint8_t *in, size_t in_len, uint64_t offset,
                                   s3cse_error *error) {
  S3CSE_GUARD(s3cse_span_check(out, out_cap, error));
  S3CSE_GUARD(s3cse_span_check(in, in_len, error));
  if (out_cap < needed) {
    return s3cse_fail(error, S3CSE_ERROR_SHORT_OUTPUT, offset,
                      "the output buffer is too small");
  }
  if (out != in && overlaps(out, needed, in, in_len)) {
    return s3cse_fail(error, S3CSE_ERROR_OVERLAP, offset,
                      "the output overlaps the input other than exactly");
  }
  return S3CSE_OK;
}

s3cse_status s3cse_span_round_up(size_t *rounded, size_t len, s3cse_error *error) {
  if (len > SIZE_MAX - (S3CSE_BLOCK_BYTES - 1)) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, 0, "the length is beyond all memory");
  }
  *rounded =
      (len + (S3CSE_BLOCK_BYTES - 1)) / S3CSE_BLOCK_BYTES * (size_t)S3CSE_BLOCK_BYTES;
  return S3CSE_OK;
}

void s3cse_span_copy(uint8_t *out, const uint8_t *in, size_t len) {
  if (len > 0) {
    memmove(out, in, len);
  }
}

void s3cse_span_wipe(void *data, size_t len) {
  if (len > 0) {
    OPENSSL_cleanse(data, len);
  }
}
