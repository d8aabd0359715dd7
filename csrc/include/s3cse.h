/* s3cse.h: AES over caller-owned buffers. The only public header: what cffi may see.
 *
 * Rules for everything below.
 *
 * Results. Every function that can fail returns an s3cse_status and must not be ignored.
 * Detail goes to |error|, which the caller owns and which may be NULL; it is written on
 * failure only. Whatever OpenSSL had to say is drained into it at the failing call: the
 * OpenSSL error queue of this thread is empty afterwards. No message holds a key, an IV,
 * plaintext or ciphertext.
 *
 * Buffers. Every pointer travels with its length in bytes. A length of zero is a value
 * like any other, and its pointer may be NULL. Outputs belong to the caller. |out| may be
 * |in| (in place); any other overlap of the two is refused. Nothing here allocates or
 * keeps payload.
 *
 * Refusals. State, lengths, capacity, overlap and counters are checked before anything
 * changes: after S3CSE_ERROR_ARGUMENT, _SHORT_OUTPUT, _OVERLAP or _LIMIT nothing was
 * written and the object is as it was. S3CSE_ERROR_VERIFY and S3CSE_ERROR_OPENSSL are
 * final: the key is wiped and every later call on the object returns S3CSE_ERROR_STATE.
 *
 * Ownership. |*_new| sets |*out| to an object that |*_free| releases after wiping it, or
 * to NULL on failure. |*_free(NULL)| is legal. An object serves one message and one
 * thread at a time. The library has no mutable state but the ciphers fetched once (one
 * atomic pointer each), starts no thread and survives fork().
 */
#ifndef S3CSE_H
#define S3CSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define S3CSE_MUST_USE __attribute__((warn_unused_result))
#else
#define S3CSE_MUST_USE
#endif

enum {
  S3CSE_KEY_BYTES = 32,
  S3CSE_BLOCK_BYTES = 16,
  S3CSE_GCM_IV_BYTES = 12,
  S3CSE_GCM_TAG_BYTES = 16,
  S3CSE_CBC_IV_BYTES = 16,
  S3CSE_MESSAGE_ID_MAX_BYTES = 32,
  S3CSE_FRAME_OVERHEAD_BYTES = 32,
  S3CSE_MESSAGE_BYTES = 160
};

/* S3CSE_GCM_MAX_BLOCKS: data blocks use the counters 2 ... 2^32 - 1 (SP 800-38D
 * section 5.2.1.1). */
#define S3CSE_GCM_MAX_BLOCKS UINT64_C(0xFFFFFFFE)

typedef enum {
  S3CSE_OK = 0,
  S3CSE_ERROR_ARGUMENT = 1,     /* a NULL that must not be, a wrong key or IV length */
  S3CSE_ERROR_STATE = 2,        /* the object is finished or has failed */
  S3CSE_ERROR_SHORT_OUTPUT = 3, /* the output has less room than the documented bound */
  S3CSE_ERROR_OVERLAP = 4,      /* output and input overlap other than exactly */
  S3CSE_ERROR_LIMIT = 5,        /* a counter or a length would pass its limit */
  S3CSE_ERROR_VERIFY = 6,       /* it does not verify: GCM tag, CBC padding or length */
  S3CSE_ERROR_MEMORY = 7,
  S3CSE_ERROR_OPENSSL = 8
} s3cse_status;

/* s3cse_error says what failed. |message| is English text ending in NUL, |offset| the
 * number of bytes of the message that were processed before the failing call,
 * |openssl_code| the first code of OpenSSL's queue or 0. */
typedef struct {
  s3cse_status status;
  uint64_t offset;
  uint64_t openssl_code;
  char message[S3CSE_MESSAGE_BYTES];
} s3cse_error;

typedef enum { S3CSE_DECRYPT = 0, S3CSE_ENCRYPT = 1 } s3cse_direction;

/* s3cse_openssl_version writes OPENSSL_VERSION_NUMBER of the library in use to
 * |*version|. */
S3CSE_MUST_USE s3cse_status s3cse_openssl_version(uint64_t *version);

/* s3cse_openssl_pending writes the oldest code in this thread's OpenSSL error queue to
 * |*code|, or 0. For tests: it is 0 before and after every call of this library. */
