"""Key wraps under raw AES and RSA keys, as pure functions: a data key in, its wrapped form out, and back.

Source: FORMATS.md sections 5, 6 and 25. A data key has 32 bytes, as every body is AES-256. What does not open is one
IntegrityError without any detail: which of its checks failed is nobody's business. The exception is PKCS#1 v1.5, which
always gives a key, see :func:`unwrap_pkcs1`.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_IV_BYTES, GCM_TAG_BYTES, KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

#: IV ‖ ciphertext ‖ tag.
GCM_WRAPPED_BYTES = GCM_IV_BYTES + KEY_BYTES + GCM_TAG_BYTES
#: RFC 3394 adds one half block.
RFC3394_WRAPPED_BYTES = KEY_BYTES + BLOCK_BYTES // 2
#: PKCS#5 adds a whole block to a key of two.
ECB_WRAPPED_BYTES = KEY_BYTES + BLOCK_BYTES
#: Lengths of a raw AES key that wraps, in bytes.
AES_KEY_BYTES = (16, 24, 32)

_PKCS5_BLOCK = bytes([BLOCK_BYTES]) * BLOCK_BYTES
# SHA-1 is what the formats say; OAEP asks of its hash nothing that is broken in SHA-1.
_SHA1, _SHA256 = hashes.SHA1(), hashes.SHA256()  # noqa: S303


def wrap_gcm(wrapping_key: Buffer, data_key: Buffer, iv: bytes, bound: bytes) -> bytes:
    """Wrap by AES-GCM: IV ‖ ciphertext ‖ tag, 60 bytes, with ``bound`` as the authenticated data.

    Args:
        wrapping_key: 16, 24 or 32 bytes.
        data_key: 32 bytes.
        iv: 12 bytes, never twice under one key.
        bound: the content algorithm's text.
    """
    return iv + seal_gcm(wrapping_key, data_key, iv, bound)


def unwrap_gcm(wrapping_key: Buffer, wrapped: bytes, bound: bytes) -> Secret:
    """Return the data key that :func:`wrap_gcm` wrapped.

    Raises:
        IntegrityError: another key, another bound text, or changed.
    """
    _check_length(wrapped, GCM_WRAPPED_BYTES)
    return open_gcm(wrapping_key, wrapped[GCM_IV_BYTES:], wrapped[:GCM_IV_BYTES], bound)


def seal_gcm(wrapping_key: Buffer, data_key: Buffer, iv: bytes, bound: bytes) -> bytes:
    """Return ciphertext ‖ tag, without the IV; a data key of any length."""
    return AESGCM(bytes(wrapping_key)).encrypt(iv, bytes(data_key), bound)


def open_gcm(wrapping_key: Buffer, sealed: bytes, iv: bytes, bound: bytes) -> Secret:
    """Return the data key that :func:`seal_gcm` sealed.

    Raises:
        IntegrityError: another key, IV or bound text, or changed.
    """
    try:
        return Secret(AESGCM(bytes(wrapping_key)).decrypt(iv, sealed, bound))
    except InvalidTag:
        raise does_not_unwrap() from None


def wrap_rfc3394(wrapping_key: Buffer, data_key: Buffer) -> bytes:
    """Wrap by RFC 3394 (``AESWrap``): 40 bytes; it binds no text."""
    return aes_key_wrap(bytes(wrapping_key), bytes(data_key))


def unwrap_rfc3394(wrapping_key: Buffer, wrapped: bytes) -> Secret:
    """Return the data key that :func:`wrap_rfc3394` wrapped.

    Raises:
        IntegrityError: another key, or changed.
    """
    _check_length(wrapped, RFC3394_WRAPPED_BYTES)
    try:
        return Secret(aes_key_unwrap(bytes(wrapping_key), wrapped))
    except InvalidUnwrap:
        raise does_not_unwrap() from None


def wrap_ecb(wrapping_key: Buffer, data_key: Buffer) -> bytes:
    """Wrap by AES/ECB/PKCS5Padding (format V1): 48 bytes; it authenticates nothing."""
    encryptor = Cipher(algorithms.AES(bytes(wrapping_key)), modes.ECB()).encryptor()  # noqa: S305 - format V1 says so
    return encryptor.update(pkcs5_padded(data_key)) + encryptor.finalize()


def unwrap_ecb(wrapping_key: Buffer, wrapped: bytes) -> Secret:
    """Return the data key that :func:`wrap_ecb` wrapped; under another key it fails nearly always, but not surely.

    Raises:
        IntegrityError: the padding is not that of 32 bytes.
    """
    _check_length(wrapped, ECB_WRAPPED_BYTES)
    decryptor = Cipher(algorithms.AES(bytes(wrapping_key)), modes.ECB()).decryptor()  # noqa: S305 - as above
    return without_pkcs5(decryptor.update(wrapped) + decryptor.finalize())


def pkcs5_padded(data_key: Buffer) -> bytes:
    """Return what AES/ECB encrypts: the data key and a whole block of padding."""
    return bytes(data_key) + _PKCS5_BLOCK


def without_pkcs5(padded: bytes) -> Secret:
    """Return the data key in front of its padding.

    A clear failure, no made-up key, is safe here: with 32 bytes of key the padding is a whole block, and in ECB its
    ciphertext is one constant for each wrapping key, which every object shows. Whether the third block is that
    constant is known to all, so the answer tells nothing about the two blocks before it. A padding of any other
    length, valid or not, fails in the same way.

    Raises:
        IntegrityError: anything else than a block of padding after 32 bytes.
    """
    if len(padded) != ECB_WRAPPED_BYTES or not hmac.compare_digest(padded[KEY_BYTES:], _PKCS5_BLOCK):
        raise does_not_unwrap()
    return Secret(padded[:KEY_BYTES])


def wrap_oaep_sha1(public_key: RSAPublicKey, data_key: Buffer, bound: bytes) -> bytes:
    """Wrap by RSA-OAEP with SHA-1 and MGF1-SHA-1 over 1 byte length ‖ data key ‖ bound text."""
    return public_key.encrypt(bytes([KEY_BYTES]) + bytes(data_key) + bound, OAEP(MGF1(_SHA1), _SHA1, None))


def unwrap_oaep_sha1(private_key: RSAPrivateKey, wrapped: bytes, bound: bytes) -> Secret:
    """Return the data key that :func:`wrap_oaep_sha1` wrapped.

    Raises:
        IntegrityError: another key, another bound text, or changed.
    """
    return without_bound_text(open_oaep(private_key, wrapped, _SHA1, _SHA1), bound)


def without_bound_text(plaintext: bytes, bound: bytes) -> Secret:
    """Return the data key from 1 byte length ‖ data key ‖ bound text; all of the rest is compared in constant time.

    Raises:
        IntegrityError: another length, or another text.
    """
    frame = plaintext[:1] + plaintext[1 + KEY_BYTES :]
    if len(plaintext) != 1 + KEY_BYTES + len(bound) or not hmac.compare_digest(frame, bytes([KEY_BYTES]) + bound):
        raise does_not_unwrap()
    return Secret(plaintext[1 : 1 + KEY_BYTES])


def wrap_oaep_sha256(public_key: RSAPublicKey, data_key: Buffer) -> bytes:
    """Wrap by RSA-OAEP with SHA-256 but MGF1-SHA-1, as Java's default is; it binds no text. No profile writes it."""
    return public_key.encrypt(bytes(data_key), OAEP(MGF1(_SHA1), _SHA256, None))


