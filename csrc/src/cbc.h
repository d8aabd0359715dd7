/* cbc.h: the padding check, apart so that tests reach it with every block. Internal. */
#ifndef S3CSE_SRC_CBC_H
#define S3CSE_SRC_CBC_H

#include "s3cse.h"

/* s3cse_cbc_padding_mask returns all ones if |block| ends in valid PKCS#7 padding, else
 * 0, and its last byte in |*pad|. It neither branches nor indexes on the block's content.
 */
uint32_t s3cse_cbc_padding_mask(const uint8_t block[S3CSE_BLOCK_BYTES], uint32_t *pad);

#endif
