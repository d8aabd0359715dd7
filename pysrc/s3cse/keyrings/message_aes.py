"""Data keys of Encryption SDK messages under a raw AES key.

Source: AWS Encryption SDK specification, framework/raw-aes-keyring.md. Provider information is key name ‖ tag length in
bits (4 bytes) ‖ IV length (4 bytes) ‖ IV; the ciphertext is encrypted key ‖ tag.
"""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.crypto.ciphers import GCM_IV_BYTES, GCM_TAG_BYTES
from s3cse.crypto.keywrap import open_gcm, seal_gcm
from s3cse.crypto.randomness import random_bytes
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError
from s3cse.keyrings.encryption_context import serialized
from s3cse.keyrings.message_keys import EncryptedDataKey, does_not_open_message_key
from s3cse.keyrings.message_names import KeyNames

_LENGTHS = (8 * GCM_TAG_BYTES).to_bytes(4, "big") + GCM_IV_BYTES.to_bytes(4, "big")


def wrap(key: Secret, names: KeyNames, plaintext: Secret, context: Mapping[str, str]) -> EncryptedDataKey:
    """Return the data key wrapped under a random IV, with the context as authenticated data."""
    iv = random_bytes(GCM_IV_BYTES)
    sealed = seal_gcm(key.view(), plaintext.view(), iv, serialized(context))
    return encrypted(names, iv, sealed)


def encrypted(names: KeyNames, iv: bytes, sealed: bytes) -> EncryptedDataKey:
    """Return the wrapped form of ``sealed``: encrypted key ‖ tag under this IV."""
    return EncryptedDataKey(names.provider_id, names.key_id_bytes + _LENGTHS + iv, sealed)


def iv_of(candidate: EncryptedDataKey, key_bytes: int) -> bytes:
    """Return the IV of a wrapped form that :func:`is_own` took for ours.

    Raises:
        KeyringError: a data key of this length is not in it.
    """
    if len(candidate.ciphertext) != key_bytes + GCM_TAG_BYTES:
        raise does_not_open_message_key(candidate)
    return candidate.provider_info[-GCM_IV_BYTES:]


def is_own(candidate: EncryptedDataKey, names: KeyNames) -> bool:
    """Whether the names are the keyring's, and the lengths those of AES-GCM."""
    front = names.key_id_bytes + _LENGTHS
    info = candidate.provider_info
    return (
        candidate.provider_id == names.provider_id and info.startswith(front) and len(info) == len(front) + GCM_IV_BYTES
    )


def unwrap(key: Secret, candidate: EncryptedDataKey, context: Mapping[str, str], key_bytes: int) -> Secret:
    """Return the data key of a wrapped form that :func:`is_own` took for ours.

    Raises:
        KeyringError: another key, another context, another length, or changed.
    """
    iv = iv_of(candidate, key_bytes)
    try:
        return open_gcm(key.view(), candidate.ciphertext, iv, serialized(context))
    except IntegrityError:
        raise does_not_open_message_key(candidate) from None
