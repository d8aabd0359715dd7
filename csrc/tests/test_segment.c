/* Segments in any order give the bytes and the tag of GCM in one go, on both paths. */
#include "check.h"

/* More than two of the pieces in which CTR and GMAC take turns. */
enum { LEN = 40003, NUM_SEGMENTS = 5 };

static const uint8_t kKey[S3CSE_KEY_BYTES] = {1, 2, 3};
static const uint8_t kIv[S3CSE_GCM_IV_BYTES] = {4, 5, 6};
static const uint8_t kAad[2] = {0x00, 0x73};
static const size_t kCuts[NUM_SEGMENTS + 1] = {0, 16, 1600, 1616, 30000 / 16 * 16, LEN};

static uint8_t data[LEN];
static uint8_t sealed[LEN];
static uint8_t sealed_tag[16];

typedef struct {
  s3cse_object *object;
  s3cse_worker *worker;
} pair;

static pair start(s3cse_path path) {
  pair made = {NULL, NULL};
  CHECK_OK(s3cse_object_new(&made.object, path, kKey, 32, kIv, 12, kAad, 2, NULL));
  CHECK_OK(s3cse_worker_new(&made.worker, made.object, NULL));
  return made;
}

static void end(pair ended) {
  s3cse_worker_free(ended.worker);
  s3cse_object_free(ended.object);
}

static void seal_in_one_go(void) {
  s3cse_gcm *gcm = NULL;
  size_t written = 0;
  fill(data, LEN, 1);
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, kIv, 12, kAad, 2, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, sealed, LEN, &written, data, LEN, NULL));
  CHECK_OK(s3cse_gcm_finish_encrypt(gcm, sealed_tag, 16, NULL));
  s3cse_gcm_free(gcm);
}

/* Backwards, each twice, the second time in place: order and repetition change nothing.
 */
static void any_order_gives_the_same_bytes(s3cse_path path) {
  static uint8_t out[LEN];
  uint8_t values[16 * NUM_SEGMENTS];
  uint8_t again[16];
  uint64_t lengths[NUM_SEGMENTS];
  uint8_t tag[16];
  pair made = start(path);
  for (size_t i = NUM_SEGMENTS; i-- > 0;) {
    const size_t at = kCuts[i];
    const size_t len = kCuts[i + 1] - at;
    lengths[i] = len;
    CHECK_OK(s3cse_segment_encrypt(made.worker, out + at, len, values + 16 * i, 16,
                                   at / 16, data + at, len, NULL));
    memcpy(out + at, data + at, len);
    CHECK_OK(s3cse_segment_encrypt(made.worker, out + at, len, again, 16, at / 16,
                                   out + at, len, NULL));
    CHECK(memcmp(values + 16 * i, again, 16) == 0);
  }
  CHECK(memcmp(out, sealed, LEN) == 0);
  CHECK_OK(s3cse_object_tag(made.object, tag, 16, values, sizeof(values), lengths,
                            NUM_SEGMENTS, NULL));
  CHECK(memcmp(tag, sealed_tag, 16) == 0);
  CHECK_OK(s3cse_object_verify(made.object, sealed_tag, 16, values, sizeof(values),
                               lengths, NUM_SEGMENTS, NULL));
  values[17] ^= 1;
  CHECK_STATUS(S3CSE_ERROR_VERIFY,
               s3cse_object_verify(made.object, sealed_tag, 16, values, sizeof(values),
                                   lengths, NUM_SEGMENTS, NULL));
  end(made);
}

