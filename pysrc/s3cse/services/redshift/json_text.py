"""JSON that Redshift reads: texts escaped a column at a time, nested values one by one (Arrow has no kernel for them).

Decimals, dates and times are JSON strings, which Redshift's documentation recommends for numbers that must not be
rounded (https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html).
"""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

_TEXT = pa.large_string()
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_OTHER_CONTROLS = tuple(chr(code) for code in range(1, 32) if chr(code) not in _ESCAPES)


def escaped(values: pa.Array) -> pa.Array:
    """Return texts as the inside of JSON strings."""
    if not pc.any(pc.match_substring_regex(values, r'[\x00-\x1f"\\]')).as_py():
        return values
    for letter, escape in _ESCAPES.items():
        values = pc.replace_substring(values, letter, escape)
    if pc.any(pc.match_substring_regex(values, r"[\x01-\x1f]")).as_py():
        for letter in _OTHER_CONTROLS:
            values = pc.replace_substring(values, letter, f"\\u{ord(letter):04x}")
    return values


class RepeatedKeyError(ValueError):
    """A map has a key twice, and a JSON object would keep one of them; ``row`` is its index."""

    row = 0


def nested_texts(values: pa.Array) -> pa.Array:
    """Return lists, structs and maps as JSON texts; NULL stays null.

    Raises:
        RepeatedKeyError: a map would lose an entry.
    """
    found = values.type
    made: list[str | None] = []
    try:
        for value in values.to_pylist():
            made.append(None if value is None else _dumped(_json(value, found)))
    except RepeatedKeyError as error:
        error.row = len(made)
        raise
    return pa.array(made, _TEXT)


def dumped_exactly(value: Any) -> str:
    """Return parsed JSON as text again; its Decimals keep every digit."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_dumped(str(key))}:{dumped_exactly(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumped_exactly, value)) + "]"
    return str(value) if isinstance(value, Decimal) else _dumped(value)


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json(value: Any, found: pa.DataType) -> Any:
    """Return an Arrow value as what json.dumps writes."""
    if value is None:
        return None
    if isinstance(found, pa.BaseExtensionType):
        return _json(value, found.storage_type)
    if pat.is_dictionary(found):
        return _json(value, found.value_type)
    if pat.is_struct(found):
        return {field.name: _json(value[field.name], field.type) for field in found}
    if pat.is_map(found):
        made = {_key(key, found.key_type): _json(item, found.item_type) for key, item in value}
        if len(made) != len(value):
            raise RepeatedKeyError
        return made
    if isinstance(value, list):
        return [_json(item, found.value_type) for item in value]
    return _scalar(value)


def _key(key: Any, found: pa.DataType) -> str:
    made = _json(key, found)
    return made if isinstance(made, str) else _dumped(made)


def _scalar(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return (
            value.isoformat(sep=" ") if value.tzinfo is None else value.astimezone(dt.timezone.utc).isoformat(sep=" ")
        )
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value