S3CSE_MUST_USE s3cse_status s3cse_openssl_pending(uint64_t *code);

/* ---- AES-GCM: 12-byte IV, optional AAD, 16-byte tag (SP 800-38D) ---- */

typedef struct s3cse_gcm s3cse_gcm;

/* s3cse_gcm_new starts a message. |key_len| must be 32, or 16 or 24 for the smaller AES
 * that Encryption SDK messages may use; |iv_len| must be 12. The caller never encrypts
 * two messages with one (key, IV). Key, IV and AAD are not referenced after the
 * call. */
S3CSE_MUST_USE s3cse_status s3cse_gcm_new(s3cse_gcm **out, s3cse_direction direction,
                                          const uint8_t *key, size_t key_len,
                                          const uint8_t *iv, size_t iv_len,
                                          const uint8_t *aad, size_t aad_len,
                                          s3cse_error *error);

/* s3cse_gcm_update processes |in_len| bytes and sets |*out_len| to |in_len|; |out_cap|
 * must be at least that. Over the message at most 2^36 - 32 bytes. When decrypting, the
 * output is UNVERIFIED until s3cse_gcm_finish_decrypt succeeds; if it does not, the
 * caller wipes what was written. */
S3CSE_MUST_USE s3cse_status s3cse_gcm_update(s3cse_gcm *gcm, uint8_t *out, size_t out_cap,
                                             size_t *out_len, const uint8_t *in,
                                             size_t in_len, s3cse_error *error);

/* s3cse_gcm_finish_encrypt ends the message and writes its 16-byte tag. |tag_cap|
 * must be at least 16. */
S3CSE_MUST_USE s3cse_status s3cse_gcm_finish_encrypt(s3cse_gcm *gcm, uint8_t *tag,
                                                     size_t tag_cap, s3cse_error *error);

/* s3cse_gcm_finish_decrypt ends the message and compares its tag with |tag| in constant
 * time. |tag_len| must be 16. Returns S3CSE_ERROR_VERIFY if they differ. */
S3CSE_MUST_USE s3cse_status s3cse_gcm_finish_decrypt(s3cse_gcm *gcm, const uint8_t *tag,
                                                     size_t tag_len, s3cse_error *error);

/* s3cse_gcm_advance counts |num_bytes| as processed without processing them. For tests:
 * it only brings the limit nearer. */
S3CSE_MUST_USE s3cse_status s3cse_gcm_advance(s3cse_gcm *gcm, uint64_t num_bytes,
                                              s3cse_error *error);

void s3cse_gcm_free(s3cse_gcm *gcm);

/* ---- AES-256-CTR: the keystream of a GCM message from any block on ---- */

typedef struct s3cse_ctr s3cse_ctr;

/* s3cse_ctr_new starts at data block |first_block| of the GCM message with this 12-byte
 * IV, which is the counter block IV || uint32_be(2 + first_block). |first_block| is at
 * most 2^32 - 2, where no data fits. What it writes is unauthenticated. */
S3CSE_MUST_USE s3cse_status s3cse_ctr_new(s3cse_ctr **out, const uint8_t *key,
                                          size_t key_len, const uint8_t *iv,
                                          size_t iv_len, uint64_t first_block,
                                          s3cse_error *error);

/* s3cse_ctr_update processes |in_len| bytes, |out_cap| at least that. Encrypts and
 * decrypts alike. |first_block| plus the blocks begun must not pass 2^32 - 2. */
S3CSE_MUST_USE s3cse_status s3cse_ctr_update(s3cse_ctr *ctr, uint8_t *out, size_t out_cap,
                                             size_t *out_len, const uint8_t *in,
                                             size_t in_len, s3cse_error *error);

void s3cse_ctr_free(s3cse_ctr *ctr);

/* ---- AES-256-CBC with PKCS#7 padding, unauthenticated (SP 800-38A, RFC 5652) ---- */

typedef struct s3cse_cbc s3cse_cbc;

/* s3cse_cbc_new starts a message. |key_len| must be 32 and |iv_len| 16. |padding| false
 * is for reading a range that does not reach the end of the message; encryption always
 * pads, so it refuses false. */
