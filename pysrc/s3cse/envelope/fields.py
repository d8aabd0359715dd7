"""Reading and writing single envelope fields: base64 and JSON maps; strict, since an attacker may write them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3cse.errors import EnvelopeError

#: What to do about an envelope that no client wrote like this.
TAMPERED = (
    "the object's metadata or instruction file was changed after it was written: restore it from a copy you trust"
)
#: The longest JSON that is read, in characters. KMS takes contexts of 8 KiB, and S3 2 KB of metadata.
MAX_JSON_CHARS = 1 << 18
_SHOWN = 60  # characters of a bad value that an error message repeats


def required(fields: Mapping[str, str], name: str) -> str:
    """Return a field that must be there."""
    try:
        return fields[name]
    except KeyError:
        raise EnvelopeError(
            f"the envelope lacks {name}",
            found=", ".join(sorted(fields)) or "no envelope header",
            expected=f"{name} among them",
            fix="the object was copied without all of its metadata, or changed: restore its metadata",
        ) from None


def decode_base64(name: str, text: str) -> bytes:
    """Return the bytes of a standard base64 text with padding, of which there is exactly one for each value."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    # Python takes set bits after the last byte, and before 3.11 stray padding too; other readers do not.
    if data is None or encode_base64(data) != text:
        raise EnvelopeError(
            f"{name} is not base64", found=shown(text), expected="standard base64 with padding", fix=TAMPERED
        )
    return data


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def decode_map(name: str, text: str) -> dict[str, str]:
    """Return a JSON object of strings; doubled names are refused, since two readers could disagree on them."""
    value = decode_json(text)
    if not isinstance(value, dict) or not all(map(is_text, value)) or not all(map(is_text, value.values())):
        raise EnvelopeError(
            f"{name} is no JSON map of strings",
            found=shown(text),
            expected='{"name": "value", …} with each name once',
            fix=TAMPERED,
        )
    return value


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it is spelt: nobody computes with a number of a thousand digits."""

    text: str


def decode_json(text: str) -> object:
    """Return what the JSON text says, numbers as :class:`Number`; None for ``null`` and for anything malformed.

    Malformed is also what is longer than MAX_JSON_CHARS, nested too deeply, or names something twice in an object.
    """
    if len(text) > MAX_JSON_CHARS:
        return None
    try:
        return json.loads(
            text, object_pairs_hook=_pairs_once, parse_int=Number, parse_float=Number, parse_constant=Number
        )
    except (ValueError, RecursionError):
        return None


def is_text(value: object) -> bool:
    """Tell whether the value is a string that every other reader can hold: a lone surrogate has no bytes in UTF-8."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_map(entries: Mapping[str, str]) -> str:
    """Return compact JSON in pure ASCII: what survives every HTTP stack unchanged (FORMATS.md section 10)."""
    return json.dumps(dict(entries), ensure_ascii=True, separators=(",", ":"))


def _pairs_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name is there twice")
    return result


def shown(text: str) -> str:
    """Return the beginning of a bad value for a message, control characters escaped."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
