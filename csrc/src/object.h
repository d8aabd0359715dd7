/* object.h: what the segments of one object share. Internal. */
#ifndef S3CSE_SRC_OBJECT_H
#define S3CSE_SRC_OBJECT_H

#include "ghash.h"
#include "s3cse.h"

struct s3cse_object {
  uint8_t key[S3CSE_KEY_BYTES];
  uint8_t iv[S3CSE_GCM_IV_BYTES];
  uint64_t aad_len;
  s3cse_path path;
  s3cse_multiply multiply;
  s3cse_element h;         /* AES(0), the key of GHASH */
  s3cse_element h_inverse; /* 1 / h */
  s3cse_element aad_state; /* GHASH after the AAD */
  s3cse_element mask;      /* AES(J0), what hides the tag */
};

/* s3cse_object_counter_block writes the counter block in front of data block
 * |first_block|: IV || uint32_be(1 + first_block). For block 0 that is J0. */
void s3cse_object_counter_block(const s3cse_object *object,
                                uint8_t block[S3CSE_BLOCK_BYTES], uint64_t first_block);

/* s3cse_object_check_hash_key refuses h = 0. Apart, because no test finds such a key. */
S3CSE_MUST_USE s3cse_status s3cse_object_check_hash_key(s3cse_element h,
                                                        s3cse_error *error);

#endif
