/* span.h: arithmetic on buffers that cannot overflow, and copies that accept NULL with 0.
 * Internal. */
#ifndef S3CSE_SRC_SPAN_H
#define S3CSE_SRC_SPAN_H

#include "s3cse.h"

/* s3cse_span_check refuses a NULL |data| with a length above zero. */
S3CSE_MUST_USE s3cse_status s3cse_span_check(const void *data, size_t len,
                                             s3cse_error *error);

/* s3cse_span_check_pair refuses an output of |out_cap| bytes that is smaller than
 * |needed|, and one whose first |needed| bytes overlap |in| unless both start at the same
 * address. */
S3CSE_MUST_USE s3cse_status s3cse_span_check_pair(const uint8_t *out, size_t out_cap,
                                                  size_t needed, const uint8_t *in,
                                                  size_t in_len, uint64_t offset,
                                                  s3cse_error *error);

/* s3cse_span_round_up sets |*rounded| to |len| rounded up to whole blocks. */
S3CSE_MUST_USE s3cse_status s3cse_span_round_up(size_t *rounded, size_t len,
                                                s3cse_error *error);

/* s3cse_span_copy copies |len| bytes; the two may overlap, and may be NULL where |len| is
 * 0. */
void s3cse_span_copy(uint8_t *out, const uint8_t *in, size_t len);

/* s3cse_span_wipe overwrites |len| bytes in a way the compiler may not drop; NULL with 0
 * is legal. */
void s3cse_span_wipe(void *data, size_t len);

#endif
