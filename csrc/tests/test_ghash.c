/* GF(2^128): each multiplication against the definition, then the laws of a field. */
#include "../src/ghash.h"

#include "check.h"

enum { NUM_SAMPLES = 300 };

static const s3cse_element kOne = {(uint64_t)1 << 63, 0};

/* SP 800-38D algorithm 1, step by step. */
static s3cse_element by_definition(s3cse_element x, s3cse_element y) {
  s3cse_element z = {0, 0};
  s3cse_element v = y;
  for (unsigned i = 0; i < 128; i++) {
    const uint64_t bit = i < 64 ? x.hi >> (63 - i) : x.lo >> (127 - i);
    if ((bit & 1) != 0) {
      z = s3cse_ghash_add(z, v);
    }
    const uint64_t carry = v.lo & 1;
    v.lo = (v.lo >> 1) | (v.hi << 63);
    v.hi = (v.hi >> 1) ^ (carry != 0 ? (uint64_t)0xE1 << 56 : 0);
  }
  return z;
}

static bool equal(s3cse_element a, s3cse_element b) {
  return a.hi == b.hi && a.lo == b.lo;
}

/* Single bits first, then the corners, then anything. */
static s3cse_element sample(uint32_t i) {
  uint8_t block[16] = {0};
  if (i < 128) {
    block[i / 8] = (uint8_t)(0x80 >> (i % 8));
  } else if (i == 128) {
    memset(block, 0xFF, sizeof(block));
  } else if (i > 129) {
    fill(block, sizeof(block), i);
  }
  return s3cse_ghash_load(block);
}

static void multiplication_follows_the_definition(s3cse_multiply multiply) {
  for (uint32_t i = 0; i < NUM_SAMPLES; i++) {
    for (uint32_t j = 0; j < NUM_SAMPLES; j++) {
      const s3cse_element a = sample(i);
      const s3cse_element b = sample(j);
      CHECK(equal(multiply(a, b), by_definition(a, b)));
    }
  }
}

static void an_inverse_undoes(s3cse_multiply multiply) {
  const s3cse_element zero = {0, 0};
  for (uint32_t i = 0; i < NUM_SAMPLES; i++) {
    const s3cse_element h = sample(i);
    const s3cse_element inverse = s3cse_ghash_inverse(multiply, h);
    CHECK(equal(multiply(h, inverse), equal(h, zero) ? zero : kOne));
  }
  CHECK(equal(s3cse_ghash_inverse(multiply, zero), zero));
}

static void powers_add_up(s3cse_multiply multiply) {
  const s3cse_element h = sample(200);
  s3cse_element expected = kOne;
  for (uint64_t n = 0; n < 300; n++) {
    CHECK(equal(s3cse_ghash_power(multiply, h, n), expected));
    expected = multiply(expected, h);
  }
  const uint64_t large = UINT64_C(0xFFFFFFFE);
  CHECK(equal(
      multiply(s3cse_ghash_power(multiply, h, large), s3cse_ghash_power(multiply, h, 3)),
      s3cse_ghash_power(multiply, h, large + 3)));
}

/* Test case 2 of "The Galois/Counter Mode of Operation", McGrew and Viega. */
static void the_known_hash_comes_out(s3cse_multiply multiply) {
  uint8_t block[16];
  uint8_t want[16];
  from_hex(block, "66e94bd4ef8a2c3b884cfa59ca342b2e");
  const s3cse_element h = s3cse_ghash_load(block);
  from_hex(block, "0388dace60b6a392f328c2b971b2fe78");
  from_hex(want, "f38cbb1ad69223dcc3457ae5b6b0f885");
  s3cse_element state = s3cse_ghash_absorb(multiply, h, block, 16);
  state = multiply(s3cse_ghash_add(state, s3cse_ghash_lengths(0, 16)), h);
  s3cse_ghash_store(block, state);
  CHECK(memcmp(block, want, 16) == 0);
}

static void absorbing_pads_with_zeros(s3cse_multiply multiply) {
  uint8_t data[48];
  const s3cse_element h = sample(201);
  fill(data, sizeof(data), 5);
  for (size_t len = 0; len <= 33; len++) {
    uint8_t padded[48] = {0};
    s3cse_element expected = {0, 0};
    memcpy(padded, data, len);
    for (size_t at = 0; at < len; at += 16) {
      expected =
          by_definition(s3cse_ghash_add(expected, s3cse_ghash_load(padded + at)), h);
    }
    CHECK(equal(s3cse_ghash_absorb(multiply, h, len == 0 ? NULL : data, len), expected));
  }
}

static void blocks_survive_loading(void) {
  uint8_t block[16];
  uint8_t again[16];
  fill(block, 16, 6);
  s3cse_ghash_store(again, s3cse_ghash_load(block));
  CHECK(memcmp(block, again, 16) == 0);
}

int main(void) {
  const s3cse_multiply all[] = {s3cse_ghash_portable, s3cse_ghash_multiply()};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    multiplication_follows_the_definition(all[i]);
    an_inverse_undoes(all[i]);
    powers_add_up(all[i]);
    the_known_hash_comes_out(all[i]);
    absorbing_pads_with_zeros(all[i]);
  }
  blocks_survive_loading();
  printf("%s multiplication\n", all[1] == all[0] ? "portable" : "hardware");
  CHECK_DONE();
}
