"""How a new envelope is stored: which fields become metadata of the object, and which go into its instruction file.

Source: FORMATS.md sections 9 and 11; DESIGN.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3cse.envelope import v1, v2, v3
from s3cse.envelope.instruction_file import MAX_INSTRUCTION_BYTES, write_instruction_file
from s3cse.envelope.model import Envelope, Format
from s3cse.errors import SettingsError
from s3cse.wording import Option, Worded

METADATA, INSTRUCTION_FILE = "metadata", "instruction-file"
STORAGE = (METADATA, INSTRUCTION_FILE)
#: S3 takes this many bytes of user metadata: names and values added up (FORMATS.md section 11).
METADATA_LIMIT_BYTES = 2048

_WRITERS = {Format.V1: v1.write, Format.V2: v2.write, Format.V3: v3.write}
#: What stays on the object when the rest goes into a file. The length does as SDK v1 leaves it there: official clients
#: in Python refuse a file that has it.
_LENGTH = ("x-amz-unencrypted-content-length",)
_ON_OBJECT = {Format.V1: _LENGTH, Format.V2: _LENGTH, Format.V3: v3.CONTENT_FIELDS}


@dataclass(frozen=True, slots=True)
class StoredForm:
    """An envelope as it is stored: metadata of the object, and the body of its instruction file, if it has one."""

    metadata: dict[str, str]
    instruction: bytes | None


def stored_form(
    envelope: Envelope, plaintext_bytes: int, storage: str, *, other_metadata: Mapping[str, str] | None = None
) -> StoredForm:
    """Return what is stored for this envelope.

    Args:
        plaintext_bytes: the exact plaintext length.
        storage: one of STORAGE.
        other_metadata: the user's own, which shares the limit of the object's metadata; it is not in the result.

    Raises:
        SettingsError: no such storage, or the envelope does not fit into it.
        EnvelopeError: the message id of format V3 is all zero.
    """
    fields = _WRITERS[envelope.format](envelope, plaintext_bytes)
    if storage == METADATA:
        form = StoredForm(fields, None)
    elif storage == INSTRUCTION_FILE:
        stay = _ON_OBJECT[envelope.format]
        in_file = {name: value for name, value in fields.items() if name not in stay}
        form = StoredForm({name: fields[name] for name in stay}, write_instruction_file(in_file))
    else:
        raise SettingsError(
            "no such storage of envelopes", found=repr(storage), expected=" | ".join(STORAGE), fix="choose one of these"
        )
    _check_metadata(form, other_metadata or {})
    _check_instruction(form)
    return form


def _check_metadata(form: StoredForm, others: Mapping[str, str]) -> None:
    own, rest = _size(form.metadata), _size(others)
    if own + rest <= METADATA_LIMIT_BYTES:
        return
    in_metadata = form.instruction is None
    ways: list[Option | str] = ["a shorter encryption context"] if in_metadata else []
    ways += ["less other metadata"] if rest else []
    ways += [Option("storage", INSTRUCTION_FILE)] if in_metadata else []
    raise SettingsError(
        "the envelope does not fit into the object's metadata",
        found=f"{own + rest} bytes" + (f", {rest} of them other metadata" if rest else ""),
        expected=f"at most {METADATA_LIMIT_BYTES} bytes",
        fix=Worded("use {}", Worded.joined(" or ", ways)),
    )


def fits(metadata: Mapping[str, str]) -> bool:
    """Whether S3 takes an object's metadata, user's and envelope's together."""
    return _size(metadata) <= METADATA_LIMIT_BYTES


def _check_instruction(form: StoredForm) -> None:
    if form.instruction is not None and len(form.instruction) > MAX_INSTRUCTION_BYTES:
        raise SettingsError(
            "the envelope does not fit into an instruction file",
            found=f"{len(form.instruction)} bytes",
            expected=f"at most {MAX_INSTRUCTION_BYTES} bytes",
            fix="use a shorter encryption context",
        )


def _size(metadata: Mapping[str, str]) -> int:
    return sum(len((name + value).encode("utf-8", "surrogatepass")) for name, value in metadata.items())
