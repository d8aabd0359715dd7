/* ghash.h: GCM's field GF(2^128), in constant time. Internal.
 *
 * An element is the 16-byte block of SP 800-38D section 6.3 read as two big-endian words;
 * the first bit of the block, the highest of |hi|, is the coefficient of x^0. The
 * elements are as secret as the key: nothing here branches or indexes on them. Exponents
 * and lengths are public.
 */
#ifndef S3CSE_SRC_GHASH_H
#define S3CSE_SRC_GHASH_H

#include "s3cse.h"

typedef struct {
  uint64_t hi;
  uint64_t lo;
} s3cse_element;

/* s3cse_multiply returns a * b. */
typedef s3cse_element (*s3cse_multiply)(s3cse_element a, s3cse_element b);

/* s3cse_ghash_portable works everywhere: masks and shifts on 64-bit words. */
s3cse_element s3cse_ghash_portable(s3cse_element a, s3cse_element b);

/* s3cse_ghash_multiply returns the fastest multiplication of this CPU: PCLMULQDQ, PMULL
 * or portable. */
s3cse_multiply s3cse_ghash_multiply(void);

s3cse_element s3cse_ghash_load(const uint8_t block[S3CSE_BLOCK_BYTES]);

void s3cse_ghash_store(uint8_t block[S3CSE_BLOCK_BYTES], s3cse_element element);

s3cse_element s3cse_ghash_add(s3cse_element a, s3cse_element b);

/* s3cse_ghash_power returns h^exponent, and 1 for exponent 0. */
s3cse_element s3cse_ghash_power(s3cse_multiply multiply, s3cse_element h,
                                uint64_t exponent);

/* s3cse_ghash_inverse returns h^(2^128 - 2), which is 1/h, and 0 for 0. */
s3cse_element s3cse_ghash_inverse(s3cse_multiply multiply, s3cse_element h);

/* s3cse_ghash_absorb returns the GHASH state after |data|, padded with zeros to whole
 * blocks, from the state zero. For AAD; payload goes through EVP. */
s3cse_element s3cse_ghash_absorb(s3cse_multiply multiply, s3cse_element h,
                                 const uint8_t *data, size_t len);

/* s3cse_ghash_lengths returns the block that ends a message, from lengths in bytes. */
s3cse_element s3cse_ghash_lengths(uint64_t aad_len, uint64_t data_len);

#endif
