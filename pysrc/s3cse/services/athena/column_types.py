"""Athena's column types as Arrow's, and what its CSV cells become.

Source: ColumnInfo of GetQueryResults, and "Data types in Amazon Athena". Nested types arrive as text, for Athena says
neither their inner types nor quotes what is in them; they stay text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from s3cse.errors import SettingsError

_MOST_DIGITS = 38
_PLAIN = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
}
#: Types whose cells stay texts; `time with time zone` and intervals have no counterpart in Arrow.
_TEXTS = (
    "varchar", "char", "string", "json", "uuid", "ipaddress", "array", "map", "row", "struct", "unknown",
    "time", "time with time zone", "interval year to month", "interval day to second", "hyperloglog", "geometry",
)  # fmt: skip
_BINARY, _DECIMAL, _TIMESTAMP, _ZONED = "varbinary", "decimal", "timestamp", "timestamp with time zone"
#: Digits of a second; where a type says none Athena's is timestamp(3).
_MILLIS, _MICROS = 3, 6
_SHORT = re.compile(r"(?P<name>[a-z ]+?)\s*(?:\((?P<numbers>[\d, ]+)\))?(?P<zone> with time zone)?")


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result: ``type`` is Athena's word in lower case.

    ``precision`` and ``scale`` are those of a decimal; of a timestamp, ``precision`` is its digits of a second.
    """

    name: str
    type: str
    precision: int = 0
    scale: int = 0

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> ResultColumn:
        """Return the column that a ColumnInfo of the API describes."""
        parsed = cls.parse(str(info.get("Name", "")), str(info.get("Type", "varchar")))
        if parsed.type == _DECIMAL and not parsed.precision:
            return cls(parsed.name, _DECIMAL, int(info.get("Precision", 0)), int(info.get("Scale", 0)))
        return parsed

    @classmethod
    def parse(cls, name: str, text: str) -> ResultColumn:
        """Read a type as people write it: ``bigint``, ``decimal(10,2)``, ``timestamp(3) with time zone``.

        Raises:
            SettingsError: Athena has no such type.
        """
        lower = text.strip().lower()
        if lower.startswith(("array", "map", "row", "struct")):
            return cls(name, re.match(r"[a-z]+", lower).group())  # type: ignore[union-attr]  # it starts with one
        found = _SHORT.fullmatch(lower)
        kind = "" if found is None else found["name"] + (found["zone"] or "")
        if found is None or kind not in (*_PLAIN, *_TEXTS, _BINARY, _DECIMAL, _TIMESTAMP, _ZONED):
            raise SettingsError(f"Athena has no such type for column {name!r}", found=repr(text))
        numbers = [int(number) for number in (found["numbers"] or "").split(",") if number.strip()]
        if numbers and kind in (_DECIMAL, _TIMESTAMP, _ZONED):
            return cls(name, kind, numbers[0], numbers[1] if len(numbers) > 1 else 0)
        return cls(name, kind)

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of its values."""
        if self.type == _DECIMAL:
            fits = 1 <= self.precision <= _MOST_DIGITS and 0 <= self.scale <= self.precision
            return pa.decimal128(self.precision, self.scale) if fits else pa.string()
        if self.type == _BINARY:
            return pa.binary()
        if self.type in (_TIMESTAMP, _ZONED):
            unit = "ms" if self.precision <= _MILLIS else "us" if self.precision <= _MICROS else "ns"
            return pa.timestamp(unit, "UTC" if self.type == _ZONED else None)
        return _PLAIN.get(self.type, pa.string())

    @property
    def csv_type(self) -> pa.DataType:
        """The Arrow type to read its cells with."""
        return pa.string() if self.type in _CONVERTED else self.arrow_type

    def convert(self, cells: pa.ChunkedArray) -> pa.ChunkedArray:
        """Turn cells as they were read into values of ``arrow_type``.

        Raises:
            ValueError: a cell is no such value.
        """
        by = _CONVERTED.get(self.type)
        if by is None:
            return cells
        values = [None if text is None else by(text, self.arrow_type) for text in cells.to_pylist()]
        return pa.chunked_array([pa.array(values, self.arrow_type)])


def _binary(text: str, _: pa.DataType) -> bytes:
    """Read bytes as Athena shows them: hexadecimal with blanks between."""
    return bytes.fromhex(text)


def _instant(text: str, arrow_type: pa.DataType) -> int:
    """Read ``2026-01-31 10:00:00.000 Europe/Berlin`` (or UTC, or +02:00) as the type's units since 1970.

    Digits of a second are counted here: Python's datetime has six, and drops what follows.
    """
    moment, _, zone = text.rpartition(" ")
    moment, _, digits = moment.partition(".")
    units: int = _DIGITS[arrow_type.unit]
    scale: int = 10**units
    if not re.fullmatch(r"[0-9]*", digits) or digits[units:].strip("0"):
        raise ValueError(f"a fraction of a second that {arrow_type} does not have")
    seconds = (_local(moment, zone).astimezone(timezone.utc) - _EPOCH) // timedelta(seconds=1)
    return seconds * scale + int(digits[:units].ljust(units, "0"))


def _local(moment: str, zone: str) -> datetime:
    if re.fullmatch(r"[+-]\d\d:\d\d", zone):
        return datetime.fromisoformat(moment + zone)
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
    except ZoneInfoNotFoundError as error:
        raise ValueError(f"an unknown time zone: {zone!r}") from error


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DIGITS = {"ms": _MILLIS, "us": _MICROS, "ns": 9}
_CONVERTED: dict[str, Callable[[str, pa.DataType], Any]] = {_BINARY: _binary, _ZONED: _instant}
