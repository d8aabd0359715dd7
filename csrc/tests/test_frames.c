/* Frames of messages: the same as one GCM message each, refusals, limits, and wiping. */
#include "check.h"

enum { FRAME = 150, NUM = 3, STRIDE = FRAME + S3CSE_FRAME_OVERHEAD_BYTES, FIRST = 7 };

static const uint8_t kKey[S3CSE_KEY_BYTES] = {1, 2, 3};
static const uint8_t kId[S3CSE_MESSAGE_ID_MAX_BYTES] = {4, 5, 6};
static const char kText[] = "AWSKMSEncryptionClient Frame";

static void seal(uint8_t *out, const uint8_t *in, size_t key_len, size_t id_len) {
  size_t written = 0;
  CHECK_OK(s3cse_frames_seal(out, NUM * STRIDE, &written, kKey, key_len, kId, id_len,
                             FIRST, FRAME, in, NUM * FRAME, NULL));
  CHECK(written == NUM * STRIDE);
}

/* One frame by the unit for whole messages. */
static void seal_apart(uint8_t *out, const uint8_t *in, size_t key_len, size_t id_len,
                       uint8_t sequence) {
  uint8_t aad[32 + 28 + 12] = {0};
  size_t written = 0;
  s3cse_gcm *gcm = NULL;
  memcpy(aad, kId, id_len);
  memcpy(aad + id_len, kText, 28);
  aad[id_len + 28 + 3] = sequence;
  aad[id_len + 28 + 11] = FRAME;
  memset(out, 0, 16);
  out[3] = sequence;
  out[15] = sequence;
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, key_len, out + 4, 12, aad,
                         id_len + 28 + 12, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, out + 16, FRAME, &written, in, FRAME, NULL));
  CHECK_OK(s3cse_gcm_finish_encrypt(gcm, out + 16 + FRAME, 16, NULL));
  s3cse_gcm_free(gcm);
}

static void frames_are_gcm_messages(void) {
  const size_t keys[] = {16, 24, 32};
  const size_t ids[] = {0, 16, 32};
  uint8_t data[NUM * FRAME];
  uint8_t whole[NUM * STRIDE];
  uint8_t one[STRIDE];
  uint8_t opened[NUM * FRAME];
  size_t written = 0;
  fill(data, sizeof(data), 1);
  for (size_t i = 0; i < 3; i++) {
    seal(whole, data, keys[i], ids[i]);
    for (size_t n = 0; n < NUM; n++) {
      seal_apart(one, data + n * FRAME, keys[i], ids[i], (uint8_t)(FIRST + n));
      CHECK(memcmp(one, whole + n * STRIDE, STRIDE) == 0);
    }
    CHECK_OK(s3cse_frames_open(opened, sizeof(opened), &written, kKey, keys[i], kId,
                               ids[i], FIRST, FRAME, whole, sizeof(whole), NULL));
    CHECK(written == sizeof(opened));
    CHECK(memcmp(opened, data, sizeof(data)) == 0);
  }
}

static int all_zero(const uint8_t *data, size_t len) {
  uint8_t any = 0;
  for (size_t i = 0; i < len; i++) {
    any |= data[i];
  }
  return any == 0;
}

static void a_changed_frame_opens_none(void) {
  uint8_t data[NUM * FRAME];
  uint8_t whole[NUM * STRIDE];
  uint8_t opened[NUM * FRAME];
  size_t written = 9;
  s3cse_error error = {0};
  fill(data, sizeof(data), 2);
  seal(whole, data, 32, 32);
  for (size_t at = 0; at < sizeof(whole); at++) {
    whole[at] ^= 1;
    fill(opened, sizeof(opened), 3);
    CHECK_STATUS(S3CSE_ERROR_VERIFY,
                 s3cse_frames_open(opened, sizeof(opened), &written, kKey, 32, kId, 32,
                                   FIRST, FRAME, whole, sizeof(whole), &error));
    CHECK(written == 0);
    CHECK(all_zero(opened, sizeof(opened)));
    CHECK(error.offset == at / STRIDE * FRAME);
    whole[at] ^= 1;
  }
  CHECK_STATUS(S3CSE_ERROR_VERIFY,
               s3cse_frames_open(opened, sizeof(opened), &written, kKey, 32, kId, 32,
                                 FIRST + 1, FRAME, whole, sizeof(whole), NULL));
}

