"""Reading and writing single envelope fields: base64, JSON maps, numbers; strict, since an attacker may write them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from s3cse.errors import EnvelopeError

_SHOWN = 60  # characters of a bad value that an error message repeats


def required(fields: Mapping[str, str], name: str) -> str:
    """Return a field that must be there."""
    try:
        return fields[name]
    except KeyError:
        raise EnvelopeError(
            f"the envelope lacks {name}", found=", ".join(sorted(fields)), fix="restore the object's metadata"
        ) from None


def decode_base64(name: str, text: str) -> bytes:
    """Return the bytes of a standard base64 text with padding."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise EnvelopeError(f"{name} is not base64", found=_shown(text), expected="base64 with padding") from None


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def decode_map(name: str, text: str) -> dict[str, str]:
    """Return a JSON object of strings; doubled names are refused, since two readers could disagree on them."""
    try:
        value = json.loads(text, object_pairs_hook=_pairs_once)
    except (ValueError, RecursionError):
        raise EnvelopeError(f"{name} is not valid JSON", found=_shown(text), expected="a map of strings") from None
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise EnvelopeError(f"{name} is no map of strings", found=_shown(text), expected='{"name": "value", …}')
    return value


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
