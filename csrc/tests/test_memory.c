/* Every allocation fails once in turn; no freed memory ever holds the key. */
#include <openssl/crypto.h>

#include "check.h"

/* In front of every allocation, so that free knows how much to look at. */
typedef struct {
  size_t len;
  size_t padding;
} header;

static uint8_t key[S3CSE_KEY_BYTES];
static long num_allocations;
static long fail_at = -1;
static long num_leaks;
static long num_live;
static size_t largest;

static bool holds_key(const uint8_t *data, size_t len) {
  for (size_t at = 0; at + 16 <= len; at++) {
    if (memcmp(data + at, key, 16) == 0 || memcmp(data + at, key + 16, 16) == 0) {
      return true;
    }
  }
  return false;
}

static void *hook_malloc(size_t len, const char *file, int line) {
  (void)file;
  (void)line;
  if (num_allocations++ == fail_at) {
    return NULL;
  }
  /* Zeroed, because holds_key reads all of it, also what was never written. */
  header *made = calloc(1, sizeof(*made) + len);
  if (made == NULL) {
    return NULL;
  }
  made->len = len;
  largest = len > largest ? len : largest;
  num_live++;
  return made + 1;
}

static void hook_free(void *data, const char *file, int line) {
  (void)file;
  (void)line;
  if (data == NULL) {
    return;
  }
  header *made = (header *)data - 1;
  num_leaks += holds_key(data, made->len);
  num_live--;
  free(made);
}

static void *hook_realloc(void *data, size_t len, const char *file, int line) {
  void *made = hook_malloc(len, file, line);
  if (data == NULL || made == NULL) {
    return made;
  }
  const size_t old = ((header *)data - 1)->len;
  memcpy(made, data, old < len ? old : len);
  hook_free(data, file, line);
  return made;
}

typedef s3cse_status (*scenario)(s3cse_direction direction, s3cse_error *error);

static s3cse_status use_gcm(s3cse_direction direction, s3cse_error *error) {
  const uint8_t iv[12] = {0};
  uint8_t data[100] = {0};
  uint8_t tag[16] = {0};
  size_t written = 0;
  s3cse_gcm *gcm = NULL;
  s3cse_status status = s3cse_gcm_new(&gcm, direction, key, 32, iv, 12, data, 20, error);
  if (status == S3CSE_OK) {
    status = s3cse_gcm_update(gcm, data, 100, &written, data, 100, error);
  }
  if (status == S3CSE_OK) {
    status = direction == S3CSE_ENCRYPT ? s3cse_gcm_finish_encrypt(gcm, tag, 16, error)
                                        : s3cse_gcm_finish_decrypt(gcm, tag, 16, error);
  }
  s3cse_gcm_free(gcm);
  return status;
}

static s3cse_status use_ctr(s3cse_direction direction, s3cse_error *error) {
  const uint8_t iv[12] = {0};
  uint8_t data[100] = {0};
  size_t written = 0;
  s3cse_ctr *ctr = NULL;
  (void)direction;
  s3cse_status status = s3cse_ctr_new(&ctr, key, 32, iv, 12, 5, error);
  if (status == S3CSE_OK) {
    status = s3cse_ctr_update(ctr, data, 100, &written, data, 100, error);
  }
  s3cse_ctr_free(ctr);
  return status;
}

static s3cse_status use_cbc(s3cse_direction direction, s3cse_error *error) {
  const uint8_t iv[16] = {0};
  uint8_t data[112] = {0};
  size_t written = 0;
  s3cse_cbc *cbc = NULL;
  s3cse_status status = s3cse_cbc_new(&cbc, direction, true, key, 32, iv, 16, error);
  if (status == S3CSE_OK) {
    status = s3cse_cbc_update(cbc, data, 112, &written, data, 100, error);
  }
  if (status == S3CSE_OK) {
    status = s3cse_cbc_finish(cbc, data, 112, &written, error);
  }
  s3cse_cbc_free(cbc);
  return status;
}

static s3cse_status use_segments(s3cse_direction direction, s3cse_error *error) {
  const uint8_t iv[12] = {0};
  const s3cse_path path =
      direction == S3CSE_ENCRYPT ? S3CSE_PATH_FUSED : S3CSE_PATH_CTR_GMAC;
  uint8_t data[100] = {0};
  uint8_t value[16] = {0};
  s3cse_object *object = NULL;
  s3cse_worker *worker = NULL;
  s3cse_status status = s3cse_object_new(&object, path, key, 32, iv, 12, data, 20, error);
  if (status == S3CSE_OK) {
    status = s3cse_worker_new(&worker, object, error);
  }
  if (status == S3CSE_OK) {
    status = s3cse_segment_encrypt(worker, data, 100, value, 16, 5, data, 100, error);
  }
  if (status == S3CSE_OK) {
    status = s3cse_segment_verify(worker, data, 100, 5, data, 100, value, 16, error);
  }
  if (status == S3CSE_OK) {
    CHECK(data[0] == 0 && data[99] == 0);
    status = s3cse_segment_decrypt(worker, data, 100, value, 16, 5, data, 100, error);
  }
  s3cse_worker_free(worker);
  s3cse_object_free(object);
  return status;
}

