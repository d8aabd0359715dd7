/* AES-GCM: known answers, cuts, refusals, limits, and the end of a message. */
#include "check.h"

enum { LEN = 300 };

static const uint8_t kKey[S3CSE_KEY_BYTES] = {1, 2, 3};
static const uint8_t kIv[S3CSE_GCM_IV_BYTES] = {4, 5, 6};
static const uint8_t kAad[2] = {0x00, 0x73};

static s3cse_gcm *start(s3cse_direction direction) {
  s3cse_gcm *gcm = NULL;
  CHECK_OK(s3cse_gcm_new(&gcm, direction, kKey, 32, kIv, 12, kAad, 2, NULL));
  CHECK(gcm != NULL);
  return gcm;
}

/* Encrypts |data| in steps of |step| bytes, with an empty write before each. */
static void seal(uint8_t *out, uint8_t tag[16], const uint8_t *data, size_t len,
                 size_t step) {
  s3cse_gcm *gcm = start(S3CSE_ENCRYPT);
  size_t written = 0;
  for (size_t at = 0; at < len; at += step) {
    const size_t piece = len - at < step ? len - at : step;
    CHECK_OK(s3cse_gcm_update(gcm, NULL, 0, &written, NULL, 0, NULL));
    CHECK_OK(s3cse_gcm_update(gcm, out + at, piece, &written, data + at, piece, NULL));
    CHECK(written == piece);
  }
  CHECK_OK(s3cse_gcm_finish_encrypt(gcm, tag, 16, NULL));
  s3cse_gcm_free(gcm);
}

/* FORMATS.md section 22, V3 case #3: from aws/amazon-s3-encryption-client-go. */
static void the_known_answer_comes_out(void) {
  uint8_t key[32];
  uint8_t iv[12];
  uint8_t want[29];
  uint8_t got[29];
  size_t written = 0;
  s3cse_gcm *gcm = NULL;
  from_hex(key, "bd99a917127150fae9e6f87193b122c52ae72fbcdc30e8d18cdf81fabf8b2df3");
  from_hex(want, "ac9f0d1185cbc1d2b7e77788b4abe58c0c421fa648faca6de694057e9a");
  memset(iv, 1, sizeof(iv));
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, key, 32, iv, 12, kAad, 2, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, got, 13, &written, (const uint8_t *)"Hello, World!", 13,
                            NULL));
  CHECK_OK(s3cse_gcm_finish_encrypt(gcm, got + 13, 16, NULL));
  s3cse_gcm_free(gcm);
  CHECK(memcmp(got, want, sizeof(want)) == 0);
}

/* SP 800-38D's test cases 1, 7 and 13 (zero key and IV, nothing to encrypt): one for each
 * size of AES. */
static void every_size_of_key_has_its_own_cipher(void) {
  const size_t sizes[] = {16, 24, 32};
  const char *const tags[] = {"58e2fccefa7e3061367f1d57a4e7455a",
                              "cd33b28ac773f74ba00ed1f312572435",
                              "530f8afbc74536b9a963b4f1c4cb738b"};
  const uint8_t zeros[32] = {0};
  for (size_t i = 0; i < 3; i++) {
    uint8_t want[16];
    uint8_t got[16];
    s3cse_gcm *gcm = NULL;
    from_hex(want, tags[i]);
    CHECK_OK(
        s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, zeros, sizes[i], zeros, 12, NULL, 0, NULL));
    CHECK_OK(s3cse_gcm_finish_encrypt(gcm, got, 16, NULL));
    s3cse_gcm_free(gcm);
    CHECK(memcmp(got, want, 16) == 0);
  }
}

static void any_cut_gives_the_same_bytes(void) {
  const size_t steps[] = {1, 15, 16, 17, 64, LEN};
  uint8_t data[LEN];
  uint8_t whole[LEN];
  uint8_t cut[LEN];
  uint8_t tag[16];
  uint8_t cut_tag[16];
  fill(data, LEN, 1);
  seal(whole, tag, data, LEN, LEN);
  for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    memcpy(cut, data, LEN);
    seal(cut, cut_tag, cut, LEN, steps[i]); /* in place */
    CHECK(memcmp(whole, cut, LEN) == 0);
    CHECK(memcmp(tag, cut_tag, 16) == 0);
  }
}

