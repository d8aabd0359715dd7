/* Regular frames of an AWS Encryption SDK message, many at a time: one key schedule, and
 * no call in between. Source: AWS Encryption SDK specification,
 * data-format/message-body.md and message-body-aad.md.
 *
 * A frame is sequence (4) || IV (12) || ciphertext || tag (16). Written IVs are the
 * sequence number; read ones may be any, as the tag binds the number anyway. The AAD is
 * message id || text || sequence (4) || length (8). */
#include "evp.h"
#include "gcm.h"
#include "s3cse.h"
#include "span.h"
#include "status.h"

enum { SEQUENCE_BYTES = 4, FRONT_BYTES = SEQUENCE_BYTES + S3CSE_GCM_IV_BYTES };

static const uint8_t kText[] = "AWSKMSEncryptionClient Frame";
enum { TEXT_BYTES = sizeof(kText) - 1, COUNTS_BYTES = 4 + 8 };

_Static_assert(FRONT_BYTES + S3CSE_GCM_TAG_BYTES == S3CSE_FRAME_OVERHEAD_BYTES,
               "the header says what a frame costs");

/* The last sequence number marks a message's final frame, which is none of these. */
static const uint64_t kMaxSequence = UINT32_MAX - 1;

/* frames: what all frames of a call share. */
typedef struct {
  s3cse_evp evp;
  uint8_t aad[S3CSE_MESSAGE_ID_MAX_BYTES + TEXT_BYTES + COUNTS_BYTES];
  size_t aad_len;
  size_t frame_length;
} frames;

static void put(uint8_t *out, uint64_t value, size_t len) {
  for (size_t i = len; i > 0; i--) {
    out[i - 1] = (uint8_t)value;
    value >>= 8;
  }
}

static uint64_t get_sequence(const uint8_t *in) {
  return (uint64_t)in[0] << 24 | (uint64_t)in[1] << 16 | (uint64_t)in[2] << 8 | in[3];
}

static s3cse_status check(size_t message_id_len, const uint8_t *message_id,
                          uint32_t first_sequence, uint32_t frame_length,
                          size_t num_frames, s3cse_error *error) {
  if (message_id_len > S3CSE_MESSAGE_ID_MAX_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the message id is too long");
  }
  S3CSE_GUARD(s3cse_span_check(message_id, message_id_len, error));
  if (first_sequence == 0 || frame_length == 0) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0,
                      "sequence numbers and frame lengths begin at 1");
  }
  if (num_frames > kMaxSequence + 1 - first_sequence) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, 0,
                      "the message would have more frames than it can count");
  }
  return S3CSE_OK;
}

static s3cse_status check_memory(const uint8_t *out, size_t out_cap, size_t needed,
                                 const uint8_t *in, size_t in_len, s3cse_error *error) {
  S3CSE_GUARD(s3cse_span_check_pair(out, out_cap, needed, in, in_len, 0, error));
  if (needed > 0 && out == in) { /* frames are longer than what they hold */
    return s3cse_fail(error, S3CSE_ERROR_OVERLAP, 0, "frames are not made in place");
  }
  return S3CSE_OK;
}

static s3cse_status start(frames *all, s3cse_direction direction, const uint8_t *key,
                          size_t key_len, const uint8_t *message_id,
                          size_t message_id_len, uint32_t frame_length,
                          s3cse_error *error) {
  const uint8_t iv[S3CSE_GCM_IV_BYTES] = {0}; /* each frame sets its own */
  s3cse_cipher cipher = S3CSE_CIPHER_GCM;
  S3CSE_GUARD(s3cse_gcm_cipher(&cipher, key, key_len, error));
  all->frame_length = frame_length;
  all->aad_len = message_id_len + TEXT_BYTES + COUNTS_BYTES;
  s3cse_span_copy(all->aad, message_id, message_id_len);
  s3cse_span_copy(all->aad + message_id_len, kText, TEXT_BYTES);
  put(all->aad + all->aad_len - 8, frame_length, 8);
  return s3cse_evp_init(&all->evp, cipher, direction, key, iv, UINT64_MAX, error);
}

/* Begins the frame with this number: its IV and its AAD. */
static s3cse_status begin(frames *all, uint64_t sequence, const uint8_t *iv,
                          s3cse_error *error) {
  put(all->aad + all->aad_len - COUNTS_BYTES, sequence, SEQUENCE_BYTES);
  S3CSE_GUARD(s3cse_evp_restart(&all->evp, iv, error));
  return s3cse_evp_run(&all->evp, NULL, all->aad, all->aad_len, error);
}

