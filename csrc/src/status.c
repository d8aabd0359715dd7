#include "status.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>

s3cse_status s3cse_fail(s3cse_error *error, s3cse_status status, uint64_t offset,
                        const char *text) {
  if (error == NULL) {
    return status;
  }
  error->status = status;
  error->offset = offset;
  error->openssl_code = 0;
  (void)snprintf(error->message, sizeof(error->message), "%s", text);
  return status;
}

s3cse_status s3cse_fail_openssl(s3cse_error *error, s3cse_status status, uint64_t offset,
                                const char *text) {
  /* The oldest entry is the cause; what follows is the way it took through OpenSSL. */
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const s3cse_status failed = s3cse_fail(error, status, offset, text);
  if (error == NULL || code == 0) {
    return failed;
  }
  const char *reason = ERR_reason_error_string(code);
  error->openssl_code = code;
  (void)snprintf(error->message, sizeof(error->message), "%s (OpenSSL: %s)", text,
                 reason == NULL ? "no reason given" : reason);
  /* Loading the reason strings may itself have failed for lack of memory. */
  ERR_clear_error();
  return failed;
}

s3cse_status s3cse_openssl_version(uint64_t *version) {
  if (version == NULL) {
    return S3CSE_ERROR_ARGUMENT;
  }
  *version = OpenSSL_version_num();
  return S3CSE_OK;
}

s3cse_status s3cse_openssl_pending(uint64_t *code) {
  if (code == NULL) {
    return S3CSE_ERROR_ARGUMENT;
  }
  *code = ERR_peek_error();
  return S3CSE_OK;
}
