"""Which format an object's metadata is in.

The rules (FORMATS.md sections 3, 4 and 9): names are compared without case, empty values count as absent, unrelated
names are ignored. One exclusive key decides the format; several are format confusion and refused, and so are V2 keys
beside any content key of V3, or the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s3cse.envelope import v2
from s3cse.envelope.model import Envelope, Format
from s3cse.errors import EnvelopeError

_EXCLUSIVE = {"x-amz-key": Format.V1, "x-amz-key-v2": Format.V2, "x-amz-3": Format.V3}
_V3_CONTENT = ("x-amz-c", "x-amz-d", "x-amz-i")
#: Names that say "this object is encrypted", even where the rest is missing.
_TELLTALE = (*_EXCLUSIVE, *_V3_CONTENT, "x-amz-iv", "x-amz-wrap-alg", "x-amz-cek-alg", "x-amz-tag-len")


def envelope_fields(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that belongs to an envelope: names in lower case, empty values dropped."""
    names = (*_TELLTALE, "x-amz-matdesc", "x-amz-unencrypted-content-length", "x-amz-w", "x-amz-m", "x-amz-t")
    lower = {name.lower(): value for name, value in metadata.items()}
    return {name: lower[name] for name in names if lower.get(name)}


def read_envelope(metadata: Mapping[str, str], doubled: Sequence[str] = ()) -> Envelope | None:
    """Return the object's envelope, or None for an object that is not encrypted.

    Args:
        metadata: user metadata without the ``x-amz-meta-`` prefix.
        doubled: names that came more than once.

    Raises:
        EnvelopeError: the envelope is incomplete, contradictory, malformed, or in a format not supported yet.
    """
    fields = envelope_fields(metadata)
    if not any(name in fields for name in _TELLTALE):
        return None
    repeated = sorted(set(doubled) & set(fields))
    if repeated:
        raise EnvelopeError(
            "an envelope header comes more than once",
            found=", ".join(repeated),
            expected="each name once",
            fix="the object was written or changed by something else than an encryption client: restore it",
        )
    found = detect_format(fields)
    if found is not Format.V2:
        raise EnvelopeError(
            f"format {found.value}, not supported yet",
            expected="format V2, which EMRFS, Athena, S3A up to Hadoop 3.4.2 and older encryption clients write",
            fix="read it with an Amazon S3 Encryption Client for now",
        )
    return v2.parse(fields)


def detect_format(fields: Mapping[str, str]) -> Format:
    """Return the format that these fields are in.

    Raises:
        EnvelopeError: none or several of the formats' exclusive keys, or content keys of two formats.
    """
    exclusive = [name for name in _EXCLUSIVE if name in fields]
    v3_content = [name for name in _V3_CONTENT if name in fields]
    if not exclusive:
        raise EnvelopeError(
            "the envelope has no wrapped key",
            found=", ".join(sorted(fields)),
            expected="one of " + ", ".join(_EXCLUSIVE),
            fix="restore the object's metadata; if its envelope is in an instruction file, that is not supported yet",
        )
    if len(exclusive) > 1 or (v3_content and exclusive != ["x-amz-3"]):
        raise EnvelopeError(
            "headers of several formats are mixed",
            found=", ".join(exclusive + v3_content),
            expected="the headers of one format only",
            fix="the object's metadata was tampered with or merged: restore it",
        )
    return _EXCLUSIVE[exclusive[0]]
