/* What a failure tells the caller, and that it leaves nothing behind in OpenSSL. */
#include "../src/status.h"

#include "check.h"

static void a_failure_fills_the_error(void) {
  s3cse_error error = {0};
  CHECK_STATUS(S3CSE_ERROR_LIMIT, s3cse_fail(&error, S3CSE_ERROR_LIMIT, 7, "too long"));
  CHECK(error.status == S3CSE_ERROR_LIMIT);
  CHECK(error.offset == 7);
  CHECK(error.openssl_code == 0);
  CHECK(strcmp(error.message, "too long") == 0);
}

static void a_caller_may_want_no_detail(void) {
  CHECK_STATUS(S3CSE_ERROR_STATE, s3cse_fail(NULL, S3CSE_ERROR_STATE, 0, "x"));
  ERR_raise(ERR_LIB_EVP, 100);
  CHECK_STATUS(S3CSE_ERROR_OPENSSL,
               s3cse_fail_openssl(NULL, S3CSE_ERROR_OPENSSL, 0, "x"));
}

static void the_queue_is_drained_into_the_error(void) {
  s3cse_error error = {0};
  ERR_raise(ERR_LIB_EVP, 101);
  ERR_raise(ERR_LIB_EVP, 102);
  CHECK_STATUS(S3CSE_ERROR_OPENSSL,
               s3cse_fail_openssl(&error, S3CSE_ERROR_OPENSSL, 3, "it broke"));
  CHECK(ERR_GET_REASON((unsigned long)error.openssl_code) == 101);
  CHECK(strncmp(error.message, "it broke (OpenSSL: ", 19) == 0);
  CHECK(error.offset == 3);
}

static void an_empty_queue_adds_nothing(void) {
  s3cse_error error = {0};
  CHECK_STATUS(S3CSE_ERROR_VERIFY,
               s3cse_fail_openssl(&error, S3CSE_ERROR_VERIFY, 0, "no"));
  CHECK(error.openssl_code == 0);
  CHECK(strcmp(error.message, "no") == 0);
}

static void a_long_text_is_cut_and_still_ends(void) {
  char text[2 * S3CSE_MESSAGE_BYTES];
  s3cse_error error;
  memset(text, 'x', sizeof(text) - 1);
  text[sizeof(text) - 1] = 0;
  memset(&error, 0xFF, sizeof(error));
  CHECK_STATUS(S3CSE_ERROR_STATE, s3cse_fail(&error, S3CSE_ERROR_STATE, 0, text));
  CHECK(strlen(error.message) == S3CSE_MESSAGE_BYTES - 1);
}

static void the_library_tells_its_version_and_its_queue(void) {
  uint64_t value = 0;
  CHECK_OK(s3cse_openssl_version(&value));
  CHECK(value >= 0x30000000);
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_openssl_version(NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_openssl_pending(NULL));
  CHECK_OK(s3cse_openssl_pending(&value));
  CHECK(value == 0);
  ERR_raise(ERR_LIB_EVP, 103);
  CHECK(s3cse_openssl_pending(&value) == S3CSE_OK);
  CHECK(ERR_GET_REASON((unsigned long)value) == 103);
  ERR_clear_error();
}

int main(void) {
  a_failure_fills_the_error();
  a_caller_may_want_no_detail();
  the_queue_is_drained_into_the_error();
  an_empty_queue_adds_nothing();
  a_long_text_is_cut_and_still_ends();
  the_library_tells_its_version_and_its_queue();
  CHECK_DONE();
}
