"""Key commitment of format V3: the body's key and the commitment, both derived from the data key.

Source: FORMATS.md section 8; suite 0x0073, ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY. HKDF is RFC 5869.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.secret import Secret

COMMITMENT_BYTES = 28
MESSAGE_ID_BYTES = 28
_SUITE_ID = b"\x00\x73"


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """What a data key and a message id give: the body's key, and the public value that commits to it."""

    content_key: Secret
    commitment: bytes


def derive(data_key: Secret, message_id: bytes) -> DerivedKey:
    """Return the key that encrypts the body and the commitment to it.

    Args:
        data_key: 32 bytes.
        message_id: 28 bytes, the salt.

    Raises:
        ValueError: a length is another one.
    """
    if len(data_key) != KEY_BYTES or len(message_id) != MESSAGE_ID_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes and a message id {MESSAGE_ID_BYTES}")
    extract = HMAC(message_id, SHA512())
    extract.update(data_key.view())
    pseudorandom_key = extract.finalize()
    content_key = HKDFExpand(SHA512(), KEY_BYTES, _SUITE_ID + b"DERIVEKEY").derive(pseudorandom_key)
    commitment = HKDFExpand(SHA512(), COMMITMENT_BYTES, _SUITE_ID + b"COMMITKEY").derive(pseudorandom_key)
    return DerivedKey(Secret(content_key), commitment)
