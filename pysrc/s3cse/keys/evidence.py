"""Which key an object's data key is under, by what the object itself says.

Only what a format defines is evidence. The old wrap ``kms`` names its key in the encryption context (FORMATS.md section
7), messages of the AWS Encryption SDK name each wrapped key's. ``kms+context`` and format V3 store no key id, and what
KMS's own ciphertext looks like inside is not documented, so that nothing is read out of it. Of a raw key there is at
most the writer's description.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from s3cse.envelope.detect import WRAPPED_KEY_FIELDS
from s3cse.envelope.fields import decode_base64
from s3cse.envelope.instruction_file import parse_instruction_file
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, LEGACY_WRAPS, WRAP_KMS, Envelope
from s3cse.errors import EnvelopeError, printable
from s3cse.keyrings.base import WRAPS_OF_KIND
from s3cse.keyrings.message_keys import EncryptedDataKey
from s3cse.keyrings.message_names import KMS_PROVIDER
from s3cse.keys.row import STORED, UNKNOWN, Row

_FINGERPRINT_BYTES = 16
_SHOWN = 400


def fingerprint(description: Mapping[str, str]) -> str:
    """Return what tells one materials description from another without showing it: ``sha256:`` and 32 digits.

    Of the description as JSON with sorted names, without spaces, in ASCII.
    """
    text = json.dumps(dict(description), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return _fingerprint(text.encode())


def wrapped_key_fingerprint(envelope: Envelope) -> str:
    """Return what tells one wrapped data key from another: ``sha256:`` and 32 digits; a rotated object has another."""
    return _fingerprint(envelope.encrypted_data_key)


def fingerprint_in_file(body: bytes) -> str | None:
    """Return the wrapped_key_fingerprint of what an instruction file holds, None where it is none that can be read."""
    try:
        fields = parse_instruction_file(body)
        wrapped = [decode_base64(name, fields[name]) for name in WRAPPED_KEY_FIELDS if name in fields]
    except EnvelopeError:
        return None
    return _fingerprint(wrapped[0]) if len(wrapped) == 1 else None


def _fingerprint(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).digest()[:_FINGERPRINT_BYTES].hex()}"


def wrapped_by_kms(envelope: Envelope) -> bool:
    """Whether KMS wrapped the data key."""
    return envelope.wrap_algorithm in WRAPS_OF_KIND["kms"]


def take_envelope(row: Row, envelope: Envelope) -> None:
    """Write into the row what an envelope says of algorithms and key."""
    row.format = envelope.format.value
    row.content_algorithm = envelope.content_algorithm.value
    row.wrap_algorithm = envelope.wrap_algorithm
    row.authenticated = envelope.authenticated
    row.legacy = not envelope.authenticated or envelope.wrap_algorithm in LEGACY_WRAPS
    description = dict(envelope.materials_description or {})
    row.wrapped_key_fingerprint = wrapped_key_fingerprint(envelope)
    row.key_evidence = UNKNOWN
    if not wrapped_by_kms(envelope):
        if description:
            row.description_fingerprint, row.key_evidence = fingerprint(description), STORED
        return
    row.encryption_context = description
    named = description.get(KMS_KEY_ID_ENTRY) if envelope.wrap_algorithm == WRAP_KMS else None
    if named:
        row.key_id, row.key_evidence = named, STORED


def take_message_keys(row: Row, keys: tuple[EncryptedDataKey, ...]) -> None:
    """Write into the row which keys a message names; any one of them opens it."""
    first, *others = [named(key) for key in keys]
    row.key_id, row.other_key_ids, row.key_evidence = first, tuple(others), STORED


def named(key: EncryptedDataKey) -> str:
    """Return a message's name of a key: KMS's ARN, or provider and name of a raw key.

    A raw AES key's information goes on with IV and tag lengths behind its name; they are cut off.
    """
    info = key.provider_info[:_SHOWN]
    if key.provider_id == KMS_PROVIDER:
        return printable(info.decode("utf-8", "backslashreplace"))
    # Raw AES: name, 4 bytes of tag bits, 4 bytes of IV length, 12 bytes of IV (specification, raw-aes-keyring.md).
    if len(info) > _AES_SUFFIX and info[-_AES_SUFFIX : -_AES_SUFFIX + 8] == _AES_LENGTHS:
        info = info[:-_AES_SUFFIX]
    return printable(f"{key.provider_id[:_SHOWN]}:{info.decode('utf-8', 'backslashreplace')}")


_AES_SUFFIX = 4 + 4 + 12
_AES_LENGTHS = (128).to_bytes(4, "big") + (12).to_bytes(4, "big")
