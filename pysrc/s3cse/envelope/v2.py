"""Format V2: GCM or CBC body, wrapped key in ``x-amz-key-v2``. Source: FORMATS.md sections 3, 5, 6, 7 and 9."""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.envelope.fields import TAMPERED, decode_base64, decode_map, encode_base64, encode_map, required, shown
from s3cse.envelope.model import (
    BINDING_WRAPS,
    RESERVED_CONTEXT_KEY,
    WRAP_AES_WRAP,
    WRAP_KMS,
    WRAP_KMS_CONTEXT,
    WRAP_RSA_OAEP_SHA256,
    ContentAlgorithm,
    Envelope,
    Format,
)
from s3cse.envelope.wraps import check_reserved_entry, check_wrapped_key
from s3cse.errors import EnvelopeError

_WRAPS = BINDING_WRAPS | {WRAP_KMS, WRAP_AES_WRAP, WRAP_RSA_OAEP_SHA256}
_ALGORITHMS = (ContentAlgorithm.AES_GCM, ContentAlgorithm.AES_CBC)


def parse(fields: Mapping[str, str]) -> Envelope:
    """Return the envelope that these fields describe, checked for consistency before any key is touched.

    Raises:
        EnvelopeError: a field is missing, malformed or contradicts another.
    """
    algorithm = _content_algorithm(required(fields, "x-amz-cek-alg"))
    wrap = required(fields, "x-amz-wrap-alg")
    if wrap not in _WRAPS:
        raise EnvelopeError(
            "x-amz-wrap-alg names no known key wrap",
            found=shown(wrap),
            expected=", ".join(sorted(_WRAPS)),
            fix=TAMPERED,
        )
    matdesc = fields.get("x-amz-matdesc")
    envelope = Envelope(
        format=Format.V2,
        content_algorithm=algorithm,
        wrap_algorithm=wrap,
        encrypted_data_key=decode_base64("x-amz-key-v2", required(fields, "x-amz-key-v2")),
        iv=decode_base64("x-amz-iv", required(fields, "x-amz-iv")),
        materials_description=None if matdesc is None else decode_map("x-amz-matdesc", matdesc),
        claimed_length=fields.get("x-amz-unencrypted-content-length"),
    )
    _check_body(envelope, fields.get("x-amz-tag-len"))
    _check_wrap(envelope)
    return envelope


def _content_algorithm(name: str) -> ContentAlgorithm:
    for known in _ALGORITHMS:
        if name == known.value:
            return known
    raise EnvelopeError(
        "x-amz-cek-alg names no known content algorithm",
        found=shown(name),
        expected=" or ".join(known.value for known in _ALGORITHMS),
        fix=TAMPERED,
    )


def _check_body(envelope: Envelope, tag_len: str | None) -> None:
    algorithm = envelope.content_algorithm
    if len(envelope.iv) != algorithm.iv_bytes:
        raise EnvelopeError(
            f"x-amz-iv does not fit {algorithm.value}",
            found=f"{len(envelope.iv)} bytes",
            expected=f"{algorithm.iv_bytes} bytes",
            fix=TAMPERED,
        )
    # Go's clients leave the tag length out. There is only one, so its absence changes nothing; another one would.
    if envelope.authenticated and tag_len not in (None, "128"):
        raise EnvelopeError("x-amz-tag-len does not fit GCM", found=shown(tag_len), expected="'128'", fix=TAMPERED)
    if not envelope.authenticated and tag_len is not None:
        raise EnvelopeError("x-amz-tag-len does not fit CBC", found=shown(tag_len), expected="none", fix=TAMPERED)


def _check_wrap(envelope: Envelope) -> None:
    """Refuse an object of one wrap or body relabelled as another (DESIGN.md section 5)."""
    wrap, context = envelope.wrap_algorithm, envelope.materials_description
    if wrap in BINDING_WRAPS and not envelope.authenticated:
        raise EnvelopeError(
            f"x-amz-cek-alg does not go with wrap {wrap!r}",
            found=envelope.content_algorithm.value,
            expected=ContentAlgorithm.AES_GCM.value,
            fix=TAMPERED,
        )
    if wrap == WRAP_KMS and context is not None and RESERVED_CONTEXT_KEY in context:
        raise EnvelopeError(
            "an object of the new key wrap is labelled as one of the old wrap 'kms'",
            found=f"{RESERVED_CONTEXT_KEY} in x-amz-matdesc",
            expected=f"wrap {WRAP_KMS_CONTEXT!r}",
            fix=TAMPERED,
        )
    # Without any stored context (a copy lost it) the keyring sends the right entry by itself, and KMS decides.
    if wrap == WRAP_KMS_CONTEXT and context is not None:
        check_reserved_entry(envelope, "x-amz-matdesc")
    check_wrapped_key(envelope, "x-amz-key-v2")


def write(envelope: Envelope, plaintext_bytes: int) -> dict[str, str]:
    """Return the fields of this envelope by name.

    Args:
        envelope: of format V2.
        plaintext_bytes: the exact plaintext length, for readers that cannot compute it.
    """
    fields = {
        "x-amz-key-v2": encode_base64(envelope.encrypted_data_key),
        "x-amz-iv": encode_base64(envelope.iv),
        "x-amz-matdesc": encode_map(envelope.materials_description or {}),
        "x-amz-wrap-alg": envelope.wrap_algorithm,
        "x-amz-cek-alg": envelope.content_algorithm.value,
        "x-amz-unencrypted-content-length": str(plaintext_bytes),
    }
    if envelope.authenticated:
        fields["x-amz-tag-len"] = "128"
    return fields
