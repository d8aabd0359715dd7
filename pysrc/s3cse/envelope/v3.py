"""Format V3: GCM body under a derived key to which the envelope commits. Source: FORMATS.md sections 3, 6, 7 and 8."""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.crypto.commitment import COMMITMENT_BYTES, MESSAGE_ID_BYTES
from s3cse.envelope.fields import TAMPERED, decode_base64, decode_map, encode_base64, encode_map, required, shown
from s3cse.envelope.model import (
    COMMITTING_IV,
    WRAP_AES_GCM,
    WRAP_KMS_CONTEXT,
    WRAP_RSA_OAEP_SHA1,
    ContentAlgorithm,
    Envelope,
    Format,
)
from s3cse.envelope.wraps import check_reserved_entry, check_wrapped_key
from s3cse.errors import EnvelopeError

#: The fields that are on the object itself, also where the others are in an instruction file (FORMATS.md section 9).
CONTENT_FIELDS = ("x-amz-c", "x-amz-d", "x-amz-i")
_COMMITTING = ContentAlgorithm.AES_GCM_COMMITTING
_WRAPS = {"02": WRAP_AES_GCM, "12": WRAP_KMS_CONTEXT, "22": WRAP_RSA_OAEP_SHA1}
_CODES = {wrap: code for code, wrap in _WRAPS.items()}
_CONTEXT, _DESCRIPTION = "x-amz-t", "x-amz-m"


def parse(fields: Mapping[str, str]) -> Envelope:
    """Return the envelope that these fields describe, checked for consistency before any key is touched.

    Raises:
        EnvelopeError: a field is missing, malformed or contradicts another.
    """
    if required(fields, "x-amz-c") != _COMMITTING.value:
        raise EnvelopeError(
            "x-amz-c names no known content algorithm",
            found=shown(fields["x-amz-c"]),
            expected=repr(_COMMITTING.value),
            fix=TAMPERED,
        )
    wrap = _wrap(required(fields, "x-amz-w"))
    envelope = Envelope(
        format=Format.V3,
        content_algorithm=_COMMITTING,
        wrap_algorithm=wrap,
        encrypted_data_key=decode_base64("x-amz-3", required(fields, "x-amz-3")),
        iv=COMMITTING_IV,
        materials_description=_description(fields, wrap),
        claimed_length=fields.get("x-amz-unencrypted-content-length"),
        commitment=_exactly(fields, "x-amz-d", COMMITMENT_BYTES),
        message_id=_exactly(fields, "x-amz-i", MESSAGE_ID_BYTES),
    )
    if wrap == WRAP_KMS_CONTEXT:
        # Every writer stores the context, if only for this entry: unlike in format V2, none at all is refused too.
        check_reserved_entry(envelope, _CONTEXT)
    check_wrapped_key(envelope, "x-amz-3")
    return envelope


def _wrap(code: str) -> str:
    if code not in _WRAPS:
        raise EnvelopeError(
            "x-amz-w names no known key wrap",
            found=shown(code),
            expected=", ".join(f"{known!r} ({wrap})" for known, wrap in _WRAPS.items()),
            fix=TAMPERED,
        )
    return _WRAPS[code]


def _description(fields: Mapping[str, str], wrap: str) -> dict[str, str] | None:
    """Return the map that goes with the wrap; the other one must say nothing."""
    name, other = (_CONTEXT, _DESCRIPTION) if wrap == WRAP_KMS_CONTEXT else (_DESCRIPTION, _CONTEXT)
    if other in fields and decode_map(other, fields[other]):
        raise EnvelopeError(
            f"{other} does not go with wrap {wrap!r}",
            found=shown(fields[other]),
            expected=f"{name} instead",
            fix=TAMPERED,
        )
    return decode_map(name, fields[name]) if name in fields else None


def _exactly(fields: Mapping[str, str], name: str, length: int) -> bytes:
    data = decode_base64(name, required(fields, name))
    if len(data) != length:
        raise EnvelopeError(
            f"{name} has a wrong length", found=f"{len(data)} bytes", expected=f"{length} bytes", fix=TAMPERED
        )
    return data


def write(envelope: Envelope, plaintext_bytes: int) -> dict[str, str]:  # noqa: ARG001 - V3 stores no length
    """Return the fields of this envelope by name.

    Args:
        envelope: of format V3.
        plaintext_bytes: not stored; it is the stored length less the tag.

    Raises:
        EnvelopeError: the message id is all zero, which no source of random bytes gives.
    """
    if not any(envelope.message_id):
        raise EnvelopeError(
            "the message id is all zero",
            found=f"{len(envelope.message_id)} zero bytes",
            expected=f"{MESSAGE_ID_BYTES} random bytes",
            fix="the source of random bytes is broken: encrypt nothing on this machine",
        )
    fields = {
        "x-amz-c": envelope.content_algorithm.value,
        "x-amz-3": encode_base64(envelope.encrypted_data_key),
        "x-amz-w": _CODES[envelope.wrap_algorithm],
        "x-amz-d": encode_base64(envelope.commitment),
        "x-amz-i": encode_base64(envelope.message_id),
    }
    if envelope.wrap_algorithm == WRAP_KMS_CONTEXT:
        fields[_CONTEXT] = encode_map(envelope.materials_description or {})
    elif envelope.materials_description:
        fields[_DESCRIPTION] = encode_map(envelope.materials_description)
    return fields
