#include "object.h"

#include <openssl/crypto.h>

#include "evp.h"
#include "secret.h"
#include "span.h"
#include "status.h"

static s3cse_status check_new(s3cse_path path, const uint8_t *key, size_t key_len,
                              const uint8_t *iv, size_t iv_len, const uint8_t *aad,
                              size_t aad_len, s3cse_error *error) {
  if (key == NULL || key_len != S3CSE_KEY_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the key must have 32 bytes");
  }
  if (iv == NULL || iv_len != S3CSE_GCM_IV_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the IV must have 12 bytes");
  }
  if (path != S3CSE_PATH_AUTO && path != S3CSE_PATH_FUSED &&
      path != S3CSE_PATH_CTR_GMAC) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "there is no such path");
  }
  if (aad_len > UINT64_MAX / 8) {
    return s3cse_fail(error, S3CSE_ERROR_LIMIT, 0, "the AAD is too long");
  }
  return s3cse_span_check(aad, aad_len, error);
}

void s3cse_object_counter_block(const s3cse_object *object,
                                uint8_t block[S3CSE_BLOCK_BYTES], uint64_t first_block) {
  const uint64_t counter = 1 + first_block;
  s3cse_span_copy(block, object->iv, S3CSE_GCM_IV_BYTES);
  for (unsigned i = 0; i < 4; i++) {
    block[S3CSE_GCM_IV_BYTES + i] = (uint8_t)(counter >> (24 - 8 * i));
  }
}

s3cse_status s3cse_object_check_hash_key(s3cse_element h, s3cse_error *error) {
  uint64_t any = h.hi | h.lo;
  any = (any | (0 - any)) >> 63;
  S3CSE_PUBLIC(&any, sizeof(any));
  if (any == 0) {
    return s3cse_fail(error, S3CSE_ERROR_VERIFY, 0, "the key authenticates nothing");
  }
  return S3CSE_OK;
}

/* AES of the zero block and of J0, which is all that the tag needs of the key. */
static s3cse_status derive(s3cse_object *object, s3cse_error *error) {
  uint8_t blocks[2 * S3CSE_BLOCK_BYTES] = {0};
  s3cse_evp ecb = {0};
  s3cse_object_counter_block(object, blocks + S3CSE_BLOCK_BYTES, 0);
  S3CSE_GUARD(s3cse_evp_init(&ecb, S3CSE_CIPHER_ECB, S3CSE_ENCRYPT, object->key, NULL,
                             UINT64_MAX, error));
  const s3cse_status ran = s3cse_evp_run(&ecb, blocks, blocks, sizeof(blocks), error);
  s3cse_evp_cleanup(&ecb);
  object->h = s3cse_ghash_load(blocks);
  object->mask = s3cse_ghash_load(blocks + S3CSE_BLOCK_BYTES);
  s3cse_span_wipe(blocks, sizeof(blocks));
  S3CSE_GUARD(ran);
  S3CSE_GUARD(s3cse_object_check_hash_key(object->h, error));
  object->h_inverse = s3cse_ghash_inverse(object->multiply, object->h);
  return S3CSE_OK;
}

/* A provider may refuse IVs that are not 12 bytes long. */
static s3cse_status try_fused(const s3cse_object *object, s3cse_error *error) {
  const uint8_t iv[S3CSE_BLOCK_BYTES] = {0};
  s3cse_evp gcm = {0};
  S3CSE_GUARD(s3cse_evp_init(&gcm, S3CSE_CIPHER_GCM, S3CSE_ENCRYPT, object->key, NULL,
                             UINT64_MAX, error));
  S3CSE_GUARD(s3cse_evp_set_iv_len(&gcm, S3CSE_BLOCK_BYTES, error));
  S3CSE_GUARD(s3cse_evp_restart(&gcm, iv, error));
  s3cse_evp_cleanup(&gcm);
  return S3CSE_OK;
}

/* A computed 16-byte IV is no approved construction even where a FIPS provider accepts
 * it. */
static s3cse_status choose_path(s3cse_object *object, s3cse_path path,
                                s3cse_error *error) {
  object->path = S3CSE_PATH_CTR_GMAC;
  if (path == S3CSE_PATH_CTR_GMAC ||
      (path == S3CSE_PATH_AUTO && EVP_default_properties_is_fips_enabled(NULL) != 0)) {
    return S3CSE_OK;
  }
  const s3cse_status tried = try_fused(object, error);
  if (tried == S3CSE_OK) {
    object->path = S3CSE_PATH_FUSED;
  }
  return path == S3CSE_PATH_AUTO && tried == S3CSE_ERROR_OPENSSL ? S3CSE_OK : tried;
}

static s3cse_status start(s3cse_object *object, s3cse_path path, const uint8_t *key,
                          const uint8_t *iv, const uint8_t *aad, size_t aad_len,
                          s3cse_error *error) {
  object->multiply = s3cse_ghash_multiply();
  object->aad_len = aad_len;
  s3cse_span_copy(object->key, key, S3CSE_KEY_BYTES);
  s3cse_span_copy(object->iv, iv, S3CSE_GCM_IV_BYTES);
  S3CSE_GUARD(derive(object, error));
  object->aad_state = s3cse_ghash_absorb(object->multiply, object->h, aad, aad_len);
  return choose_path(object, path, error);
}

