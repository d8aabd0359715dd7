/* status.h: how a unit reports a failure. Internal. */
#ifndef S3CSE_SRC_STATUS_H
#define S3CSE_SRC_STATUS_H

#include "s3cse.h"

/* S3CSE_GUARD leaves the function with the status of |expression| unless that is
 * S3CSE_OK. */
#define S3CSE_GUARD(expression)                \
  do {                                         \
    const s3cse_status guarded = (expression); \
    if (guarded != S3CSE_OK) {                 \
      return guarded;                          \
    }                                          \
  } while (0)

/* s3cse_fail fills |error| (may be NULL) and returns |status|. |offset| as in
 * s3cse_error. */
S3CSE_MUST_USE s3cse_status s3cse_fail(s3cse_error *error, s3cse_status status,
                                       uint64_t offset, const char *text);

/* s3cse_fail_openssl is s3cse_fail that also drains this thread's OpenSSL queue into
 * |error|. */
S3CSE_MUST_USE s3cse_status s3cse_fail_openssl(s3cse_error *error, s3cse_status status,
                                               uint64_t offset, const char *text);

#endif
