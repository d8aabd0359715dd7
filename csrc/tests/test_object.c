/* The tag of an object from the values of its segments, and which path is taken. */
#include "../src/object.h"

#include <openssl/evp.h>

#include "check.h"

static const uint8_t kKey[S3CSE_KEY_BYTES] = {1, 2, 3};
static const uint8_t kIv[S3CSE_GCM_IV_BYTES] = {4, 5, 6};

static s3cse_object *start(s3cse_path path, const uint8_t *aad, size_t aad_len) {
  s3cse_object *object = NULL;
  CHECK_OK(s3cse_object_new(&object, path, kKey, 32, kIv, 12, aad, aad_len, NULL));
  return object;
}

static void an_object_without_data_has_the_tag_of_gcm(void) {
  uint8_t aad[50];
  fill(aad, sizeof(aad), 1);
  for (size_t len = 0; len <= sizeof(aad); len++) {
    uint8_t want[16];
    uint8_t got[16];
    s3cse_gcm *gcm = NULL;
    CHECK_OK(s3cse_gcm_new(&gcm, S3CSE_ENCRYPT, kKey, 32, kIv, 12, aad, len, NULL));
    CHECK_OK(s3cse_gcm_finish_encrypt(gcm, want, 16, NULL));
    s3cse_gcm_free(gcm);
    s3cse_object *object = start(S3CSE_PATH_AUTO, aad, len);
    CHECK_OK(s3cse_object_tag(object, got, 16, NULL, 0, NULL, 0, NULL));
    CHECK(memcmp(want, got, 16) == 0);
    CHECK_OK(s3cse_object_verify(object, want, 16, NULL, 0, NULL, 0, NULL));
    for (unsigned bit = 0; bit < 128; bit++) {
      want[bit / 8] ^= (uint8_t)(1U << (bit % 8));
      CHECK_STATUS(S3CSE_ERROR_VERIFY,
                   s3cse_object_verify(object, want, 16, NULL, 0, NULL, 0, NULL));
      want[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    s3cse_object_free(object);
  }
}

static void the_path_is_what_was_asked_for(void) {
  s3cse_path path = S3CSE_PATH_AUTO;
  s3cse_object *object = start(S3CSE_PATH_CTR_GMAC, NULL, 0);
  CHECK_OK(s3cse_object_path(object, &path));
  CHECK(path == S3CSE_PATH_CTR_GMAC);
  s3cse_object_free(object);
  object = start(S3CSE_PATH_FUSED, NULL, 0);
  CHECK_OK(s3cse_object_path(object, &path));
  CHECK(path == S3CSE_PATH_FUSED);
  s3cse_object_free(object);
  CHECK_STATUS(S3CSE_ERROR_ARGUMENT, s3cse_object_path(NULL, &path));
}

/* The ciphers are fetched already, so asking for FIPS changes nothing but the choice. */
static void fips_takes_the_standard_path(void) {
  s3cse_path path = S3CSE_PATH_AUTO;
  s3cse_object *object = start(S3CSE_PATH_AUTO, NULL, 0);
  CHECK_OK(s3cse_object_path(object, &path));
  CHECK(path == S3CSE_PATH_FUSED);
  s3cse_object_free(object);
  CHECK(EVP_default_properties_enable_fips(NULL, 1) == 1);
  object = start(S3CSE_PATH_AUTO, NULL, 0);
  CHECK_OK(s3cse_object_path(object, &path));
  CHECK(path == S3CSE_PATH_CTR_GMAC);
  s3cse_object_free(object);
  CHECK(EVP_default_properties_enable_fips(NULL, 0) == 1);
}

static void wrong_arguments_start_nothing(void) {
  const s3cse_status wrong = S3CSE_ERROR_ARGUMENT;
  const s3cse_path path = S3CSE_PATH_AUTO;
  s3cse_object *object = NULL;
  CHECK_STATUS(wrong, s3cse_object_new(&object, path, kKey, 31, kIv, 12, NULL, 0, NULL));
  CHECK_STATUS(wrong, s3cse_object_new(&object, path, NULL, 32, kIv, 12, NULL, 0, NULL));
  CHECK_STATUS(wrong, s3cse_object_new(&object, path, kKey, 32, kIv, 16, NULL, 0, NULL));
  CHECK_STATUS(wrong, s3cse_object_new(&object, path, kKey, 32, kIv, 12, NULL, 3, NULL));
  CHECK_STATUS(
      wrong, s3cse_object_new(&object, (s3cse_path)3, kKey, 32, kIv, 12, NULL, 0, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_object_new(&object, path, kKey, 32, kIv, 12, kKey, SIZE_MAX, NULL));
  CHECK(object == NULL);
  s3cse_object_free(NULL);
}

static void segments_that_are_no_object_are_refused(void) {
  const uint8_t values[48] = {0};
  const uint64_t ragged[3] = {16, 17, 16};
  const uint64_t last_ragged[3] = {16, 0, 17};
  const uint64_t limit = S3CSE_GCM_MAX_BLOCKS * 16;
  const uint64_t too_long[3] = {limit - 32, 32, 1};
  const uint64_t longest[3] = {limit - 33 + 1, 16, 15};
  const uint64_t wrapping[3] = {16, UINT64_MAX - 15, 16};
  uint8_t tag[16];
  s3cse_object *object = start(S3CSE_PATH_AUTO, NULL, 0);
  const s3cse_status wrong = S3CSE_ERROR_ARGUMENT;
  CHECK_STATUS(wrong, s3cse_object_tag(object, tag, 16, values, 48, ragged, 3, NULL));
  CHECK_STATUS(wrong,
               s3cse_object_tag(object, tag, 16, values, 32, last_ragged, 3, NULL));
  CHECK_STATUS(wrong,
               s3cse_object_tag(object, tag, 16, values, 47, last_ragged, 3, NULL));
  CHECK_STATUS(wrong, s3cse_object_tag(object, tag, 16, NULL, 48, last_ragged, 3, NULL));
  CHECK_STATUS(wrong, s3cse_object_tag(object, tag, 16, values, 48, NULL, 3, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_object_tag(object, tag, 16, values, 48, too_long, 3, NULL));
  CHECK_STATUS(S3CSE_ERROR_LIMIT,
               s3cse_object_tag(object, tag, 16, values, 48, wrapping, 3, NULL));
  CHECK_STATUS(S3CSE_ERROR_SHORT_OUTPUT,
               s3cse_object_tag(object, tag, 15, values, 48, last_ragged, 3, NULL));
  CHECK_STATUS(wrong,
               s3cse_object_verify(object, tag, 12, values, 48, last_ragged, 3, NULL));
  CHECK_OK(s3cse_object_tag(object, tag, 16, values, 48, last_ragged, 3, NULL));
  CHECK_OK(s3cse_object_tag(object, tag, 16, values, 48, longest, 3, NULL));
  s3cse_object_free(object);
}

static void the_key_that_authenticates_nothing_is_refused(void) {
  const s3cse_element zero = {0, 0};
  const s3cse_element low = {0, 1};
  const s3cse_element high = {(uint64_t)1 << 63, 0};
  CHECK_STATUS(S3CSE_ERROR_VERIFY, s3cse_object_check_hash_key(zero, NULL));
  CHECK_OK(s3cse_object_check_hash_key(low, NULL));
  CHECK_OK(s3cse_object_check_hash_key(high, NULL));
}

int main(void) {
  an_object_without_data_has_the_tag_of_gcm();
  the_path_is_what_was_asked_for();
  fips_takes_the_standard_path();
  wrong_arguments_start_nothing();
  segments_that_are_no_object_are_refused();
  the_key_that_authenticates_nothing_is_refused();
  CHECK_DONE();
}