static void any_iv_is_read(void) {
  uint8_t data[FRAME] = {0};
  uint8_t aad[32 + 28 + 12] = {0};
  uint8_t frame[STRIDE] = {0, 0, 0, FIRST, 9, 9, 9};
  size_t written = 0;
  s3cse_gcm *gcm = NULL;
  memcpy(aad, kId, 32);
  memcpy(aad + 32, kText, 28);
  aad[63] = FIRST;
  aad[71] = FRAME;
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, frame + 4, 12, aad, 72, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, frame + 16, FRAME, &written, data, FRAME, NULL));
  CHECK_OK(s3cse_gcm_finish_encrypt(gcm, frame + 16 + FRAME, 16, NULL));
  s3cse_gcm_free(gcm);
  memset(data, 1, FRAME);
  CHECK_OK(s3cse_frames_open(data, FRAME, &written, kKey, 32, kId, 32, FIRST, FRAME,
                             frame, STRIDE, NULL));
  CHECK(all_zero(data, FRAME));
}

static s3cse_status sealed(uint8_t *out, size_t out_cap, size_t key_len, size_t id_len,
                           uint32_t first, uint32_t frame_length, const uint8_t *in,
                           size_t in_len) {
  size_t written = 9;
  const s3cse_status status =
      s3cse_frames_seal(out, out_cap, &written, kKey, key_len, kId, id_len, first,
                        frame_length, in, in_len, NULL);
  CHECK(status == S3CSE_OK || written == 0);
  return status;
}

static s3cse_status opened(uint8_t *out, size_t out_cap, size_t key_len, size_t id_len,
                           uint32_t first, uint32_t frame_length, const uint8_t *in,
                           size_t in_len) {
  size_t written = 9;
  const s3cse_status status =
      s3cse_frames_open(out, out_cap, &written, kKey, key_len, kId, id_len, first,
                        frame_length, in, in_len, NULL);
  CHECK(status == S3CSE_OK || written == 0);
  return status;
}

static void wrong_arguments_are_refused(void) {
  uint8_t a[2 * STRIDE] = {0};
  uint8_t b[2 * STRIDE] = {0};
  const s3cse_status wrong = S3CSE_ERROR_ARGUMENT;
  CHECK_STATUS(wrong, sealed(a, STRIDE, 31, 32, 1, FRAME, b, FRAME));
  CHECK_STATUS(wrong, sealed(a, STRIDE, 32, 33, 1, FRAME, b, FRAME));
  CHECK_STATUS(wrong, sealed(a, STRIDE, 32, 32, 0, FRAME, b, FRAME));
  CHECK_STATUS(wrong, sealed(a, STRIDE, 32, 32, 1, 0, b, FRAME));
  CHECK_STATUS(wrong, sealed(a, STRIDE, 32, 32, 1, FRAME, b, FRAME - 1));
  CHECK_STATUS(wrong, sealed(a, STRIDE, 32, 32, 1, FRAME, NULL, FRAME));
  CHECK_STATUS(wrong, opened(a, FRAME, 31, 32, 1, FRAME, b, STRIDE));
  CHECK_STATUS(wrong, opened(a, FRAME, 32, 33, 1, FRAME, b, STRIDE));
  CHECK_STATUS(wrong, opened(a, FRAME, 32, 32, 0, FRAME, b, STRIDE));
  CHECK_STATUS(wrong, opened(a, FRAME, 32, 32, 1, 0, b, STRIDE));
  CHECK_STATUS(wrong, opened(a, FRAME, 32, 32, 1, FRAME, b, STRIDE + 1));
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               sealed(a, STRIDE - 1, 32, 32, 1, FRAME, b, FRAME));
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               opened(a, FRAME - 1, 32, 32, 1, FRAME, b, STRIDE));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP, sealed(a, STRIDE, 32, 32, 1, FRAME, a, FRAME));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP, sealed(a, STRIDE, 32, 32, 1, FRAME, a + 16, FRAME));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP, opened(a, FRAME, 32, 32, 1, FRAME, a, STRIDE));
  CHECK(all_zero(a, sizeof(a)));
}

static void frames_are_counted(void) {
  uint8_t data[2] = {0};
  uint8_t out[2 * (1 + S3CSE_FRAME_OVERHEAD_BYTES)];
  CHECK_OK(sealed(out, sizeof(out), 32, 32, UINT32_MAX - 2, 1, data, 2));
  CHECK_OK(opened(data, 2, 32, 32, UINT32_MAX - 2, 1, out, sizeof(out)));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               sealed(out, sizeof(out), 32, 32, UINT32_MAX - 1, 1, data, 2));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               opened(data, 2, 32, 32, UINT32_MAX - 1, 1, out, sizeof(out)));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               sealed(out, sizeof(out), 32, 32, UINT32_MAX, 1, data, 1));
}

static void no_frames_are_none(void) {
  CHECK_OK(sealed(NULL, 0, 32, 32, 1, FRAME, NULL, 0));
  CHECK_OK(opened(NULL, 0, 32, 32, 1, FRAME, NULL, 0));
}

int main(void) {
  frames_are_gcm_messages();
  a_changed_frame_opens_none();
  any_iv_is_read();
  wrong_arguments_are_refused();
  frames_are_counted();
  no_frames_are_none();
  CHECK_DONE();
}
