/* check.h: the whole test framework. CHECK counts and reports failures and goes on;
 * CHECK_DONE ends main. */
#ifndef S3CSE_TESTS_CHECK_H
#define S3CSE_TESTS_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3cse.h"

/* The field arithmetic is also tested for machines that have no OpenSSL built for them here. */
#if !defined(S3CSE_CHECK_WITHOUT_OPENSSL)
#include <openssl/err.h>
#endif

static int num_checks;
static int num_failed;

#define CHECK(condition)                                                       \
  do {                                                                         \
    num_checks++;                                                              \
    if (!(condition)) {                                                        \
      num_failed++;                                                            \
      fprintf(stderr, "%s:%d: %s: failed: %s\n", __FILE__, __LINE__, __func__, \
              #condition);                                                     \
    }                                                                          \
  } while (0)

/* Every call of the library also leaves the OpenSSL queue empty. */
#define CHECK_STATUS(expected, call) \
  do {                               \
    CHECK((call) == (expected));     \
    CHECK(ERR_peek_error() == 0);    \
  } while (0)

#define CHECK_OK(call) CHECK_STATUS(S3CSE_OK, call)

/* A test program that checked nothing has failed as well. */
#define CHECK_DONE()                                                        \
  do {                                                                      \
    printf("%d checks, %d failed\n", num_checks, num_failed);               \
    return num_failed == 0 && num_checks > 0 ? EXIT_SUCCESS : EXIT_FAILURE; \
  } while (0)

static inline size_t from_hex(uint8_t *out, const char *hex) {
  const size_t len = strlen(hex) / 2;
  for (size_t i = 0; i < len; i++) {
    unsigned value = 0;
    if (sscanf(hex + 2 * i, "%2x", &value) != 1) {
      fprintf(stderr, "not hex: %s\n", hex);
      abort();
    }
    out[i] = (uint8_t)value;
  }
  return len;
}

/* Bytes without a pattern that the cipher could keep, and the same in every run. */
static inline void fill(uint8_t *out, size_t len, uint32_t seed) {
  uint32_t state = seed * 2654435761U + 1;
  for (size_t i = 0; i < len; i++) {
    state = state * 1664525U + 1013904223U;
    out[i] = (uint8_t)(state >> 24);
  }
}

#endif
