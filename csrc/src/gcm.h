/* gcm.h: what units that use AES-GCM share. Internal. */
#ifndef S3CSE_SRC_GCM_H
#define S3CSE_SRC_GCM_H

#include "evp.h"

/* s3cse_gcm_cipher sets |*cipher| to the AES-GCM of keys with |key_len| bytes, or refuses
 * the key. */
S3CSE_MUST_USE s3cse_status s3cse_gcm_cipher(s3cse_cipher *cipher, const uint8_t *key,
                                             size_t key_len, s3cse_error *error);

#endif
