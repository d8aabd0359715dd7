#include "ghash.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <wmmintrin.h>
#define S3CSE_HAVE_PCLMUL 1
#elif defined(__aarch64__) && defined(__linux__) && defined(__GNUC__)
#include <arm_neon.h>
#include <sys/auxv.h>
#define S3CSE_HAVE_PMULL 1
#endif

/* A 128-bit carry-less product. */
typedef struct {
  uint64_t hi;
  uint64_t lo;
} product;

typedef product (*carryless)(uint64_t a, uint64_t b);

#if defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE inline
#endif

/* Multiplies two elements with the given 64 x 64 bit multiplication.
 *
 * The bits of an element run backwards, so the integer product of two 128-bit numbers
 * holds the coefficient of x^k at bit 254 - k; one shift to the left puts it at 255 - k.
 * Its upper half (x3, x2) is then the part below x^128, and its lower half L the part to
 * be reduced with x^128 = 1 + x + x^2 + x^7. Multiplying by x is a shift to the right.
 * What those shifts push out is reduced once more, and lands in the upper word of L only:
 * hence |d|. */
static ALWAYS_INLINE s3cse_element multiply_with(carryless mul, s3cse_element a,
                                                 s3cse_element b) {
  const product low = mul(a.lo, b.lo);
  const product high = mul(a.hi, b.hi);
  const product mid1 = mul(a.lo, b.hi);
  const product mid2 = mul(a.hi, b.lo);
  const uint64_t p0 = low.lo;
  const uint64_t p1 = low.hi ^ mid1.lo ^ mid2.lo;
  const uint64_t p2 = high.lo ^ mid1.hi ^ mid2.hi;
  const uint64_t p3 = high.hi;

  const uint64_t x0 = p0 << 1;
  const uint64_t x1 = (p1 << 1) | (p0 >> 63);
  const uint64_t x2 = (p2 << 1) | (p1 >> 63);
  const uint64_t x3 = (p3 << 1) | (p2 >> 63);

  const uint64_t d = x1 ^ (x0 << 63) ^ (x0 << 62) ^ (x0 << 57);
  s3cse_element result;
  result.hi = x3 ^ d ^ (d >> 1) ^ (d >> 2) ^ (d >> 7);
  result.lo = x2 ^ x0 ^ ((d << 63) | (x0 >> 1)) ^ ((d << 62) | (x0 >> 2)) ^
              ((d << 57) | (x0 >> 7));
  return result;
}

/* Every bit of |a| makes a mask; there is no multiplication, which some CPUs do faster
 * for small numbers. */
static product carryless_portable(uint64_t a, uint64_t b) {
  product result = {0, 0 - (a & 1)};
  result.lo &= b;
  for (unsigned i = 1; i < 64; i++) {
    const uint64_t mask = 0 - ((a >> i) & 1);
    result.lo ^= (b << i) & mask;
    result.hi ^= (b >> (64 - i)) & mask;
  }
  return result;
}

s3cse_element s3cse_ghash_portable(s3cse_element a, s3cse_element b) {
  return multiply_with(carryless_portable, a, b);
}

#if defined(S3CSE_HAVE_PCLMUL)
__attribute__((target("pclmul"))) static inline product carryless_pclmul(uint64_t a,
                                                                         uint64_t b) {
  const __m128i both = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a),
                                            _mm_cvtsi64_si128((long long)b), 0);
  const product result = {(uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(both, both)),
                          (uint64_t)_mm_cvtsi128_si64(both)};
  return result;
}

__attribute__((target("pclmul"))) static s3cse_element multiply_pclmul(s3cse_element a,
                                                                       s3cse_element b) {
  return multiply_with(carryless_pclmul, a, b);
}
#endif

#if defined(S3CSE_HAVE_PMULL)
/* The bit in AT_HWCAP that Linux sets for PMULL, from asm/hwcap.h. */
enum { HWCAP_BIT_PMULL = 1 << 4 };

__attribute__((target("+crypto"))) static inline product carryless_pmull(uint64_t a,
                                                                         uint64_t b) {
  const uint64x2_t both = vreinterpretq_u64_p128(vmull_p64((poly64_t)a, (poly64_t)b));
  const product result = {vgetq_lane_u64(both, 1), vgetq_lane_u64(both, 0)};
  return result;
}

__attribute__((target("+crypto"))) static s3cse_element multiply_pmull(s3cse_element a,
                                                                       s3cse_element b) {
  return multiply_with(carryless_pmull, a, b);
}
#endif

s3cse_multiply s3cse_ghash_multiply(void) {
#if defined(S3CSE_HAVE_PCLMUL)
  if (__builtin_cpu_supports("pclmul")) {
    return multiply_pclmul;
  }
#elif defined(S3CSE_HAVE_PMULL)
  if ((getauxval(AT_HWCAP) & HWCAP_BIT_PMULL) != 0) {
    return multiply_pmull;
  }
#endif
  return s3cse_ghash_portable;
}

static uint64_t load_word(const uint8_t *in) {
  uint64_t word = 0;
  for (unsigned i = 0; i < 8; i++) {
    word = (word << 8) | in[i];
  }
  return word;
}

static void store_word(uint8_t *out, uint64_t word) {
  for (unsigned i = 0; i < 8; i++) {
    out[i] = (uint8_t)(word >> (56 - 8 * i));
  }
}

s3cse_element s3cse_ghash_load(const uint8_t block[S3CSE_BLOCK_BYTES]) {
  const s3cse_element element = {load_word(block), load_word(block + 8)};
  return element;
}

void s3cse_ghash_store(uint8_t block[S3CSE_BLOCK_BYTES], s3cse_element element) {
  store_word(block, element.hi);
  store_word(block + 8, element.lo);
}

s3cse_element s3cse_ghash_add(s3cse_element a, s3cse_element b) {
  const s3cse_element sum = {a.hi ^ b.hi, a.lo ^ b.lo};
  return sum;
}

s3cse_element s3cse_ghash_power(s3cse_multiply multiply, s3cse_element h,
                                uint64_t exponent) {
  s3cse_element result = {(uint64_t)1 << 63, 0};
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) {
      result = multiply(result, h);
    }
    h = multiply(h, h);
  }
  return result;
}

/* The exponent 2^128 - 2 has the bits 1 to 127, so the result is the product of h^(2^i)
 * over them. */
s3cse_element s3cse_ghash_inverse(s3cse_multiply multiply, s3cse_element h) {
  s3cse_element result = {(uint64_t)1 << 63, 0};
  for (unsigned i = 1; i < 128; i++) {
    h = multiply(h, h);
    result = multiply(result, h);
  }
  return result;
}

s3cse_element s3cse_ghash_absorb(s3cse_multiply multiply, s3cse_element h,
                                 const uint8_t *data, size_t len) {
  s3cse_element state = {0, 0};
  for (size_t at = 0; at < len; at += S3CSE_BLOCK_BYTES) {
    uint8_t block[S3CSE_BLOCK_BYTES] = {0};
    const size_t left = len - at;
    memcpy(block, data + at, left < S3CSE_BLOCK_BYTES ? left : S3CSE_BLOCK_BYTES);
    state = multiply(s3cse_ghash_add(state, s3cse_ghash_load(block)), h);
  }
  return state;
}

s3cse_element s3cse_ghash_lengths(uint64_t aad_len, uint64_t data_len) {
  const s3cse_element lengths = {8 * aad_len, 8 * data_len};
  return lengths;
}