static void both_paths_and_all_calls_agree_on_the_value(void) {
  static uint8_t out[LEN];
  pair fused = start(S3CSE_PATH_FUSED);
  pair standard = start(S3CSE_PATH_CTR_GMAC);
  for (size_t len = 0; len <= 600; len++) {
    const uint64_t block = len % 7;
    uint8_t values[5][16];
    memcpy(out, data, len);
    CHECK_OK(s3cse_segment_encrypt(fused.worker, out, len, values[0], 16, block, out, len,
                                   NULL));
    CHECK_OK(s3cse_segment_hash(fused.worker, values[1], 16, out, len, NULL));
    CHECK_OK(s3cse_segment_decrypt(fused.worker, out, len, values[2], 16, block, out, len,
                                   NULL));
    CHECK(memcmp(out, data, len) == 0);
    CHECK_OK(s3cse_segment_encrypt(standard.worker, out, len, values[3], 16, block, out,
                                   len, NULL));
    CHECK_OK(s3cse_segment_decrypt(standard.worker, out, len, values[4], 16, block, out,
                                   len, NULL));
    for (size_t i = 1; i < 5; i++) {
      CHECK(memcmp(values[0], values[i], 16) == 0);
    }
  }
  end(fused);
  end(standard);
}

static void a_changed_segment_does_not_verify(s3cse_path path) {
  enum { AT = 1600, SHORT = 333 };
  uint8_t out[SHORT];
  uint8_t changed[SHORT];
  uint8_t value[16];
  const uint8_t zeros[SHORT] = {0};
  s3cse_error error = {0};
  pair made = start(path);
  CHECK_OK(s3cse_segment_hash(made.worker, value, 16, sealed + AT, SHORT, NULL));
  CHECK_OK(s3cse_segment_verify(made.worker, out, SHORT, AT / 16, sealed + AT, SHORT,
                                value, 16, NULL));
  CHECK(memcmp(out, data + AT, SHORT) == 0);
  for (size_t bit = 0; bit < 8 * SHORT; bit += 5) {
    memcpy(changed, sealed + AT, SHORT);
    changed[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    CHECK_STATUS(S3CSE_ERROR_VERIFY,
                 s3cse_segment_verify(made.worker, changed, SHORT, AT / 16, changed,
                                      SHORT, value, 16, &error));
    CHECK(memcmp(changed, zeros, SHORT) == 0);
    CHECK(strcmp(error.message, "the data does not verify") == 0);
  }
  for (unsigned bit = 0; bit < 128; bit++) {
    value[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    CHECK_STATUS(S3CSE_ERROR_VERIFY,
                 s3cse_segment_verify(made.worker, out, SHORT, AT / 16, sealed + AT,
                                      SHORT, value, 16, NULL));
    CHECK(memcmp(out, zeros, SHORT) == 0);
    value[bit / 8] ^= (uint8_t)(1U << (bit % 8));
  }
  /* A failure is of that segment only. */
  CHECK_OK(s3cse_segment_verify(made.worker, out, SHORT, AT / 16, sealed + AT, SHORT,
                                value, 16, NULL));
  /* A shorter one with the same blocks does not pass either. */
  CHECK_STATUS(S3CSE_ERROR_VERIFY,
               s3cse_segment_verify(made.worker, out, SHORT, AT / 16, sealed + AT,
                                    SHORT - 1, value, 16, NULL));
  end(made);
}

static void an_empty_segment_has_the_value_zero(s3cse_path path) {
  const uint8_t zeros[16] = {0};
  uint8_t value[16];
  pair made = start(path);
  CHECK_OK(s3cse_segment_encrypt(made.worker, NULL, 0, value, 16, 5, NULL, 0, NULL));
  CHECK(memcmp(value, zeros, 16) == 0);
  CHECK_OK(s3cse_segment_hash(made.worker, value, 16, NULL, 0, NULL));
  CHECK(memcmp(value, zeros, 16) == 0);
  CHECK_OK(s3cse_segment_verify(made.worker, NULL, 0, 5, NULL, 0, value, 16, NULL));
  end(made);
}

static void the_counter_never_wraps(s3cse_path path) {
  const uint64_t last = S3CSE_GCM_MAX_BLOCKS;
  uint8_t bytes[33] = {0};
  uint8_t value[16];
  uint8_t again[16];
  uint8_t want[32] = {0};
  size_t written = 0;
  s3cse_ctr *ctr = NULL;
  pair made = start(path);
  const s3cse_status limit = S3CSE_ERROR_LIMIT;
  CHECK_STATUS(limit, s3cse_segment_encrypt(made.worker, bytes, 33, value, 16, last - 2,
                                            bytes, 33, NULL));
  CHECK(bytes[0] == 0);
  CHECK_STATUS(limit, s3cse_segment_decrypt(made.worker, bytes, 1, value, 16, last, bytes,
                                            1, NULL));
  CHECK_STATUS(limit, s3cse_segment_verify(made.worker, bytes, 1, last, bytes, 1, value,
                                           16, NULL));
  CHECK_STATUS(limit, s3cse_segment_encrypt(made.worker, NULL, 0, value, 16, last + 1,
                                            NULL, 0, NULL));
  CHECK_STATUS(limit, s3cse_segment_encrypt(made.worker, bytes, 33, value, 16, UINT64_MAX,
                                            bytes, 33, NULL));
  CHECK_OK(s3cse_segment_encrypt(made.worker, NULL, 0, value, 16, last, NULL, 0, NULL));
  /* The last two blocks themselves are right. */
  CHECK_OK(s3cse_segment_encrypt(made.worker, bytes, 32, value, 16, last - 2, bytes, 32,
                                 NULL));
  CHECK_OK(s3cse_ctr_new(&ctr, kKey, 32, kIv, 12, last - 2, NULL));
  CHECK_OK(s3cse_ctr_update(ctr, want, 32, &written, want, 32, NULL));
  s3cse_ctr_free(ctr);
  CHECK(memcmp(bytes, want, 32) == 0);
  CHECK_OK(s3cse_segment_hash(made.worker, again, 16, bytes, 32, NULL));
  CHECK(memcmp(value, again, 16) == 0);
  end(made);
}

static void wrong_arguments_are_refused(s3cse_path path) {
  uint8_t bytes[64] = {0};
  uint8_t value[16];
  s3cse_worker *worker = NULL;
  pair made = start(path);
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_worker_new(&worker, NULL, NULL));
  CHECK_STATUS(
      S3CSE_ERROR_SHORT_OUTPUT,
      s3cse_segment_encrypt(made.worker, bytes, 31, value, 16, 0, bytes, 32, NULL));
  CHECK_STATUS(S3CSE_ERROR_OVERLAP, s3cse_segment_encrypt(made.worker, bytes, 32, value,
                                                          16, 0, bytes + 16, 32, NULL));
  CHECK_STATUS(
      S3CSE_ERROR_SHORT_OUTPUT,
      s3cse_segment_encrypt(made.worker, bytes, 32, value, 15, 0, bytes, 32, NULL));
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               s3cse_segment_hash(made.worker, value, 15, bytes, 32, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT,
               s3cse_segment_hash(made.worker, value, 16, NULL, 32, NULL));
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_segment_verify(made.worker, bytes, 32, 0,
                                                          bytes, 32, value, 15, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_segment_hash(made.worker, value, 16, bytes, SIZE_MAX - 15, NULL));
  CHECK(bytes[0] == 0);
  s3cse_worker_free(NULL);
  end(made);
}

int main(void) {
  const s3cse_path paths[] = {S3CSE_PATH_FUSED, S3CSE_PATH_CTR_GMAC};
  seal_in_one_go();
  both_paths_and_all_calls_agree_on_the_value();
  for (size_t i = 0; i < 2; i++) {
    any_order_gives_the_same_bytes(paths[i]);
    a_changed_segment_does_not_verify(paths[i]);
    an_empty_segment_has_the_value_zero(paths[i]);
    the_counter_never_wraps(paths[i]);
    wrong_arguments_are_refused(paths[i]);
  }
  CHECK_DONE();
}