s3cse_status s3cse_object_new(s3cse_object **out, s3cse_path path, const uint8_t *key,
                              size_t key_len, const uint8_t *iv, size_t iv_len,
                              const uint8_t *aad, size_t aad_len, s3cse_error *error) {
  *out = NULL;
  S3CSE_GUARD(check_new(path, key, key_len, iv, iv_len, aad, aad_len, error));
  s3cse_object *object = OPENSSL_zalloc(sizeof(*object));
  if (object == NULL) {
    return s3cse_fail_openssl(error, S3CSE_ERROR_MEMORY, 0, "no memory for an object");
  }
  const s3cse_status started = start(object, path, key, iv, aad, aad_len, error);
  if (started != S3CSE_OK) {
    s3cse_object_free(object);
    return started;
  }
  *out = object;
  return S3CSE_OK;
}

s3cse_status s3cse_object_path(const s3cse_object *object, s3cse_path *path) {
  if (object == NULL || path == NULL) {
    return S3CSE_ERROR_ARGUMENT;
  }
  *path = object->path;
  return S3CSE_OK;
}

/* Only the last segment may end within a block, and all of them are one GCM message. */
static s3cse_status check_segments(const uint8_t *values, size_t values_len,
                                   const uint64_t *lengths, size_t num_segments,
                                   uint64_t *total, s3cse_error *error) {
  const uint64_t limit = S3CSE_GCM_MAX_BLOCKS * S3CSE_BLOCK_BYTES;
  S3CSE_GUARD(s3cse_span_check(values, values_len, error));
  S3CSE_GUARD(s3cse_span_check(lengths, num_segments, error));
  if (values_len % S3CSE_BLOCK_BYTES != 0 ||
      values_len / S3CSE_BLOCK_BYTES != num_segments) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "each segment needs one value");
  }
  *total = 0;
  for (size_t i = 0; i < num_segments; i++) {
    if (*total % S3CSE_BLOCK_BYTES != 0) {
      return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, *total,
                        "only the last segment may end within a block");
    }
    if (lengths[i] > limit - *total) {
      return s3cse_fail(error, S3CSE_ERROR_LIMIT, *total,
                        "the segments would pass the cipher's length limit");
    }
    *total += lengths[i];
  }
  return S3CSE_OK;
}

static uint64_t num_blocks(uint64_t len) {
  return len / S3CSE_BLOCK_BYTES + (len % S3CSE_BLOCK_BYTES != 0);
}

/* X = X * H^n + S for each segment of n blocks; H^n is kept while n stays the same. */
static s3cse_element combine(const s3cse_object *object, const uint8_t *values,
                             const uint64_t *lengths, size_t num_segments) {
  s3cse_element state = object->aad_state;
  s3cse_element power = s3cse_ghash_power(object->multiply, object->h, 0);
  uint64_t exponent = 0;
  for (size_t i = 0; i < num_segments; i++) {
    if (exponent != num_blocks(lengths[i])) {
      exponent = num_blocks(lengths[i]);
      power = s3cse_ghash_power(object->multiply, object->h, exponent);
    }
    state = s3cse_ghash_add(object->multiply(state, power),
                            s3cse_ghash_load(values + i * S3CSE_BLOCK_BYTES));
  }
  return state;
}

s3cse_status s3cse_object_tag(const s3cse_object *object, uint8_t *tag, size_t tag_cap,
                              const uint8_t *values, size_t values_len,
                              const uint64_t *lengths, size_t num_segments,
                              s3cse_error *error) {
  uint64_t total = 0;
  S3CSE_GUARD(
      s3cse_span_check_pair(tag, tag_cap, S3CSE_GCM_TAG_BYTES, NULL, 0, 0, error));
  S3CSE_GUARD(check_segments(values, values_len, lengths, num_segments, &total, error));
  s3cse_element state = combine(object, values, lengths, num_segments);
  state = s3cse_ghash_add(state, s3cse_ghash_lengths(object->aad_len, total));
  state = object->multiply(state, object->h);
  s3cse_ghash_store(tag, s3cse_ghash_add(state, object->mask));
  return S3CSE_OK;
}

s3cse_status s3cse_object_verify(const s3cse_object *object, const uint8_t *tag,
                                 size_t tag_len, const uint8_t *values, size_t values_len,
                                 const uint64_t *lengths, size_t num_segments,
                                 s3cse_error *error) {
  uint8_t expected[S3CSE_GCM_TAG_BYTES];
  if (tag == NULL || tag_len != S3CSE_GCM_TAG_BYTES) {
    return s3cse_fail(error, S3CSE_ERROR_ARGUMENT, 0, "the tag must have 16 bytes");
  }
  S3CSE_GUARD(s3cse_object_tag(object, expected, sizeof(expected), values, values_len,
                               lengths, num_segments, error));
  int differs = CRYPTO_memcmp(expected, tag, sizeof(expected));
  s3cse_span_wipe(expected, sizeof(expected));
  S3CSE_PUBLIC(&differs, sizeof(differs));
  if (differs != 0) {
    return s3cse_fail(error, S3CSE_ERROR_VERIFY, 0, "the data does not verify");
  }
  return S3CSE_OK;
}

void s3cse_object_free(s3cse_object *object) {
  if (object == NULL) {
    return;
  }
  OPENSSL_clear_free(object, sizeof(*object));
}
