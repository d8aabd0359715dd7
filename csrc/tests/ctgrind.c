/* Under valgrind: keys, H and S are undefined memory here, so every branch and every
 * index that depends on them is an error. Every call on secrets is run once, on each path
 * and with each multiplication. After Adam Langley's ctgrind. */
#include <valgrind/memcheck.h>

#include "../src/cbc.h"
#include "../src/ghash.h"
#include "check.h"

enum { LEN = 1000 };

static uint8_t data[LEN];
static const uint8_t kIv[16] = {4, 5, 6};

static void hide(void *secret, size_t len) {
  (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, len);
}

static void show(void *result, size_t len) {
  (void)VALGRIND_MAKE_MEM_DEFINED(result, len);
}

/* Whether valgrind takes any of these bytes for a secret. */
static bool is_secret(const void *bytes, size_t len) {
  uint8_t bits[32] = {0};
  if (len > sizeof(bits) || VALGRIND_GET_VBITS(bytes, bits, len) != 1) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    if (bits[i] != 0) {
      return true;
    }
  }
  return false;
}

/* What must not happen, on request: if valgrind overlooked this, its silence would mean
 * nothing. */
static int branch_on_a_secret(void) {
  volatile uint8_t secret = 1;
  hide((void *)&secret, 1);
  return secret != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void arithmetic(s3cse_multiply multiply) {
  uint8_t block[16];
  fill(block, sizeof(block), 1);
  hide(block, sizeof(block));
  const s3cse_element h = s3cse_ghash_load(block);
  s3cse_element x = s3cse_ghash_inverse(multiply, h);
  x = multiply(x, s3cse_ghash_power(multiply, h, 12345));
  x = s3cse_ghash_add(x, s3cse_ghash_absorb(multiply, h, data, 77));
  s3cse_ghash_store(block, x);
  CHECK(is_secret(block, sizeof(block)));
}

static void segments(s3cse_path path) {
  uint8_t key[32];
  uint8_t out[LEN];
  uint8_t value[16];
  uint8_t tag[16];
  const uint64_t length = LEN;
  s3cse_object *object = NULL;
  s3cse_worker *worker = NULL;
  fill(key, sizeof(key), 2);
  hide(key, sizeof(key));
  CHECK_OK(s3cse_object_new(&object, path, key, 32, kIv, 12, data, 20, NULL));
  CHECK_OK(s3cse_worker_new(&worker, object, NULL));
  CHECK_OK(s3cse_segment_encrypt(worker, out, LEN, value, 16, 9, data, LEN, NULL));
  /* The value really is secret at this point, and the ciphertext is not. */
  CHECK(is_secret(value, 16));
  show(out, LEN);
  CHECK_OK(s3cse_segment_verify(worker, out, LEN, 9, out, LEN, value, 16, NULL));
  CHECK_STATUS(S3CSE_ERROR_VERIFY,
               s3cse_segment_verify(worker, out, LEN, 9, data, LEN, value, 16, NULL));
  CHECK_OK(s3cse_segment_decrypt(worker, out, LEN, value, 16, 9, data, LEN, NULL));
  CHECK_OK(s3cse_segment_hash(worker, value, 16, data, LEN, NULL));
  CHECK_OK(s3cse_object_tag(object, tag, 16, value, 16, &length, 1, NULL));
  show(tag, 16);
  CHECK_OK(s3cse_object_verify(object, tag, 16, value, 16, &length, 1, NULL));
  tag[0] ^= 1;
  CHECK_STATUS(S3CSE_ERROR_VERIFY,
               s3cse_object_verify(object, tag, 16, value, 16, &length, 1, NULL));
  s3cse_worker_free(worker);
  s3cse_object_free(object);
}

static void padding(void) {
  uint8_t block[16];
  uint32_t pad = 0;
  fill(block, sizeof(block), 3);
  hide(block, sizeof(block));
  uint32_t mask = s3cse_cbc_padding_mask(block, &pad);
  CHECK(is_secret(&mask, sizeof(mask)));
  show(&mask, sizeof(mask));
  CHECK(mask == 0);
}

static void ciphers(void) {
  uint8_t key[32];
  uint8_t out[LEN + 16];
  uint8_t tag[16];
  size_t written = 0;
  s3cse_gcm *gcm = NULL;
  s3cse_cbc *cbc = NULL;
  fill(key, sizeof(key), 4);
  hide(key, sizeof(key));
  CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, key, 32, kIv, 12, data, 20, NULL));
  CHECK_OK(s3cse_gcm_update(gcm, out, LEN, &written, data, LEN, NULL));
  CHECK_OK(s3cse_gcm_finish_encrypt(gcm, tag, 16, NULL));
  s3cse_gcm_free(gcm);
  CHECK_OK(s3cse_frames_seal(out, 16 + 64, &written, key, 32, data, 20, 1, 48, data, 48,
                             NULL));
  CHECK_OK(s3cse_frames_open(out + 80, 48, &written, key, 32, data, 20, 1, 48, out, 80,
                             NULL));
  CHECK_OK(s3cse_cbc_new(&cbc, S3CSE_ENCRYPT, true, key, 32, kIv, 16, NULL));
  CHECK_OK(s3cse_cbc_update(cbc, out, LEN + 16, &written, data, LEN, NULL));
  CHECK_OK(s3cse_cbc_finish(cbc, out + written, 16, &written, NULL));
  s3cse_cbc_free(cbc);
  show(out, sizeof(out));
  CHECK_OK(s3cse_cbc_new(&cbc, S3CSE_DECRYPT, true, key, 32, kIv, 16, NULL));
  CHECK_OK(s3cse_cbc_update(cbc, out, LEN + 16, &written, out, LEN / 16 * 16 + 16, NULL));
  CHECK_OK(s3cse_cbc_finish(cbc, out, 16, &written, NULL));
  CHECK(written == LEN % 16);
  s3cse_cbc_free(cbc);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--leak") == 0) {
    return branch_on_a_secret();
  }
  if (!RUNNING_ON_VALGRIND) {
    fprintf(stderr, "this program says something only under valgrind\n");
    return EXIT_FAILURE;
  }
  fill(data, LEN, 5);
  arithmetic(s3cse_ghash_portable);
  arithmetic(s3cse_ghash_multiply());
  segments(S3CSE_PATH_FUSED);
  segments(S3CSE_PATH_CTR_GMAC);
  padding();
  ciphers();
  CHECK_DONE();
}
