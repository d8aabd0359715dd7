"""Format V1: CBC body, wrapped key in ``x-amz-key``. Source: FORMATS.md sections 3 to 5 and 18."""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.crypto.ciphers import CBC_IV_BYTES
from s3cse.envelope.fields import TAMPERED, decode_base64, decode_map, encode_base64, encode_map, required, shown
from s3cse.envelope.model import WRAP_V1_AES, WRAP_V1_RSA, ContentAlgorithm, Envelope, Format
from s3cse.envelope.wraps import check_wrapped_key
from s3cse.errors import EnvelopeError

_CBC = ContentAlgorithm.AES_CBC
_LONGEST_AES_KEY_BYTES = 48
_NOT_IN_V1 = ("x-amz-wrap-alg", "x-amz-tag-len")


def parse(fields: Mapping[str, str]) -> Envelope:
    """Return the envelope that these fields describe, checked for consistency before any key is touched.

    The wrap has no name in this format: the length of the wrapped key tells AES from RSA, as the Java client does.
    Redshift's files lack ``x-amz-matdesc``.

    Raises:
        EnvelopeError: a field is missing, malformed or contradicts another.
    """
    _check_algorithm(fields)
    wrapped = decode_base64("x-amz-key", required(fields, "x-amz-key"))
    matdesc = fields.get("x-amz-matdesc")
    envelope = Envelope(
        format=Format.V1,
        content_algorithm=_CBC,
        wrap_algorithm=WRAP_V1_RSA if len(wrapped) > _LONGEST_AES_KEY_BYTES else WRAP_V1_AES,
        encrypted_data_key=wrapped,
        iv=decode_base64("x-amz-iv", required(fields, "x-amz-iv")),
        materials_description=None if matdesc is None else decode_map("x-amz-matdesc", matdesc),
        claimed_length=fields.get("x-amz-unencrypted-content-length"),
    )
    if len(envelope.iv) != CBC_IV_BYTES:
        raise EnvelopeError(
            f"x-amz-iv does not fit {_CBC.value}",
            found=f"{len(envelope.iv)} bytes",
            expected=f"{CBC_IV_BYTES} bytes",
            fix=TAMPERED,
        )
    check_wrapped_key(envelope, "x-amz-key")
    return envelope


def _check_algorithm(fields: Mapping[str, str]) -> None:
    """Refuse the algorithm names of format V2: V1 has one body, and naming it changes nothing."""
    foreign = [name for name in _NOT_IN_V1 if name in fields]
    if foreign:
        raise EnvelopeError(
            "headers of format V2 are beside the wrapped key of format V1",
            found=", ".join(foreign),
            expected="x-amz-key, x-amz-iv and x-amz-matdesc only",
            fix=TAMPERED,
        )
    algorithm = fields.get("x-amz-cek-alg", _CBC.value)
    if algorithm != _CBC.value:
        raise EnvelopeError(
            "x-amz-cek-alg does not go with format V1",
            found=shown(algorithm),
            expected=f"none, or {_CBC.value!r}",
            fix=TAMPERED,
        )


def write(envelope: Envelope, plaintext_bytes: int) -> dict[str, str]:
    """Return the fields of this envelope by name.

    Args:
        envelope: of format V1.
        plaintext_bytes: the exact plaintext length, for readers that cannot compute it.
    """
    return {
        "x-amz-key": encode_base64(envelope.encrypted_data_key),
        "x-amz-iv": encode_base64(envelope.iv),
        "x-amz-matdesc": encode_map(envelope.materials_description or {}),
        "x-amz-unencrypted-content-length": str(plaintext_bytes),
    }
