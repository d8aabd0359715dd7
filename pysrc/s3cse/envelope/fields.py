"""Reading and writing single envelope fields: base64 and JSON maps; strict, since an attacker may write them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from s3cse.errors import EnvelopeError

#: What to do about an envelope that no client wrote like this.
TAMPERED = "the object's metadata was changed after it was written: restore it from a copy you trust"
_REENCODED = (
    "S3 re-encodes metadata that is not ASCII, and reading that is not supported yet: write the map again as JSON with "
    "\\u escapes"
)
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
            f"{name} is not base64", found=_shown(text), expected="standard base64 with padding", fix=TAMPERED
        )
    return data


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def decode_map(name: str, text: str) -> dict[str, str]:
    """Return a JSON object of strings; doubled names are refused, since two readers could disagree on them."""
    try:
        value = json.loads(text, object_pairs_hook=_pairs_once)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(map(is_text, value)) or not all(map(is_text, value.values())):
        raise EnvelopeError(
            f"{name} is no JSON map of strings",
            found=_shown(text),
            expected='{"name": "value", …} with each name once',
            fix=_REENCODED if text.lstrip().startswith("=?") else TAMPERED,
        )
    return value


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


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