def unwrap_oaep_sha256(private_key: RSAPrivateKey, wrapped: bytes) -> Secret:
    """Return a data key wrapped by RSA-OAEP with SHA-256 and MGF1-SHA-1, which is what the name means in Java.

    Raises:
        IntegrityError: another key, or changed.
    """
    return whole_data_key(open_oaep(private_key, wrapped, _SHA256, _SHA1))


def whole_data_key(plaintext: bytes) -> Secret:
    """Return a data key that was wrapped as it is.

    Raises:
        IntegrityError: it has another length than 32 bytes.
    """
    _check_length(plaintext, KEY_BYTES)
    return Secret(plaintext)


def open_oaep(
    private_key: RSAPrivateKey, wrapped: bytes, hash_: hashes.HashAlgorithm, mgf: hashes.HashAlgorithm
) -> bytes:
    """Return the plaintext of RSA-OAEP with an empty label; OpenSSL has one failure for all of it (Manger's attack).

    Raises:
        IntegrityError: it does not open.
    """
    try:
        return private_key.decrypt(wrapped, OAEP(MGF1(mgf), hash_, None))
    except ValueError:
        raise does_not_unwrap() from None


def wrap_pkcs1(public_key: RSAPublicKey, data_key: Buffer) -> bytes:
    """Wrap by RSAES-PKCS1-v1_5 (format V1); it authenticates nothing."""
    return public_key.encrypt(bytes(data_key), PKCS1v15())


def unwrap_pkcs1(private_key: RSAPrivateKey, wrapped: bytes, rejection: Secret, key_bytes: int = KEY_BYTES) -> Secret:
    """Return the data key, or a made-up one: whether the padding was right is never told (Bleichenbacher's attack).

    OpenSSL 3.2 and later rejects implicitly: for bad padding it returns made-up bytes of a made-up length. Other
    libraries below ``cryptography`` raise a ValueError. Both, and a plaintext of another length, end here as
    :func:`made_up_key`, which is computed in every case, before anything is known. What then fails is the body.

    Args:
        rejection: see :func:`rejection_secret`.
        key_bytes: length of the data key, at most 32.
    """
    longest = made_up_key(rejection, wrapped)
    made_up = Secret(longest.view()[:key_bytes])
    try:
        plaintext = private_key.decrypt(wrapped, PKCS1v15())
    except ValueError:
        plaintext = b""
    return Secret(plaintext) if len(plaintext) == key_bytes else made_up


def rejection_secret(private_key: RSAPrivateKey) -> Secret:
    """Return the secret from which :func:`made_up_key` makes keys, the same wherever the private key is."""
    exponent = private_key.private_numbers().d
    data = exponent.to_bytes(-(-private_key.key_size // 8), "big")
    return Secret(hmac.digest(data, b"s3cse PKCS#1 v1.5 implicit rejection", "sha256"))


def made_up_key(rejection: Secret, wrapped: bytes) -> Secret:
    """Return a key that nobody without the secret can tell from a random one, always the same for one wrapped key.

    A fresh random key each time would show, by reading an object twice, that its padding is wrong: once out of 256
    times a short CBC body opens under a random key, and then would not open again.
    """
    return Secret(hmac.digest(rejection.view(), wrapped, "sha256"))


def does_not_unwrap() -> IntegrityError:
    """Return the one failure of this module."""
    return IntegrityError("the wrapped data key does not open")


def _check_length(data: bytes, length: int) -> None:
    if len(data) != length:
        raise does_not_unwrap()
