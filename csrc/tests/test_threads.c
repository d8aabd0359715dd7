/* Threads that meet in the first fetch get the same ciphers and the same bytes. Run it
 * under TSan. */
#define _POSIX_C_SOURCE 200809L /* pthread_barrier_t */

#include <pthread.h>

#include "check.h"

enum { NUM_THREADS = 8, NUM_ROUNDS = 50, LEN = 4096 };

typedef struct {
  pthread_barrier_t *barrier;
  uint8_t out[LEN];
  uint8_t tag[16];
  int failed;
} worker;

static void *work(void *argument) {
  static const uint8_t zeros[LEN];
  worker *self = argument;
  (void)pthread_barrier_wait(self->barrier);
  for (int round = 0; round < NUM_ROUNDS; round++) {
    size_t written = 0;
    s3cse_gcm *gcm = NULL;
    self->failed |= s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, zeros, 32, zeros, 12, NULL, 0,
                                  NULL) != S3CSE_OK;
    self->failed |=
        s3cse_gcm_update(gcm, self->out, LEN, &written, zeros, LEN, NULL) != S3CSE_OK;
    self->failed |= s3cse_gcm_finish_encrypt(gcm, self->tag, 16, NULL) != S3CSE_OK;
    s3cse_gcm_free(gcm);
  }
  return NULL;
}

/* One object, a worker per thread: each encrypts its own segment, then verifies its
 * neighbour's. */
enum { SEGMENT = 1600 };

typedef struct {
  pthread_barrier_t *barrier;
  const s3cse_object *object;
  uint8_t *data;
  uint8_t *values;
  size_t index;
  int failed;
} share;

static void *work_on_share(void *argument) {
  share *self = argument;
  const size_t next = (self->index + 1) % NUM_THREADS;
  uint8_t out[SEGMENT];
  s3cse_worker *worker = NULL;
  self->failed |= s3cse_worker_new(&worker, self->object, NULL) != S3CSE_OK;
  uint8_t *mine = self->data + self->index * SEGMENT;
  self->failed |=
      s3cse_segment_encrypt(worker, mine, SEGMENT, self->values + 16 * self->index, 16,
                            self->index * SEGMENT / 16, mine, SEGMENT, NULL) != S3CSE_OK;
  (void)pthread_barrier_wait(self->barrier);
  self->failed |= s3cse_segment_verify(worker, out, SEGMENT, next * SEGMENT / 16,
                                       self->data + next * SEGMENT, SEGMENT,
                                       self->values + 16 * next, 16, NULL) != S3CSE_OK;
  s3cse_worker_free(worker);
  return NULL;
}

static void segments_share_an_object(pthread_barrier_t *barrier) {
  static uint8_t data[NUM_THREADS * SEGMENT];
  uint8_t values[NUM_THREADS * 16];
  uint64_t lengths[NUM_THREADS];
  uint8_t want[16];
  uint8_t zeros[32] = {0};
  size_t written = 0;
  share shares[NUM_THREADS];
  pthread_t threads[NUM_THREADS];
  s3cse_object *object = NULL;
  s3cse_gcm *gcm = NULL;
  CHECK_OK(
      s3cse_object_new(&object, S3CSE_PATH_AUTO, zeros, 32, zeros, 12, NULL, 0, NULL));
  for (size_t i = 0; i < NUM_THREADS; i++) {
    const share mine = {barrier, object, data, values, i, 0};
    shares[i] = mine;
    lengths[i] = SEGMENT;
    CHECK(pthread_create(&threads[i], NULL, work_on_share, &shares[i]) == 0);
  }
  for (size_t i = 0; i < NUM_THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(!shares[i].failed);
  }
  /* Decrypting it all again gives zeros, and the tag is that of one message. */
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_DECRYPT, zeros, 32, zeros, 12, NULL, 0, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, data, sizeof(data), &written, data, sizeof(data), NULL));
  CHECK_OK(s3cse_object_tag(object, want, 16, values, sizeof(values), lengths,
                            NUM_THREADS, NULL));
  CHECK_OK(s3cse_gcm_finish_decrypt(gcm, want, 16, NULL));
  CHECK(data[0] == 0 && memcmp(data, data + 1, sizeof(data) - 1) == 0);
  s3cse_gcm_free(gcm);
  s3cse_object_free(object);
}

int main(void) {
  static worker workers[NUM_THREADS];
  pthread_t threads[NUM_THREADS];
  pthread_barrier_t barrier;
  CHECK(pthread_barrier_init(&barrier, NULL, NUM_THREADS) == 0);
  for (int i = 0; i < NUM_THREADS; i++) {
    workers[i].barrier = &barrier;
    CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
  }
  for (int i = 0; i < NUM_THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(!workers[i].failed);
    CHECK(memcmp(workers[i].out, workers[0].out, LEN) == 0);
    CHECK(memcmp(workers[i].tag, workers[0].tag, 16) == 0);
  }
  segments_share_an_object(&barrier);
  CHECK(pthread_barrier_destroy(&barrier) == 0);
  CHECK_DONE();
}
