"""Instruction files: the envelope of an object, or most of it, as JSON in an object of its own beside it.

Source: FORMATS.md sections 4 and 9.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from s3cse.envelope.fields import MAX_JSON_CHARS, TAMPERED, Number, decode_json, is_text, shown
from s3cse.errors import EnvelopeError

#: What the name of an instruction file adds to that of its object.
INSTRUCTION_SUFFIX = ".instruction"
#: The metadata, with an empty value, that marks an instruction file itself: written, never asked for.
INSTRUCTION_MARKER = "x-amz-crypto-instr-file"
#: Real ones have a few hundred bytes; a KMS context of 8 KiB, escaped twice, gives less than 100 KiB.
MAX_INSTRUCTION_BYTES = MAX_JSON_CHARS

_NUMBERS = ("x-amz-tag-len", "x-amz-unencrypted-content-length")
#: The names that old .NET clients use, in lower case, for those of format V1.
_OLD_DOTNET = {"encryptedenvelopekey": "x-amz-key", "iv": "x-amz-iv"}


def parse_instruction_file(body: bytes) -> dict[str, str]:
    """Return the fields of an instruction file: names in lower case, empty values dropped.

    Go accepts numbers and null for the two numeric fields, so do we. Fields of no envelope are among the result.

    Raises:
        EnvelopeError: it is no JSON object of strings in UTF-8, names something twice, or is too long.
    """
    if len(body) > MAX_INSTRUCTION_BYTES:
        raise _malformed(f"more than {MAX_INSTRUCTION_BYTES} bytes")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("bytes that are not UTF-8") from None
    value = decode_json(text)
    if not isinstance(value, dict):
        raise _malformed(shown(text))
    entries = [(name.lower(), _text(name, field)) for name, field in value.items()]
    _refuse_repeated([name for name, _ in entries])
    return _modern({name: field for name, field in entries if field})


def _text(name: str, value: object) -> str:
    if not is_text(name):
        raise _malformed("a name that is not Unicode text")
    if name.lower() in _NUMBERS:
        if value is None:
            return ""
        if isinstance(value, Number) and value.text.isdigit():
            return value.text
    if not isinstance(value, str) or not is_text(value):
        raise _malformed(f"another value than a string for {shown(name)}")
    return value


def _refuse_repeated(names: list[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise _malformed(f"{shown(repeated[0])} in several letter cases")


def _modern(fields: dict[str, str]) -> dict[str, str]:
    """Return the fields under the names that all other clients use."""
    old = [name for name in _OLD_DOTNET if name in fields]
    if not old:
        return fields
    mixed = [name for name in fields if name.startswith("x-amz-")]
    if mixed:
        raise EnvelopeError(
            "names of old .NET clients and of all others are mixed in the instruction file",
            found=shown(", ".join([*old, *mixed])),
            expected="the names of one kind only",
            fix=TAMPERED,
        )
    return {_OLD_DOTNET.get(name, name): value for name, value in fields.items()}


def _malformed(found: str) -> EnvelopeError:
    return EnvelopeError(
        "the instruction file is no JSON object of strings",
        found=found,
        expected='{"x-amz-…": "value", …} in UTF-8 with each name once',
        fix=TAMPERED,
    )


def write_instruction_file(fields: Mapping[str, str]) -> bytes:
    """Return the body of an instruction file, in ASCII: some clients misread others (FORMATS.md section 25)."""
    return json.dumps(dict(fields), ensure_ascii=True, separators=(",", ":")).encode("ascii")
