/* Which pairs of buffers are accepted, and arithmetic at the edges. */
#include "../src/span.h"

#include "check.h"

static void null_is_legal_with_length_zero_only(void) {
  CHECK_OK(s3cse_span_check(NULL, 0, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_span_check(NULL, 1, NULL));
  CHECK_OK(s3cse_span_check_pair(NULL, 0, 0, NULL, 0, 0, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_span_check_pair(NULL, 5, 0, NULL, 0, 0, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_span_check_pair(NULL, 0, 0, NULL, 5, 0, NULL));
}

/* Every placement of two ranges within 12 bytes, against the definition of overlap. */
static void every_overlap_but_the_exact_one_is_refused(void) {
  uint8_t memory[12];
  for (size_t out = 0; out <= 8; out++) {
    for (size_t in = 0; in <= 8; in++) {
      for (size_t len = 0; len <= 4; len++) {
        const bool apart = len == 0 || out + len <= in || in + len <= out;
        const s3cse_status expected = apart || out == in ? S3CSE_OK : S3CSE_ERROR_OVERLAP;
        CHECK_STATUS(expected, s3cse_span_check_pair(memory + out, len, len, memory + in,
                                                     len, 0, NULL));
      }
    }
  }
}

static void room_beyond_what_is_written_may_overlap(void) {
  uint8_t memory[12];
  CHECK_OK(s3cse_span_check_pair(memory, 12, 4, memory + 4, 4, 0, NULL));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP,
               s3cse_span_check_pair(memory, 12, 5, memory + 4, 4, 0, NULL));
}

static void a_short_output_is_refused(void) {
  uint8_t memory[4];
  s3cse_error error = {0};
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               s3cse_span_check_pair(memory, 3, 4, NULL, 0, 42, &error));
  CHECK(error.offset == 42);
}

static void rounding_up_never_wraps(void) {
  size_t rounded = 1;
  CHECK_OK(s3cse_span_round_up(&rounded, 0, NULL));
  CHECK(rounded == 0);
  CHECK_OK(s3cse_span_round_up(&rounded, 1, NULL));
  CHECK(rounded == 16);
  CHECK_OK(s3cse_span_round_up(&rounded, 16, NULL));
  CHECK(rounded == 16);
  CHECK_OK(s3cse_span_round_up(&rounded, SIZE_MAX - 15, NULL));
  CHECK(rounded == SIZE_MAX - 15);
  CHECK_STATUS(S3CSE_ERROR_LIMIT, s3cse_span_round_up(&rounded, SIZE_MAX - 14, NULL));
}

static void copies_may_overlap_and_may_be_nothing(void) {
  uint8_t memory[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const uint8_t moved[8] = {1, 2, 1, 2, 3, 4, 5, 6};
  s3cse_span_copy(memory + 2, memory, 6);
  CHECK(memcmp(memory, moved, 8) == 0);
  s3cse_span_copy(NULL, NULL, 0);
  s3cse_span_wipe(NULL, 0);
  s3cse_span_wipe(memory, 7);
  CHECK(memory[0] == 0 && memory[6] == 0 && memory[7] == 6);
}

int main(void) {
  null_is_legal_with_length_zero_only();
  every_overlap_but_the_exact_one_is_refused();
  room_beyond_what_is_written_may_overlap();
  a_short_output_is_refused();
  rounding_up_never_wraps();
  copies_may_overlap_and_may_be_nothing();
  CHECK_DONE();
}