static s3cse_status use_frames(s3cse_direction direction, s3cse_error *error) {
  uint8_t in[132] = {0};
  uint8_t out[164] = {0};
  size_t written = 0;
  if (direction == S3CSE_ENCRYPT) {
    return s3cse_frames_seal(out, 164, &written, key, 32, in, 16, 1, 50, in, 100, error);
  }
  in[3] = 1;
  return s3cse_frames_open(out, 132, &written, key, 32, in, 16, 1, 100, in, 132, error);
}

/* What the whole run gives: decrypting zeros does not verify, the rest works. */
static s3cse_status expected(scenario use, s3cse_direction direction) {
  return use == use_ctr || use == use_segments || direction == S3CSE_ENCRYPT
             ? S3CSE_OK
             : S3CSE_ERROR_VERIFY;
}

static void every_allocation_may_fail(scenario use, s3cse_direction direction) {
  s3cse_error error = {0};
  /* Warm: what OpenSSL keeps for ever (ciphers, texts of errors) is made now. */
  CHECK_STATUS(expected(use, direction), use(direction, &error));
  const long live = num_live;
  for (long n = 0;; n++) {
    CHECK(n < 1000);
    fail_at = num_allocations + n;
    const s3cse_status status = use(direction, &error);
    const bool reached = num_allocations > fail_at;
    fail_at = -1;
    CHECK(ERR_peek_error() == 0);
    CHECK(num_live == live);
    if (!reached) {
      CHECK(status == expected(use, direction));
      CHECK(n > 0);
      break;
    }
    CHECK(status == S3CSE_ERROR_MEMORY || status == S3CSE_ERROR_OPENSSL ||
          status == expected(use, direction));
  }
}

/* A mebibyte through each cipher, apart from its input, and no allocation grows with it.
 */
static void payload_is_never_allocated(void) {
  enum { LEN = 1 << 20 };
  static uint8_t in[LEN];
  static uint8_t out[LEN];
  const uint8_t iv[16] = {0};
  size_t written = 0;
  s3cse_gcm *gcm = NULL;
  s3cse_ctr *ctr = NULL;
  s3cse_cbc *cbc = NULL;
  largest = 0;
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_DECRYPT, key, 32, iv, 12, in, LEN, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, out, LEN, &written, in, LEN, NULL));
  s3cse_gcm_free(gcm);
  CHECK_OK(s3cse_ctr_new(&ctr, key, 32, iv, 12, 0, NULL));
  CHECK_OK(s3cse_ctr_update(ctr, out, LEN, &written, in, LEN, NULL));
  s3cse_ctr_free(ctr);
  CHECK_OK(s3cse_cbc_new(&cbc, S3CSE_ENCRYPT, true, key, 32, iv, 16, NULL));
  CHECK_OK(s3cse_cbc_update(cbc, out, LEN, &written, in, 5, NULL));
  CHECK_OK(s3cse_cbc_update(cbc, out, LEN, &written, in, LEN - 5, NULL));
  s3cse_cbc_free(cbc);
  CHECK(largest > 0 && largest < 4096);
}

/* The check above must see a key that is really left behind. */
static void a_leak_would_be_noticed(void) {
  uint8_t *copy = OPENSSL_malloc(64);
  CHECK(copy != NULL);
  memcpy(copy + 9, key, 32);
  OPENSSL_free(copy);
  CHECK(num_leaks == 1);
  num_leaks = 0;
}

int main(void) {
  const scenario all[] = {use_gcm, use_ctr, use_cbc, use_segments, use_frames};
  fill(key, sizeof(key), 99);
  CHECK(CRYPTO_set_mem_functions(hook_malloc, hook_realloc, hook_free) == 1);
  a_leak_would_be_noticed();
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    every_allocation_may_fail(all[i], S3CSE_ENCRYPT);
    every_allocation_may_fail(all[i], S3CSE_DECRYPT);
  }
  payload_is_never_allocated();
  CHECK(num_leaks == 0);
  CHECK_DONE();
}
