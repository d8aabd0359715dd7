/* State, counting and the life of one EVP context. */
#include "../src/evp.h"

#include "check.h"

static const uint8_t kKey[S3CSE_KEY_BYTES] = {1, 2, 3};
static const uint8_t kIv[S3CSE_BLOCK_BYTES] = {4, 5, 6};

static s3cse_evp ready(uint64_t limit) {
  s3cse_evp evp = {0};
  CHECK_OK(s3cse_evp_init(&evp, S3CSE_CIPHER_CTR, S3CSE_ENCRYPT, kKey, kIv, limit, NULL));
  return evp;
}

static void every_cipher_starts(void) {
  for (int cipher = 0; cipher < S3CSE_NUM_CIPHERS; cipher++) {
    s3cse_evp evp = {0};
    CHECK_OK(
        s3cse_evp_init(&evp, (s3cse_cipher)cipher, S3CSE_DECRYPT, kKey, kIv, 1, NULL));
    CHECK_OK(s3cse_evp_check_ready(&evp, NULL));
    s3cse_evp_cleanup(&evp);
    s3cse_evp_cleanup(&evp);
  }
}

static void counting_stops_at_the_limit_and_changes_nothing(void) {
  s3cse_evp evp = ready(100);
  s3cse_error error = {0};
  CHECK_OK(s3cse_evp_reserve(&evp, 99, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT, s3cse_evp_reserve(&evp, 2, &error));
  CHECK(error.offset == 99);
  CHECK_STATUS(S3CSE_ERROR_LIMIT, s3cse_evp_reserve(&evp, UINT64_MAX, &error));
  CHECK_OK(s3cse_evp_reserve(&evp, 1, NULL));
  CHECK_OK(s3cse_evp_reserve(&evp, 0, NULL));
  CHECK(evp.done == 100);
  s3cse_evp_cleanup(&evp);
}

static void a_finished_context_takes_nothing_more(void) {
  s3cse_evp evp = ready(100);
  s3cse_error error = {0};
  s3cse_evp_finish(&evp);
  CHECK(evp.ctx == NULL);
  CHECK_STATUS(S3CSE_ERROR_STATE, s3cse_evp_check_ready(&evp, &error));
  CHECK(strcmp(error.message, "the cipher is finished") == 0);
}

static void a_failure_is_final(void) {
  s3cse_evp evp = ready(100);
  s3cse_error error = {0};
  ERR_raise(ERR_LIB_EVP, 100);
  CHECK_STATUS(S3CSE_ERROR_OPENSSL,
               s3cse_evp_fail(&evp, S3CSE_ERROR_OPENSSL, "broken", &error));
  CHECK(evp.ctx == NULL);
  CHECK(error.openssl_code != 0);
  CHECK_STATUS(S3CSE_ERROR_STATE, s3cse_evp_check_ready(&evp, &error));
  CHECK(strcmp(error.message, "the cipher has failed before") == 0);
}

/* With pieces of 64 bytes this crosses many of them. */
static void the_output_does_not_depend_on_the_pieces(void) {
  enum { LEN = 1000 };
  uint8_t data[LEN];
  uint8_t whole[LEN];
  uint8_t parts[LEN];
  size_t written = 0;
  fill(data, LEN, 1);
  s3cse_evp evp = ready(LEN);
  CHECK_OK(s3cse_evp_stream(&evp, whole, LEN, &written, data, LEN, NULL));
  CHECK(written == LEN);
  s3cse_evp_cleanup(&evp);
  evp = ready(LEN);
  for (size_t at = 0; at < LEN; at++) {
    CHECK_OK(s3cse_evp_stream(&evp, parts + at, 1, &written, data + at, 1, NULL));
  }
  s3cse_evp_cleanup(&evp);
  CHECK(memcmp(whole, parts, LEN) == 0);
}

/* EVP in CBC mode returns less than it is given for a part of a block: the kind of answer
 * that must not pass. */
static void a_short_answer_of_evp_is_a_failure(void) {
  s3cse_evp evp = {0};
  uint8_t data[10] = {0};
  uint8_t out[32];
  CHECK_OK(s3cse_evp_init(&evp, S3CSE_CIPHER_CBC, S3CSE_ENCRYPT, kKey, kIv, 99, NULL));
  CHECK_STATUS(S3CSE_ERROR_OPENSSL, s3cse_evp_run(&evp, out, data, sizeof(data), NULL));
  CHECK(evp.state == S3CSE_FAILED && evp.ctx == NULL);
}

int main(void) {
  every_cipher_starts();
  counting_stops_at_the_limit_and_changes_nothing();
  a_finished_context_takes_nothing_more();
  a_failure_is_final();
  the_output_does_not_depend_on_the_pieces();
  a_short_answer_of_evp_is_a_failure();
  CHECK_DONE();
}
