/* AES-256-CBC: known answers, cuts in place and apart, every kind of bad padding. */
#include "../src/cbc.h"

#include "check.h"

enum { LEN = 150, ROOM = LEN + 16 };

static const uint8_t kKey[S3CSE_KEY_BYTES] = {1, 2, 3};
static const uint8_t kIv[S3CSE_CBC_IV_BYTES] = {4, 5, 6};

static s3cse_cbc *start(s3cse_direction direction, bool padding) {
  s3cse_cbc *cbc = NULL;
  CHECK_OK(s3cse_cbc_new(&cbc, direction, padding, kKey, 32, kIv, 16, NULL));
  return cbc;
}

/* Passes |len| bytes through in steps; |in_place| copies each step to the output first.
 */
static size_t run(s3cse_cbc *cbc, uint8_t *out, const uint8_t *in, size_t len,
                  size_t step, bool in_place) {
  uint8_t room[ROOM];
  size_t total = 0;
  size_t written = 0;
  for (size_t at = 0; at < len; at += step) {
    const size_t piece = len - at < step ? len - at : step;
    memcpy(room, in + at, piece);
    CHECK_OK(s3cse_cbc_update(cbc, NULL, 0, &written, NULL, 0, NULL));
    CHECK_OK(s3cse_cbc_update(cbc, room, ROOM, &written, in_place ? room : in + at, piece,
                              NULL));
    CHECK(written % 16 == 0 && written <= piece + 15);
    memcpy(out + total, room, written);
    total += written;
  }
  CHECK_OK(s3cse_cbc_finish(cbc, room, 16, &written, NULL));
  memcpy(out + total, room, written);
  s3cse_cbc_free(cbc);
  return total + written;
}