S3CSE_MUST_USE s3cse_status s3cse_cbc_new(s3cse_cbc **out, s3cse_direction direction,
                                          bool padding, const uint8_t *key,
                                          size_t key_len, const uint8_t *iv,
                                          size_t iv_len, s3cse_error *error);

/* s3cse_cbc_update processes |in_len| bytes and writes the whole blocks that are ready,
 * |*out_len| bytes. |out_cap| must be at least |in_len| rounded up to a multiple of 16.
 * When decrypting with padding the last block is held back until more data or
 * s3cse_cbc_finish comes. Working in place from within a block costs one memmove of the
 * chunk. */
S3CSE_MUST_USE s3cse_status s3cse_cbc_update(s3cse_cbc *cbc, uint8_t *out, size_t out_cap,
                                             size_t *out_len, const uint8_t *in,
                                             size_t in_len, s3cse_error *error);

/* s3cse_cbc_finish ends the message. Encrypting: writes the padded last block, |*out_len|
 * = 16. Decrypting with padding: writes what remains of the last block, |*out_len| = 0
 * ... 15. Both need |out_cap| >= 16. Decrypting without padding: writes nothing. Returns
 * S3CSE_ERROR_VERIFY, with one text, if the padding is bad or the length is no multiple
 * of 16. */
S3CSE_MUST_USE s3cse_status s3cse_cbc_finish(s3cse_cbc *cbc, uint8_t *out, size_t out_cap,
                                             size_t *out_len, s3cse_error *error);

void s3cse_cbc_free(s3cse_cbc *cbc);

/* ---- Segments: one AES-256-GCM object in pieces, on any threads and in any order ----
 *
 * A segment is a run of whole blocks of an object's data; only the object's last one may
 * end within a block. Each has a value S, GHASH of its ciphertext from a zero state, and
 * the object's tag is made of these. S is a secret like the key: with the ciphertext it
 * gives equations for GHASH's key. The algebra is in src/segment.c. */

typedef enum {
  S3CSE_PATH_AUTO = 0,    /* fused, unless OpenSSL refuses it or FIPS properties are on */
  S3CSE_PATH_FUSED = 1,   /* EVP's GCM with a computed 16-byte IV: one pass */
  S3CSE_PATH_CTR_GMAC = 2 /* CTR and GMAC, piece by piece: standard calls only */
} s3cse_path;

/* s3cse_object holds the keys of one object. It never changes, so threads share it. */
typedef struct s3cse_object s3cse_object;

/* s3cse_object_new derives the keys of the object with this key (32 bytes), IV (12) and
 * AAD. With |path| FUSED it fails with S3CSE_ERROR_OPENSSL where OpenSSL refuses the IV.
 * Returns S3CSE_ERROR_VERIFY for the one key in 2^128 that authenticates nothing (H = 0):
 * a writer takes a new key, a reader refuses the object. */
S3CSE_MUST_USE s3cse_status s3cse_object_new(s3cse_object **out, s3cse_path path,
                                             const uint8_t *key, size_t key_len,
                                             const uint8_t *iv, size_t iv_len,
                                             const uint8_t *aad, size_t aad_len,
                                             s3cse_error *error);

/* s3cse_object_path writes FUSED or CTR_GMAC: the path in use. */
S3CSE_MUST_USE s3cse_status s3cse_object_path(const s3cse_object *object,
                                              s3cse_path *path);

/* s3cse_object_tag writes the tag of the object whose |num_segments| segments, in order,
 * have the values |values| (16 bytes each) and the lengths |lengths| in bytes; |tag_cap|
 * at least 16. */
S3CSE_MUST_USE s3cse_status s3cse_object_tag(const s3cse_object *object, uint8_t *tag,
                                             size_t tag_cap, const uint8_t *values,
                                             size_t values_len, const uint64_t *lengths,
                                             size_t num_segments, s3cse_error *error);

/* s3cse_object_verify compares |tag| (16 bytes) with that tag in constant time. */
S3CSE_MUST_USE s3cse_status s3cse_object_verify(const s3cse_object *object,
                                                const uint8_t *tag, size_t tag_len,
                                                const uint8_t *values, size_t values_len,
                                                const uint64_t *lengths,
                                                size_t num_segments, s3cse_error *error);

void s3cse_object_free(s3cse_object *object);

