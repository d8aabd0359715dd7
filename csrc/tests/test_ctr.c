/* AES-256-CTR as the keystream of GCM: known answers, ranges, counter limits. */
#include "check.h"

enum { LEN = 300 };

static const uint8_t kKey[S3CSE_KEY_BYTES] = {1, 2, 3};
static const uint8_t kIv[S3CSE_GCM_IV_BYTES] = {4, 5, 6};

static s3cse_ctr *start(uint64_t first_block) {
  s3cse_ctr *ctr = NULL;
  CHECK_OK(s3cse_ctr_new(&ctr, kKey, 32, kIv, 12, first_block, NULL));
  return ctr;
}

static void run(uint8_t *out, const uint8_t *in, size_t len, uint64_t first_block) {
  size_t written = 0;
  s3cse_ctr *ctr = start(first_block);
  CHECK_OK(s3cse_ctr_update(ctr, out, len, &written, in, len, NULL));
  CHECK(written == len);
  s3cse_ctr_free(ctr);
}

/* SP 800-38A F.5.5. Its counter block f0f1...ff is our IV f0...fb and block 0xfcfdfeff
 * - 2. */
static void the_known_answer_comes_out(void) {
  uint8_t key[32];
  uint8_t iv[12];
  uint8_t data[64];
  uint8_t want[64];
  size_t written = 0;
  s3cse_ctr *ctr = NULL;
  from_hex(key, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  from_hex(iv, "f0f1f2f3f4f5f6f7f8f9fafb");
  from_hex(data,
           "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
           "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  from_hex(want,
           "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
           "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6");
  CHECK_OK(s3cse_ctr_new(&ctr, key, 32, iv, 12, 0xFCFDFEFF - 2, NULL));
  CHECK_OK(s3cse_ctr_update(ctr, data, 64, &written, data, 64, NULL));
  s3cse_ctr_free(ctr);
  CHECK(memcmp(data, want, 64) == 0);
}

static void it_is_the_keystream_of_gcm(void) {
  uint8_t data[LEN];
  uint8_t want[LEN];
  uint8_t got[LEN];
  size_t written = 0;
  s3cse_gcm *gcm = NULL;
  fill(data, LEN, 1);
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, kIv, 12, NULL, 0, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, want, LEN, &written, data, LEN, NULL));
  s3cse_gcm_free(gcm);
  for (size_t block = 0; block * 16 < LEN; block++) {
    const size_t at = block * 16;
    run(got + at, data + at, LEN - at, block);
    CHECK(memcmp(got + at, want + at, LEN - at) == 0);
  }
}

static void any_cut_gives_the_same_bytes(void) {
  uint8_t data[LEN];
  uint8_t want[LEN];
  size_t written = 0;
  fill(data, LEN, 2);
  run(want, data, LEN, 7);
  s3cse_ctr *ctr = start(7);
  for (size_t at = 0, step = 0; at < LEN; at += step, step++) {
    step = at + step > LEN ? LEN - at : step;
    CHECK_OK(s3cse_ctr_update(ctr, data + at, step, &written, data + at, step, NULL));
  }
  s3cse_ctr_free(ctr);
  CHECK(memcmp(data, want, 290) == 0);
}

static void the_counter_never_wraps(void) {
  const uint64_t last = S3CSE_GCM_MAX_BLOCKS;
  uint8_t data[33] = {0};
  size_t written = 0;
  s3cse_error error = {0};
  s3cse_ctr *ctr = start(last - 2);
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_ctr_update(ctr, data, 33, &written, data, 33, &error));
  CHECK(error.offset == 0 && data[0] == 0 && written == 0);
  CHECK_OK(s3cse_ctr_update(ctr, data, 32, &written, data, 32, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_ctr_update(ctr, data, 1, &written, data, 1, NULL));
  s3cse_ctr_free(ctr);
  ctr = start(last);
  CHECK_OK(s3cse_ctr_update(ctr, NULL, 0, &written, NULL, 0, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_ctr_update(ctr, data, 1, &written, data, 1, NULL));
  s3cse_ctr_free(ctr);
  CHECK_STATUS(S3CSE_ERROR_LIMIT, s3cse_ctr_new(&ctr, kKey, 32, kIv, 12, last + 1, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_ctr_new(&ctr, kKey, 32, kIv, 12, UINT64_MAX, NULL));
  CHECK(ctr == NULL);
}

static void wrong_arguments_are_refused(void) {
  uint8_t data[8] = {0};
  size_t written = 0;
  s3cse_ctr *ctr = NULL;
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_ctr_new(&ctr, kKey, 16, kIv, 12, 0, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_ctr_new(&ctr, kKey, 32, kIv, 11, 0, NULL));
  CHECK(ctr == NULL);
  ctr = start(0);
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               s3cse_ctr_update(ctr, data, 7, &written, data, 8, NULL));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP,
               s3cse_ctr_update(ctr, data, 7, &written, data + 1, 7, NULL));
  s3cse_ctr_free(ctr);
  s3cse_ctr_free(NULL);
}

int main(void) {
  the_known_answer_comes_out();
  it_is_the_keystream_of_gcm();
  any_cut_gives_the_same_bytes();
  the_counter_never_wraps();
  wrong_arguments_are_refused();
  CHECK_DONE();
}
