/* libFuzzer's target for frames: what is sealed is opened, in any batches and by any key
 * size; what was changed is not, and leaves zeros; arbitrary bytes open nothing and are
 * read no further than they go. Built by tests/csrc/test_c_units.py where clang is. */
#include <stdlib.h>
#include <string.h>

#include "s3cse.h"

/* No assert: it must hold in every build. */
#define MUST(condition) \
  do {                  \
    if (!(condition)) { \
      abort();          \
    }                   \
  } while (0)

typedef struct {
  uint8_t key[S3CSE_KEY_BYTES];
  size_t key_len;
  uint8_t id[S3CSE_MESSAGE_ID_MAX_BYTES];
  size_t id_len;
  uint32_t first;
  uint32_t frame_length;
  size_t batch; /* frames in a call */
} settings;

enum { SETTINGS_BYTES = 8 };

static settings read_settings(const uint8_t *in) {
  static const size_t kKeys[] = {16, 24, 32};
  settings s = {0};
  memset(s.key, in[0], sizeof(s.key));
  s.key_len = kKeys[in[1] % 3];
  memset(s.id, in[2], sizeof(s.id));
  s.id_len = in[3] % (S3CSE_MESSAGE_ID_MAX_BYTES + 1);
  /* Near both ends of the numbers. */
  s.first = in[4] < 128 ? in[4] + 1U : UINT32_MAX - (uint32_t)(in[4] - 128);
  s.frame_length = in[5] + 1U;
  s.batch = in[6] % 5 + 1U;
  return s;
}

/* Exactly as long as it is said to be, so that the sanitizer sees a byte too many. */
static uint8_t *copy_of(const uint8_t *data, size_t len) {
  uint8_t *copy = malloc(len == 0 ? 1 : len);
  MUST(copy != NULL);
  if (len > 0) {
    memcpy(copy, data, len);
  }
  return copy;
}

static void open_arbitrary(const settings *s, const uint8_t *data, size_t len) {
  size_t written = 1;
  s3cse_error error = {0};
  uint8_t *in = copy_of(data, len);
  uint8_t *out = malloc(len + 1);
  MUST(out != NULL);
  memset(out, 0xAA, len + 1);
  const s3cse_status status =
      s3cse_frames_open(out, len, &written, s->key, s->key_len, s->id, s->id_len,
                        s->first, s->frame_length, in, len, &error);
  MUST(status != S3CSE_OK || len == 0);
  MUST(written == 0);
  MUST(out[len] == 0xAA);
  for (size_t i = 0; status == S3CSE_ERROR_VERIFY && i < len; i++) {
    MUST(out[i] == 0 || out[i] == 0xAA);
  }
  free(in);
  free(out);
}

static void seal_and_open(const settings *s, const uint8_t *data, size_t len,
                          uint8_t change) {
  const size_t frame = s->frame_length;
  const size_t stride = frame + S3CSE_FRAME_OVERHEAD_BYTES;
  const size_t num = len / frame;
  if (num == 0 || num > UINT32_MAX - (size_t)s->first) {
    return;
  }
  uint8_t *in = copy_of(data, num * frame);
  uint8_t *sealed = malloc(num * stride);
  uint8_t *back = malloc(num * frame);
  MUST(sealed != NULL && back != NULL);
  size_t written = 0;
  for (size_t at = 0; at < num; at += s->batch) {
    const size_t count = num - at < s->batch ? num - at : s->batch;
    MUST(s3cse_frames_seal(sealed + at * stride, count * stride, &written, s->key,
                           s->key_len, s->id, s->id_len, s->first + (uint32_t)at,
                           s->frame_length, in + at * frame, count * frame,
                           NULL) == S3CSE_OK);
    MUST(written == count * stride);
  }
  MUST(s3cse_frames_open(back, num * frame, &written, s->key, s->key_len, s->id,
                         s->id_len, s->first, s->frame_length, sealed, num * stride,
                         NULL) == S3CSE_OK);
  MUST(written == num * frame);
  MUST(memcmp(back, in, num * frame) == 0);
  sealed[(change * 31U) % (num * stride)] ^= (uint8_t)(1U << (change % 8));
  memset(back, 0xAA, num * frame);
  MUST(s3cse_frames_open(back, num * frame, &written, s->key, s->key_len, s->id,
                         s->id_len, s->first, s->frame_length, sealed, num * stride,
                         NULL) == S3CSE_ERROR_VERIFY);
  for (size_t i = 0; i < num * frame; i++) {
    MUST(back[i] == 0);
  }
  free(in);
  free(sealed);
  free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < SETTINGS_BYTES) {
    return 0;
  }
  const settings s = read_settings(data);
  open_arbitrary(&s, data + SETTINGS_BYTES, size - SETTINGS_BYTES);
  seal_and_open(&s, data + SETTINGS_BYTES, size - SETTINGS_BYTES, data[7]);
  return 0;
}
