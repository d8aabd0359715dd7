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
  CHECK(pthread_barrier_destroy(&barrier) == 0);
  CHECK_DONE();
}