/* s3cse_worker holds the cipher contexts that one thread at a time uses on one object's
 * segments. The object must outlive it. A failed call leaves it usable. */
typedef struct s3cse_worker s3cse_worker;

S3CSE_MUST_USE s3cse_status s3cse_worker_new(s3cse_worker **out,
                                             const s3cse_object *object,
                                             s3cse_error *error);

void s3cse_worker_free(s3cse_worker *worker);

/* The calls on segments take the segment whose first data block is |first_block|; its
 * blocks must not pass 2^32 - 2. |out_cap| is at least |in_len|, |value_cap| at least 16.
 * |out| may be |in|; |value| is memory of its own. If a call fails after it began to
 * write, |out| holds zeros. */

/* s3cse_segment_encrypt writes the ciphertext to |out| and S to |value|. */
S3CSE_MUST_USE s3cse_status s3cse_segment_encrypt(s3cse_worker *worker, uint8_t *out,
                                                  size_t out_cap, uint8_t *value,
                                                  size_t value_cap, uint64_t first_block,
                                                  const uint8_t *in, size_t in_len,
                                                  s3cse_error *error);

/* s3cse_segment_decrypt writes the plaintext, UNVERIFIED until S is, and S of the
 * ciphertext. */
S3CSE_MUST_USE s3cse_status s3cse_segment_decrypt(s3cse_worker *worker, uint8_t *out,
                                                  size_t out_cap, uint8_t *value,
                                                  size_t value_cap, uint64_t first_block,
                                                  const uint8_t *in, size_t in_len,
                                                  s3cse_error *error);

/* s3cse_segment_hash writes S of the ciphertext |in|. */
S3CSE_MUST_USE s3cse_status s3cse_segment_hash(s3cse_worker *worker, uint8_t *value,
                                               size_t value_cap, const uint8_t *in,
                                               size_t in_len, s3cse_error *error);

/* s3cse_segment_verify decrypts a segment whose S is known. If the ciphertext has another
 * S it returns S3CSE_ERROR_VERIFY and |out| holds zeros. */
S3CSE_MUST_USE s3cse_status s3cse_segment_verify(s3cse_worker *worker, uint8_t *out,
                                                 size_t out_cap, uint64_t first_block,
                                                 const uint8_t *in, size_t in_len,
                                                 const uint8_t *value, size_t value_len,
                                                 s3cse_error *error);

/* ---- Frames: many regular frames of an AWS Encryption SDK message in one call ----
 *
 * A frame holds |frame_length| bytes and is S3CSE_FRAME_OVERHEAD_BYTES longer. The key
 * (16, 24 or 32 bytes) is the message's derived one. Frames are numbered from 1, the last
 * number is not for regular ones. |out| and |in| must not overlap at all. */

/* s3cse_frames_seal encrypts |in|, a whole number of frames' contents, into frames one
 * after the other from number |first_sequence| on. |out_cap| must be at least |in_len|
 * and the overhead of each frame, which is |*out_len|. The caller never seals two frames
 * with one (key, number). If it fails after it began to write, |out| holds zeros. */
S3CSE_MUST_USE s3cse_status s3cse_frames_seal(uint8_t *out, size_t out_cap,
                                              size_t *out_len, const uint8_t *key,
                                              size_t key_len, const uint8_t *message_id,
                                              size_t message_id_len,
                                              uint32_t first_sequence,
                                              uint32_t frame_length, const uint8_t *in,
                                              size_t in_len, s3cse_error *error);

/* s3cse_frames_open decrypts |in|, a whole number of frames, the first of which must be
 * number |first_sequence|. Returns S3CSE_ERROR_VERIFY if one of them does not verify or
 * has another number: |out| then holds zeros, and |error|'s offset is the number of bytes
 * in the frames before it. */
S3CSE_MUST_USE s3cse_status s3cse_frames_open(uint8_t *out, size_t out_cap,
                                              size_t *out_len, const uint8_t *key,
                                              size_t key_len, const uint8_t *message_id,
                                              size_t message_id_len,
                                              uint32_t first_sequence,
                                              uint32_t frame_length, const uint8_t *in,
                                              size_t in_len, s3cse_error *error);

#ifdef __cplusplus
}
#endif

#endif