/* SP 800-38A F.2.5 and F.2.6; the padding block that follows is not part of them. */
static void the_known_answer_comes_out(void) {
  uint8_t key[32];
  uint8_t iv[16];
  uint8_t data[64];
  uint8_t want[64];
  uint8_t got[64];
  size_t written = 0;
  s3cse_cbc *cbc = NULL;
  from_hex(key, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  from_hex(iv, "000102030405060708090a0b0c0d0e0f");
  from_hex(data,
           "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
           "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  from_hex(want,
           "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
           "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b");
  CHECK_OK(s3cse_cbc_new(&cbc, S3CSE_ENCRYPT, true, key, 32, iv, 16, NULL));
  CHECK_OK(s3cse_cbc_update(cbc, got, 64, &written, data, 64, NULL));
  CHECK(written == 64 && memcmp(got, want, 64) == 0);
  s3cse_cbc_free(cbc);
  CHECK_OK(s3cse_cbc_new(&cbc, S3CSE_DECRYPT, false, key, 32, iv, 16, NULL));
  CHECK_OK(s3cse_cbc_update(cbc, got, 64, &written, want, 64, NULL));
  CHECK(written == 64 && memcmp(got, data, 64) == 0);
  CHECK_OK(s3cse_cbc_finish(cbc, NULL, 0, &written, NULL));
  CHECK(written == 0);
  s3cse_cbc_free(cbc);
}

static void any_length_and_any_cut_come_back(void) {
  uint8_t data[LEN];
  uint8_t want[ROOM];
  uint8_t got[ROOM];
  uint8_t back[ROOM];
  fill(data, LEN, 1);
  for (size_t len = 0; len <= LEN; len++) {
    const size_t sealed = run(start(S3CSE_ENCRYPT, true), want, data, len, LEN, false);
    CHECK(sealed == (len / 16 + 1) * 16);
    for (size_t step = 1; step <= 49; step++) {
      for (int in_place = 0; in_place < 2; in_place++) {
        CHECK(run(start(S3CSE_ENCRYPT, true), got, data, len, step, in_place) == sealed);
        CHECK(memcmp(got, want, sealed) == 0);
        CHECK(run(start(S3CSE_DECRYPT, true), back, want, sealed, step, in_place) == len);
        CHECK(memcmp(back, data, len) == 0);
        CHECK(run(start(S3CSE_DECRYPT, false), back, want, sealed, step, in_place) ==
              sealed);
        CHECK(memcmp(back, data, len) == 0);
      }
    }
  }
}

/* Every last byte with every number of matching bytes before it, against the definition.
 */
static void the_padding_mask_follows_the_definition(void) {
  for (unsigned last = 0; last < 256; last++) {
    for (size_t matching = 1; matching <= 16; matching++) {
      uint8_t block[16];
      uint32_t pad = 0;
      memset(block, (int)(last ^ 0x80), sizeof(block));
      memset(block + 16 - matching, (int)last, matching);
      const bool good = last >= 1 && last <= 16 && matching >= last;
      CHECK(s3cse_cbc_padding_mask(block, &pad) == (good ? UINT32_MAX : 0));
      CHECK(pad == last);
    }
  }
}

static void expect_failure(s3cse_cbc *cbc, const uint8_t *in, size_t len) {
  uint8_t out[ROOM];
  uint8_t before[16];
  size_t written = 0;
  s3cse_error error = {0};
  CHECK_OK(s3cse_cbc_update(cbc, out, ROOM, &written, in, len, NULL));
  memset(out, 0xEE, 16);
  memset(before, 0xEE, 16);
  CHECK_STATUS(S3CSE_ERROR_VERIFY, s3cse_cbc_finish(cbc, out, 16, &written, &error));
  CHECK(strcmp(error.message, "the data does not verify") == 0);
  CHECK(error.openssl_code == 0);
  CHECK(written == 0 && memcmp(out, before, 16) == 0);
  CHECK_STATUS(S3CSE_ERROR_STATE, s3cse_cbc_finish(cbc, out, 16, &written, NULL));
  CHECK_STATUS(S3CSE_ERROR_STATE,
               s3cse_cbc_update(cbc, out, ROOM, &written, in, len, NULL));
  s3cse_cbc_free(cbc);
}

static void every_failure_looks_the_same(void) {
  uint8_t sealed[64];
  uint8_t data[40];
  fill(data, 40, 2);
  CHECK(run(start(S3CSE_ENCRYPT, true), sealed, data, 40, 40, false) == 48);
  for (size_t len = 0; len < 48; len++) {
    expect_failure(start(S3CSE_DECRYPT, true), sealed, len);
  }
  for (size_t len = 1; len < 16; len++) {
    expect_failure(start(S3CSE_DECRYPT, false), sealed, len);
  }
  /* Flipping a bit of the second block flips it in the padding of the third. */
  for (unsigned bit = 0; bit < 64; bit++) {
    sealed[24 + bit / 8] ^= (uint8_t)(1U << (bit % 8));
    expect_failure(start(S3CSE_DECRYPT, true), sealed, 48);
    sealed[24 + bit / 8] ^= (uint8_t)(1U << (bit % 8));
  }
}

static void wrong_arguments_are_refused_and_change_nothing(void) {
  uint8_t data[48] = {0};
  size_t written = 0;
  s3cse_cbc *cbc = NULL;
  const s3cse_status wrong = S3CSE_ERROR_ARGUMENT;
  CHECK_STATUS(wrong, s3cse_cbc_new(&cbc, S3CSE_ENCRYPT, true, kKey, 24, kIv, 16, NULL));
  CHECK_STATUS(wrong, s3cse_cbc_new(&cbc, S3CSE_ENCRYPT, true, kKey, 32, kIv, 12, NULL));
  CHECK_STATUS(wrong, s3cse_cbc_new(&cbc, S3CSE_ENCRYPT, false, kKey, 32, kIv, 16, NULL));
  CHECK(cbc == NULL);
  cbc = start(S3CSE_ENCRYPT, true);
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               s3cse_cbc_update(cbc, data, 15, &written, data, 1, NULL));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP,
               s3cse_cbc_update(cbc, data, 32, &written, data + 16, 32, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_cbc_update(cbc, data, 48, &written, data, SIZE_MAX, NULL));
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT, s3cse_cbc_finish(cbc, data, 15, &written, NULL));
  CHECK_OK(s3cse_cbc_finish(cbc, data, 16, &written, NULL));
  s3cse_cbc_free(cbc);
  s3cse_cbc_free(NULL);
}

int main(void) {
  the_known_answer_comes_out();
  any_length_and_any_cut_come_back();
  the_padding_mask_follows_the_definition();
  every_failure_looks_the_same();
  wrong_arguments_are_refused_and_change_nothing();
  CHECK_DONE();
}
