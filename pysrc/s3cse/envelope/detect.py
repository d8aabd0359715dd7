"""Which format an object is in, by its metadata and its instruction file.

The rules (FORMATS.md sections 3, 4 and 9): names are compared without case, empty values count as absent, unrelated
names are ignored. One exclusive key decides the format; several are format confusion and refused, and so are V1 or V2
keys beside any content key of V3, or the other way round. An object whose metadata has no exclusive key has its
envelope in an instruction file, apart from what that format leaves on the object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from s3cse.envelope import v1, v2, v3
from s3cse.envelope.fields import TAMPERED
from s3cse.envelope.instruction_file import parse_instruction_file
from s3cse.envelope.model import Envelope, Format
from s3cse.envelope.rfc2047 import decode_header
from s3cse.errors import EnvelopeError

_EXCLUSIVE = {"x-amz-key": Format.V1, "x-amz-key-v2": Format.V2, "x-amz-3": Format.V3}
#: What holds the wrapped data key, in metadata or instruction file; each is of one format.
WRAPPED_KEY_FIELDS = tuple(_EXCLUSIVE)
_V2_CONTENT = ("x-amz-iv", "x-amz-wrap-alg", "x-amz-cek-alg", "x-amz-tag-len")
_MAPS = ("x-amz-matdesc", "x-amz-m", "x-amz-t")
_LENGTH = "x-amz-unencrypted-content-length"
_NAMES = (*_EXCLUSIVE, *v3.CONTENT_FIELDS, *_V2_CONTENT, *_MAPS, _LENGTH, "x-amz-w")
_PARSERS = {Format.V1: v1.parse, Format.V2: v2.parse, Format.V3: v3.parse}


def envelope_fields(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that belongs to an envelope: names in lower case, empty values dropped."""
    lower = {name.lower(): value for name, value in metadata.items()}
    return {name: lower[name] for name in _NAMES if lower.get(name)}


def without_envelope(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that belongs to no envelope."""
    return {name: value for name, value in metadata.items() if name.lower() not in _NAMES}


def wants_instruction_file(metadata: Mapping[str, str], doubled: Sequence[str] = ()) -> bool:
    """Tell whether only an instruction file can say how to open the object, if it is encrypted at all.

    Args:
        metadata: user metadata without the ``x-amz-meta-`` prefix.
        doubled: names that came more than once, where the mapping cannot show it.
    """
    refused_anyway = bool(_repeated(metadata, doubled))
    return not refused_anyway and _EXCLUSIVE.keys().isdisjoint(envelope_fields(metadata))


def is_instruction_file(body: bytes) -> bool:
    """Whether an object that is not marked as an instruction file is one by its content; some clients mark none."""
    try:
        return not wants_instruction_file(parse_instruction_file(body))
    except EnvelopeError:
        return False


def read_envelope(
    metadata: Mapping[str, str],
    doubled: Sequence[str] = (),
    instruction: bytes | None = None,
    *,
    damaged_description: bool = False,
) -> Envelope | None:
    """Return the object's envelope, or None for an object that says nothing of encryption.

    Any single envelope header claims that the object is encrypted, and so does an instruction file: ciphertext must not
    pass for a plain object.

    Args:
        metadata: user metadata without the ``x-amz-meta-`` prefix.
        doubled: names that came more than once, where the mapping cannot show it.
        instruction: the body of the instruction file; None if there is none.
        damaged_description: take a description that cannot be decoded byte by byte (ISO-8859-1, as Java sends it): for
            callers who replace it anyway.

    Raises:
        EnvelopeError: the envelope is incomplete, contradictory or malformed.
    """
    _refuse_repeated(metadata, doubled)
    fields = envelope_fields(metadata)
    if not fields and instruction is None:
        return None
    for name in _MAPS:
        if name in fields:
            fields[name] = _description(name, fields[name], damaged=damaged_description)
    if instruction is not None:
        fields = _merged(fields, envelope_fields(parse_instruction_file(instruction)))
    return _PARSERS[detect_format(fields)](fields)


def _description(name: str, text: str, *, damaged: bool) -> str:
    try:
        return decode_header(name, text)
    except EnvelopeError:
        if not damaged:
            raise
        return text


def _repeated(metadata: Mapping[str, str], doubled: Sequence[str]) -> list[str]:
    counts = Counter(name.lower() for name in metadata)
    names = {name.lower() for name in doubled} | {name for name, count in counts.items() if count > 1}
    return sorted(names.intersection(_NAMES))


def _refuse_repeated(metadata: Mapping[str, str], doubled: Sequence[str]) -> None:
    repeated = _repeated(metadata, doubled)
    if repeated:
        raise EnvelopeError(
            "an envelope header comes more than once",
            found=", ".join(repeated),
            expected="each name once",
            fix=TAMPERED,
        )


def _merged(on_object: Mapping[str, str], in_file: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of both, each of which must be where its format has it (FORMATS.md section 9).

    The plaintext length may be in either or both: SDK v1 leaves it on the object, Go puts it into the file.
    """
    _refuse_misplaced("the instruction file holds what belongs to the object itself", in_file, v3.CONTENT_FIELDS)
    exclusive = [name for name in _EXCLUSIVE if name in in_file]
    if not exclusive:
        raise EnvelopeError(
            "the instruction file has no wrapped key",
            found=_listed(in_file),
            expected="one of " + ", ".join(_EXCLUSIVE),
            fix="restore it: it was changed, or is no instruction file but an object of that name",
        )
    if len(exclusive) > 1:
        raise _mixed(exclusive, " in the instruction file")
    stays = v3.CONTENT_FIELDS if exclusive == ["x-amz-3"] else ()
    elsewhere = [name for name in _NAMES if name not in (*stays, _LENGTH)]
    problem = f"the envelope is in the instruction file ({exclusive[0]}) and on the object as well"
    _refuse_misplaced(problem, on_object, elsewhere)
    return {**in_file, **on_object}


def _refuse_misplaced(problem: str, fields: Mapping[str, str], misplaced: Sequence[str]) -> None:
    found = [name for name in misplaced if name in fields]
    if found:
        raise EnvelopeError(problem, found=", ".join(found), expected="each header in its one place", fix=TAMPERED)


def detect_format(fields: Mapping[str, str]) -> Format:
    """Return the format that these fields are in.

    Raises:
        EnvelopeError: none or several of the formats' exclusive keys, or content keys of two formats.
    """
    exclusive = [name for name in _EXCLUSIVE if name in fields]
    if not exclusive:
        raise EnvelopeError(
            "the envelope has no wrapped key, and the instruction file is missing",
            found=_listed(fields),
            expected="one of " + ", ".join(_EXCLUSIVE) + ", on the object or in its instruction file",
            fix="restore the instruction file beside the object, or the object's metadata",
        )
    foreign = _V2_CONTENT if exclusive == ["x-amz-3"] else v3.CONTENT_FIELDS
    mixed = [name for name in foreign if name in fields]
    if len(exclusive) > 1 or mixed:
        raise _mixed(exclusive + mixed)
    return _EXCLUSIVE[exclusive[0]]


def _mixed(names: list[str], where: str = "") -> EnvelopeError:
    return EnvelopeError(
        f"headers of several formats are mixed{where}",
        found=", ".join(names),
        expected="the headers of one format only",
        fix=TAMPERED,
    )


def _listed(fields: Mapping[str, str]) -> str:
    return ", ".join(sorted(fields)) or "no envelope header"