static s3cse_status seal_one(frames *all, uint64_t sequence, uint8_t *out,
                             const uint8_t *in, s3cse_error *error) {
  put(out, sequence, SEQUENCE_BYTES);
  put(out + SEQUENCE_BYTES, sequence, S3CSE_GCM_IV_BYTES);
  S3CSE_GUARD(begin(all, sequence, out + SEQUENCE_BYTES, error));
  S3CSE_GUARD(s3cse_evp_run(&all->evp, out + FRONT_BYTES, in, all->frame_length, error));
  return s3cse_evp_tag(&all->evp, out + FRONT_BYTES + all->frame_length, error);
}

static s3cse_status open_one(frames *all, uint64_t sequence, uint8_t *out,
                             const uint8_t *in, s3cse_error *error) {
  if (get_sequence(in) != sequence) {
    return s3cse_evp_fail(&all->evp, S3CSE_ERROR_VERIFY, "the data does not verify",
                          error);
  }
  S3CSE_GUARD(begin(all, sequence, in + SEQUENCE_BYTES, error));
  S3CSE_GUARD(s3cse_evp_run(&all->evp, out, in + FRONT_BYTES, all->frame_length, error));
  return s3cse_evp_verify(&all->evp, in + FRONT_BYTES + all->frame_length, error);
}

typedef s3cse_status (*each)(frames *all, uint64_t sequence, uint8_t *out,
                             const uint8_t *in, s3cse_error *error);

static s3cse_status run(frames *all, each one, uint64_t first_sequence, size_t num_frames,
                        uint8_t *out, size_t out_stride, const uint8_t *in,
                        size_t in_stride, s3cse_error *error) {
  s3cse_status status = S3CSE_OK;
  for (size_t i = 0; status == S3CSE_OK && i < num_frames; i++) {
    all->evp.done = (uint64_t)i * all->frame_length; /* for |error| */
    status =
        one(all, first_sequence + i, out + i * out_stride, in + i * in_stride, error);
  }
  if (status != S3CSE_OK) {
    s3cse_span_wipe(out, num_frames * out_stride);
  }
  s3cse_evp_cleanup(&all->evp);
  return status;
}

s3cse_status s3cse_frames_seal(uint8_t *out, size_t out_cap, size_t *out_len,
                               const uint8_t *key, size_t key_len,
                               const uint8_t *message_id, size_t message_id_len,
                               uint32_t first_sequence, uint32_t frame_length,
                               const uint8_t *in, size_t in_len, s3cse_error *error) {
  *out_len = 0;
  const size_t num_frames = frame_length == 0 ? 0 : in_len / frame_length;
  S3CSE_GUARD(check(message_id_len, message_id, first_sequence, frame_length, num_frames,
                    error));
  if (in_len % frame_length != 0) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the input is no whole frames");
  }
  if (num_frames > (SIZE_MAX - in_len) / S3CSE_FRAME_OVERHEAD_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, 0, "the frames are too long");
  }
  const size_t needed = in_len + num_frames * S3CSE_FRAME_OVERHEAD_BYTES;
  S3CSE_GUARD(check_memory(out, out_cap, needed, in, in_len, error));
  frames all = {0};
  S3CSE_GUARD(start(&all, S3CSE_ENCRYPT, key, key_len, message_id, message_id_len,
                    frame_length, error));
  S3CSE_GUARD(run(&all, seal_one, first_sequence, num_frames, out,
                  all.frame_length + S3CSE_FRAME_OVERHEAD_BYTES, in, all.frame_length,
                  error));
  *out_len = needed;
  return S3CSE_OK;
}

s3cse_status s3cse_frames_open(uint8_t *out, size_t out_cap, size_t *out_len,
                               const uint8_t *key, size_t key_len,
                               const uint8_t *message_id, size_t message_id_len,
                               uint32_t first_sequence, uint32_t frame_length,
                               const uint8_t *in, size_t in_len, s3cse_error *error) {
  *out_len = 0;
  const uint64_t stride = (uint64_t)frame_length + S3CSE_FRAME_OVERHEAD_BYTES;
  const size_t num_frames = (size_t)(in_len / stride);
  S3CSE_GUARD(check(message_id_len, message_id, first_sequence, frame_length, num_frames,
                    error));
  if (in_len % stride != 0) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the input is no whole frames");
  }
  const size_t needed = num_frames * frame_length;
  S3CSE_GUARD(check_memory(out, out_cap, needed, in, in_len, error));
  frames all = {0};
  S3CSE_GUARD(start(&all, S3CSE_DECRYPT, key, key_len, message_id, message_id_len,
                    frame_length, error));
  S3CSE_GUARD(run(&all, open_one, first_sequence, num_frames, out, all.frame_length, in,
                  (size_t)stride, error));
  *out_len = needed;
  return S3CSE_OK;
}
