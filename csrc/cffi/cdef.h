/* The part of include/s3cse.h that Python calls, in the C that cffi parses (no attributes). */

#define S3CSE_MESSAGE_BYTES ...

typedef enum {
  S3CSE_OK,
  S3CSE_ERROR_ARGUMENT,
  S3CSE_ERROR_STATE,
  S3CSE_ERROR_SHORT_OUTPUT,
  S3CSE_ERROR_OVERLAP,
  S3CSE_ERROR_LIMIT,
  S3CSE_ERROR_VERIFY,
  S3CSE_ERROR_MEMORY,
  S3CSE_ERROR_OPENSSL,
  ...
} s3cse_status;

typedef struct {
  s3cse_status status;
  uint64_t offset;
  uint64_t openssl_code;
  char message[...];
} s3cse_error;

typedef enum { S3CSE_DECRYPT, S3CSE_ENCRYPT, ... } s3cse_direction;

s3cse_status s3cse_openssl_version(uint64_t *version);
s3cse_status s3cse_openssl_pending(uint64_t *code);

typedef struct s3cse_gcm s3cse_gcm;
s3cse_status s3cse_gcm_new(s3cse_gcm **out, s3cse_direction direction, const uint8_t *key, size_t key_len,
                           const uint8_t *iv, size_t iv_len, const uint8_t *aad, size_t aad_len, s3cse_error *error);
s3cse_status s3cse_gcm_update(s3cse_gcm *gcm, uint8_t *out, size_t out_cap, size_t *out_len, const uint8_t *in,
                              size_t in_len, s3cse_error *error);
s3cse_status s3cse_gcm_finish_encrypt(s3cse_gcm *gcm, uint8_t *tag, size_t tag_cap, s3cse_error *error);
s3cse_status s3cse_gcm_finish_decrypt(s3cse_gcm *gcm, const uint8_t *tag, size_t tag_len, s3cse_error *error);
s3cse_status s3cse_gcm_advance(s3cse_gcm *gcm, uint64_t num_bytes, s3cse_error *error);
void s3cse_gcm_free(s3cse_gcm *gcm);

typedef struct s3cse_ctr s3cse_ctr;
s3cse_status s3cse_ctr_new(s3cse_ctr **out, const uint8_t *key, size_t key_len, const uint8_t *iv, size_t iv_len,
                           uint64_t first_block, s3cse_error *error);
s3cse_status s3cse_ctr_update(s3cse_ctr *ctr, uint8_t *out, size_t out_cap, size_t *out_len, const uint8_t *in,
                              size_t in_len, s3cse_error *error);
void s3cse_ctr_free(s3cse_ctr *ctr);

typedef struct s3cse_cbc s3cse_cbc;
s3cse_status s3cse_cbc_new(s3cse_cbc **out, s3cse_direction direction, bool padding, const uint8_t *key,
                           size_t key_len, const uint8_t *iv, size_t iv_len, s3cse_error *error);
s3cse_status s3cse_cbc_update(s3cse_cbc *cbc, uint8_t *out, size_t out_cap, size_t *out_len, const uint8_t *in,
                              size_t in_len, s3cse_error *error);
s3cse_status s3cse_cbc_finish(s3cse_cbc *cbc, uint8_t *out, size_t out_cap, size_t *out_len, s3cse_error *error);
void s3cse_cbc_free(s3cse_cbc *cbc);

typedef enum { S3CSE_PATH_AUTO, S3CSE_PATH_FUSED, S3CSE_PATH_CTR_GMAC, ... } s3cse_path;

typedef struct s3cse_object s3cse_object;
s3cse_status s3cse_object_new(s3cse_object **out, s3cse_path path, const uint8_t *key, size_t key_len,
                              const uint8_t *iv, size_t iv_len, const uint8_t *aad, size_t aad_len,
                              s3cse_error *error);
s3cse_status s3cse_object_path(const s3cse_object *object, s3cse_path *path);
s3cse_status s3cse_object_tag(const s3cse_object *object, uint8_t *tag, size_t tag_cap, const uint8_t *values,
                              size_t values_len, const uint64_t *lengths, size_t num_segments, s3cse_error *error);
s3cse_status s3cse_object_verify(const s3cse_object *object, const uint8_t *tag, size_t tag_len,
                                 const uint8_t *values, size_t values_len, const uint64_t *lengths,
                                 size_t num_segments, s3cse_error *error);
void s3cse_object_free(s3cse_object *object);

typedef struct s3cse_worker s3cse_worker;
s3cse_status s3cse_worker_new(s3cse_worker **out, const s3cse_object *object, s3cse_error *error);
void s3cse_worker_free(s3cse_worker *worker);
s3cse_status s3cse_segment_encrypt(s3cse_worker *worker, uint8_t *out, size_t out_cap, uint8_t *value,
                                   size_t value_cap, uint64_t first_block, const uint8_t *in, size_t in_len,
                                   s3cse_error *error);
s3cse_status s3cse_segment_decrypt(s3cse_worker *worker, uint8_t *out, size_t out_cap, uint8_t *value,
                                   size_t value_cap, uint64_t first_block, const uint8_t *in, size_t in_len,
                                   s3cse_error *error);
s3cse_status s3cse_segment_hash(s3cse_worker *worker, uint8_t *value, size_t value_cap, const uint8_t *in,
                                size_t in_len, s3cse_error *error);
s3cse_status s3cse_segment_verify(s3cse_worker *worker, uint8_t *out, size_t out_cap, uint64_t first_block,
                                  const uint8_t *in, size_t in_len, const uint8_t *value, size_t value_len,
                                  s3cse_error *error);

s3cse_status s3cse_frames_seal(uint8_t *out, size_t out_cap, size_t *out_len, const uint8_t *key, size_t key_len,
                               const uint8_t *message_id, size_t message_id_len, uint32_t first_sequence,
                               uint32_t frame_length, const uint8_t *in, size_t in_len, s3cse_error *error);
s3cse_status s3cse_frames_open(uint8_t *out, size_t out_cap, size_t *out_len, const uint8_t *key, size_t key_len,
                               const uint8_t *message_id, size_t message_id_len, uint32_t first_sequence,
                               uint32_t frame_length, const uint8_t *in, size_t in_len, s3cse_error *error);
