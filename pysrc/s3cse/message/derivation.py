"""The keys of one message: derived from its data key, so that one data key may serve several messages.

Source: AWS Encryption SDK specification, framework/transitive-requirements.md; HKDF is RFC 5869.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from s3cse.crypto.secret import Secret
from s3cse.message.suites import COMMITMENT_BYTES, Hash, Suite

_HASHES: dict[Hash, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class MessageKeys:
    """The key of header and body, and the public value that commits to the data key (none in version 1)."""

    content_key: Secret
    commitment: bytes


def derive(suite: Suite, data_key: Secret, message_id: bytes) -> MessageKeys:
    """Return the keys of the message with this id.

    Raises:
        ValueError: the data key or the message id has not the suite's length.
    """
    if len(data_key) != suite.key_bytes or len(message_id) != suite.message_id_bytes:
        raise ValueError(f"a data key has {suite.key_bytes} bytes and a message id {suite.message_id_bytes}")
    if suite.hash is None:
        return MessageKeys(Secret(data_key.view()), b"")
    hash_ = _HASHES[suite.hash]()
    if suite.commits:
        extracted = _extract(hash_, message_id, data_key)
        content_key = _expand(hash_, extracted, suite.id_bytes + b"DERIVEKEY", suite.key_bytes)
        return MessageKeys(Secret(content_key), _expand(hash_, extracted, b"COMMITKEY", COMMITMENT_BYTES))
    extracted = _extract(hash_, bytes(hash_.digest_size), data_key)
    return MessageKeys(Secret(_expand(hash_, extracted, suite.id_bytes + message_id, suite.key_bytes)), b"")


def _extract(hash_: hashes.HashAlgorithm, salt: bytes, data_key: Secret) -> bytes:
    mac = HMAC(salt, hash_)
    mac.update(data_key.view())
    return mac.finalize()


def _expand(hash_: hashes.HashAlgorithm, extracted: bytes, info: bytes, length: int) -> bytes:
    return HKDFExpand(hash_, length, info).derive(extracted)
