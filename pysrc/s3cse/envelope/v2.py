"""Format V2: GCM or CBC body, wrapped key in ``x-amz-key-v2``. Source: FORMATS.md sections 3, 5, 6, 7 and 9."""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.envelope.fields import TAMPERED, decode_base64, decode_map, encode_base64, encode_map, required
from s3cse.envelope.model import (
    KNOWN_WRAPS,
    RESERVED_CONTEXT_KEY,
    WRAP_AES_GCM,
    WRAP_KMS,
    WRAP_KMS_CONTEXT,
    WRAP_RSA_OAEP_SHA1,
    ContentAlgorithm,
    Envelope,
    Format,
)
from s3cse.errors import EnvelopeError, SettingsError

#: S3 takes this many bytes of user metadata: names and values added up (FORMATS.md section 11).
METADATA_LIMIT_BYTES = 2048
_GCM_ONLY_WRAPS = (WRAP_KMS_CONTEXT, WRAP_AES_GCM, WRAP_RSA_OAEP_SHA1)


def parse(fields: Mapping[str, str]) -> Envelope:
    """Return the envelope that these fields describe, checked for consistency before any key is touched.

    Raises:
        EnvelopeError: a field is missing, malformed or contradicts another.
    """
    algorithm = _content_algorithm(required(fields, "x-amz-cek-alg"))
    wrap = required(fields, "x-amz-wrap-alg")
    if wrap not in KNOWN_WRAPS:
        raise EnvelopeError(
            "x-amz-wrap-alg names no known key wrap",
            found=repr(wrap),
            expected=", ".join(sorted(KNOWN_WRAPS)),
            fix=TAMPERED,
        )
    matdesc = fields.get("x-amz-matdesc")
    envelope = Envelope(
        format=Format.V2,
        content_algorithm=algorithm,
        wrap_algorithm=wrap,
        encrypted_data_key=decode_base64("x-amz-key-v2", required(fields, "x-amz-key-v2")),
        iv=decode_base64("x-amz-iv", required(fields, "x-amz-iv")),
        encryption_context=None if matdesc is None else decode_map("x-amz-matdesc", matdesc),
        claimed_length=fields.get("x-amz-unencrypted-content-length"),
    )
    _check_body(envelope, fields.get("x-amz-tag-len"))
    _check_wrap(envelope)
    return envelope


def _content_algorithm(name: str) -> ContentAlgorithm:
    try:
        return ContentAlgorithm(name)
    except ValueError:
        raise EnvelopeError(
            "x-amz-cek-alg names no known content algorithm",
            found=repr(name),
            expected=" or ".join(known.value for known in ContentAlgorithm),
            fix=TAMPERED,
        ) from None


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
        raise EnvelopeError("x-amz-tag-len does not fit GCM", found=repr(tag_len), expected="'128'", fix=TAMPERED)
    if not envelope.authenticated and tag_len is not None:
        raise EnvelopeError("x-amz-tag-len does not fit CBC", found=repr(tag_len), expected="none", fix=TAMPERED)


def _check_wrap(envelope: Envelope) -> None:
    """Refuse an object of one wrap or body relabelled as another (DESIGN.md section 5)."""
    wrap, context = envelope.wrap_algorithm, envelope.encryption_context
    if wrap in _GCM_ONLY_WRAPS and not envelope.authenticated:
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
    stored = None if context is None else context.get(RESERVED_CONTEXT_KEY)
    if wrap == WRAP_KMS_CONTEXT and context is not None and stored != envelope.content_algorithm.value:
        raise EnvelopeError(
            f"x-amz-matdesc does not name the object's own content algorithm in {RESERVED_CONTEXT_KEY}",
            found="no such entry" if stored is None else repr(stored),
            expected=repr(envelope.content_algorithm.value),
            fix=TAMPERED,
        )


def write(envelope: Envelope, plaintext_bytes: int) -> dict[str, str]:
    """Return the object metadata (names without ``x-amz-meta-``) for this envelope.

    Args:
        envelope: of format V2.
        plaintext_bytes: the exact plaintext length, for readers that cannot compute it.

    Raises:
        SettingsError: it does not fit into S3's 2 KB of metadata.
    """
    metadata = {
        "x-amz-key-v2": encode_base64(envelope.encrypted_data_key),
        "x-amz-iv": encode_base64(envelope.iv),
        "x-amz-matdesc": encode_map(envelope.encryption_context or {}),
        "x-amz-wrap-alg": envelope.wrap_algorithm,
        "x-amz-cek-alg": envelope.content_algorithm.value,
        "x-amz-unencrypted-content-length": str(plaintext_bytes),
    }
    if envelope.authenticated:
        metadata["x-amz-tag-len"] = "128"
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > METADATA_LIMIT_BYTES:
        raise SettingsError(
            "the envelope does not fit into the object's metadata",
            found=f"{size} bytes",
            expected=f"at most {METADATA_LIMIT_BYTES} bytes",
            fix="use a shorter encryption context",
        )
    return metadata
