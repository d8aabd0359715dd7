"""Which format an object's metadata is in.

The rules (FORMATS.md sections 3, 4 and 9): names are compared without case, empty values count as absent, unrelated
names are ignored. One exclusive key decides the format; several are format confusion and refused, and so are V1 or V2
keys beside any content key of V3, or the other way round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from s3cse.envelope import v2
from s3cse.envelope.fields import TAMPERED
from s3cse.envelope.model import Envelope, Format
from s3cse.errors import EnvelopeError

_EXCLUSIVE = {"x-amz-key": Format.V1, "x-amz-key-v2": Format.V2, "x-amz-3": Format.V3}
_V3_CONTENT = ("x-amz-c", "x-amz-d", "x-amz-i")
_V2_CONTENT = ("x-amz-iv", "x-amz-wrap-alg", "x-amz-cek-alg", "x-amz-tag-len")
_OTHERS = ("x-amz-matdesc", "x-amz-unencrypted-content-length", "x-amz-w", "x-amz-m", "x-amz-t")
_NAMES = (*_EXCLUSIVE, *_V3_CONTENT, *_V2_CONTENT, *_OTHERS)


def envelope_fields(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that belongs to an envelope: names in lower case, empty values dropped."""
    lower = {name.lower(): value for name, value in metadata.items()}
    return {name: lower[name] for name in _NAMES if lower.get(name)}


def read_envelope(metadata: Mapping[str, str], doubled: Sequence[str] = ()) -> Envelope | None:
    """Return the object's envelope, or None for an object that says nothing of encryption.

    Any single envelope header claims that the object is encrypted: the SDK leaves the plaintext length alone on an
    object whose envelope is in an instruction file, and its ciphertext must not pass for a plain object.

    Args:
        metadata: user metadata without the ``x-amz-meta-`` prefix.
        doubled: names that came more than once, where the mapping cannot show it.

    Raises:
        EnvelopeError: the envelope is incomplete, contradictory, malformed, or in a format not supported yet.
    """
    _refuse_repeated(metadata, doubled)
    fields = envelope_fields(metadata)
    if not fields:
        return None
    found = detect_format(fields)
    if found is not Format.V2:
        raise EnvelopeError(
            f"format {found.value}, not supported yet",
            found=", ".join(fields),
            expected="format V2, which EMRFS, Athena, S3A up to Hadoop 3.4.2 and older encryption clients write",
            fix="read it with an Amazon S3 Encryption Client for now",
        )
    return v2.parse(fields)


def _refuse_repeated(metadata: Mapping[str, str], doubled: Sequence[str]) -> None:
    counts = Counter(name.lower() for name in metadata)
    repeated = {name.lower() for name in doubled} | {name for name, count in counts.items() if count > 1}
    if not repeated.isdisjoint(_NAMES):
        raise EnvelopeError(
            "an envelope header comes more than once",
            found=", ".join(sorted(repeated.intersection(_NAMES))),
            expected="each name once",
            fix=TAMPERED,
        )


def detect_format(fields: Mapping[str, str]) -> Format:
    """Return the format that these fields are in.

    Raises:
        EnvelopeError: none or several of the formats' exclusive keys, or content keys of two formats.
    """
    exclusive = [name for name in _EXCLUSIVE if name in fields]
    if not exclusive:
        raise EnvelopeError(
            "the envelope has no wrapped key",
            found=", ".join(sorted(fields)),
            expected="one of " + ", ".join(_EXCLUSIVE),
            fix="restore the object's metadata; if its envelope is in an instruction file, that is not supported yet",
        )
    foreign = _V2_CONTENT if exclusive == ["x-amz-3"] else _V3_CONTENT
    mixed = [name for name in foreign if name in fields]
    if len(exclusive) > 1 or mixed:
        raise EnvelopeError(
            "headers of several formats are mixed",
            found=", ".join(exclusive + mixed),
            expected="the headers of one format only",
            fix=TAMPERED,
        )
    return _EXCLUSIVE[exclusive[0]]