static void a_message_opens_and_a_flipped_bit_does_not(void) {
  uint8_t data[LEN];
  uint8_t sealed[LEN];
  uint8_t opened[LEN];
  uint8_t tag[16];
  size_t written = 0;
  s3cse_error error = {0};
  fill(data, LEN, 2);
  seal(sealed, tag, data, LEN, LEN);
  s3cse_gcm *gcm = start(S3CSE_DECRYPT);
  CHECK_OK(s3cse_gcm_update(gcm, opened, LEN, &written, sealed, LEN, NULL));
  CHECK_OK(s3cse_gcm_finish_decrypt(gcm, tag, 16, NULL));
  CHECK(memcmp(opened, data, LEN) == 0);
  s3cse_gcm_free(gcm);
  for (unsigned bit = 0; bit < 128; bit++) {
    tag[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    gcm = start(S3CSE_DECRYPT);
    CHECK_OK(s3cse_gcm_update(gcm, opened, LEN, &written, sealed, LEN, NULL));
    CHECK_STATUS(S3CSE_ERROR_VERIFY, s3cse_gcm_finish_decrypt(gcm, tag, 16, &error));
    CHECK(error.offset == LEN);
    CHECK(strcmp(error.message, "the data does not verify") == 0);
    CHECK_STATUS(S3CSE_ERROR_STATE,
                 s3cse_gcm_update(gcm, opened, 1, &written, sealed, 1, NULL));
    tag[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    CHECK_STATUS(S3CSE_ERROR_STATE, s3cse_gcm_finish_decrypt(gcm, tag, 16, NULL));
    s3cse_gcm_free(gcm);
  }
}

static void an_empty_message_has_a_tag(void) {
  uint8_t tag[16];
  size_t written = 9;
  seal(NULL, tag, NULL, 0, 1);
  s3cse_gcm *gcm = start(S3CSE_DECRYPT);
  CHECK_OK(s3cse_gcm_update(gcm, NULL, 0, &written, NULL, 0, NULL));
  CHECK(written == 0);
  CHECK_OK(s3cse_gcm_finish_decrypt(gcm, tag, 16, NULL));
  s3cse_gcm_free(gcm);
}

static void wrong_arguments_start_nothing(void) {
  s3cse_gcm *gcm = NULL;
  const s3cse_status wrong = S3CSE_ERROR_ARGUMENT;
  CHECK_STATUS(wrong,
               s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 31, kIv, 12, NULL, 0, NULL));
  CHECK_STATUS(wrong,
               s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 0, kIv, 12, NULL, 0, NULL));
  CHECK_STATUS(wrong,
               s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, NULL, 32, kIv, 12, NULL, 0, NULL));
  CHECK_STATUS(wrong,
               s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, kIv, 16, NULL, 0, NULL));
  CHECK_STATUS(wrong,
               s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, NULL, 12, NULL, 0, NULL));
  CHECK_STATUS(wrong,
               s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, kIv, 12, NULL, 1, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT, s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, kIv, 12,
                                                kAad, SIZE_MAX, NULL));
  CHECK(gcm == NULL);
  s3cse_gcm_free(NULL);
}

static void a_refused_call_changes_nothing(void) {
  uint8_t data[LEN];
  uint8_t want[LEN];
  uint8_t tag[16];
  uint8_t got_tag[16];
  size_t written = 0;
  fill(data, LEN, 3);
  seal(want, tag, data, LEN, LEN);
  s3cse_gcm *gcm = start(S3CSE_ENCRYPT);
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               s3cse_gcm_update(gcm, data, LEN - 1, &written, data, LEN, NULL));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP,
               s3cse_gcm_update(gcm, data + 1, LEN - 1, &written, data, LEN - 1, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT,
               s3cse_gcm_update(gcm, data, LEN, &written, NULL, LEN, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_gcm_finish_decrypt(gcm, tag, 16, NULL));
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               s3cse_gcm_finish_encrypt(gcm, got_tag, 15, NULL));
  CHECK(written == 0);
  CHECK_OK(s3cse_gcm_update(gcm, data, LEN, &written, data, LEN, NULL));
  CHECK_OK(s3cse_gcm_finish_encrypt(gcm, got_tag, 16, NULL));
  CHECK(memcmp(data, want, LEN) == 0);
  CHECK(memcmp(tag, got_tag, 16) == 0);
  CHECK_STATUS(S3CSE_ERROR_STATE, s3cse_gcm_finish_encrypt(gcm, got_tag, 16, NULL));
  s3cse_gcm_free(gcm);
}

static void a_tag_of_another_length_is_refused(void) {
  uint8_t tag[17];
  seal(NULL, tag, NULL, 0, 1);
  s3cse_gcm *gcm = start(S3CSE_DECRYPT);
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_gcm_finish_decrypt(gcm, tag, 15, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_gcm_finish_decrypt(gcm, tag, 17, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_gcm_finish_decrypt(gcm, NULL, 16, NULL));
  CHECK_OK(s3cse_gcm_finish_decrypt(gcm, tag, 16, NULL));
  s3cse_gcm_free(gcm);
}

static void the_message_ends_at_2_36_minus_32_bytes(void) {
  const uint64_t limit = ((uint64_t)1 << 36) - 32;
  uint8_t byte = 0x5A;
  size_t written = 0;
  s3cse_error error = {0};
  s3cse_gcm *gcm = start(S3CSE_ENCRYPT);
  CHECK_OK(s3cse_gcm_advance(gcm, limit - 1, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, &byte, 1, &written, &byte, 1, NULL));
  byte = 0x5A;
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_gcm_update(gcm, &byte, 1, &written, &byte, 1, &error));
  CHECK(error.offset == limit);
  CHECK(byte == 0x5A);
  CHECK_OK(s3cse_gcm_update(gcm, NULL, 0, &written, NULL, 0, NULL));
  s3cse_gcm_free(gcm);
}

int main(void) {
  the_known_answer_comes_out();
  every_size_of_key_has_its_own_cipher();
  any_cut_gives_the_same_bytes();
  a_message_opens_and_a_flipped_bit_does_not();
  an_empty_message_has_a_tag();
  wrong_arguments_start_nothing();
  a_refused_call_changes_nothing();
  a_tag_of_another_length_is_refused();
  the_message_ends_at_2_36_minus_32_bytes();
  CHECK_DONE();
}
