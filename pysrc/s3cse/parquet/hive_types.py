"""Types of partition columns: inferred from folder names as Spark does, or given; and values of these types.

The rules are those of Spark's PartitioningUtils, with its surprises: ``01`` is an integer, ``1e5`` a decimal, ``1d`` a
double, and a BIGINT next to a double makes strings of both. Timestamps are read as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from s3cse.parquet.filter.datetimes import BLANKS, parse_date, parse_timestamp
from s3cse.parquet.hive_names import NULL_PARTITION, unescape_name

TIMESTAMP = pa.timestamp("us", tz="UTC")

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(?:NaN|Infinity|(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[dDfF]?)", re.ASCII)
_HEX_DOUBLE = re.compile(r"([+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?\d+)[dDfF]?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d)?", re.ASCII)
_MOST_DIGITS = 38
_MOST_EXPONENT = 1000  # Java's doubles end long before; a guard against absurd names.


def _integral_decimal(raw: str) -> Any:
    """Return decimal(p, 0) if Java's BigDecimal reads the text with a scale of 0 or less and p is at most 38."""
    if not _DECIMAL.fullmatch(raw):
        return None
    mantissa, _, exponent = raw.lower().partition("e")
    scale = len(mantissa.partition(".")[2]) - int(exponent or 0)
    digits = len(mantissa.replace(".", "").lstrip("+-0")) or 1
    precision = digits - scale
    return pa.decimal128(precision, 0) if scale <= 0 and precision <= _MOST_DIGITS else None


def parse_double(raw: str) -> float | None:
    """Read what Java's Double.parseDouble reads; None for anything else."""
    text = raw.strip(BLANKS[:33])
    in_hex = _HEX_DOUBLE.fullmatch(text)
    if in_hex:
        try:
            return float.fromhex(in_hex[1])
        except OverflowError:
            return float("-inf") if text.startswith("-") else float("inf")
    return float(text.rstrip("dDfF")) if _DOUBLE.fullmatch(text) else None


def _infer_integer(raw: str) -> Any:
    if not _INTEGER.fullmatch(raw):
        return None
    value = int(raw) if len(raw) <= _MOST_DIGITS else None
    for arrow_type in (pa.int32(), pa.int64()):
        bits = arrow_type.bit_width - 1
        if value is not None and -(1 << bits) <= value < 1 << bits:
            return arrow_type
    return None


def infer_type(raw: str) -> pa.DataType:
    """Return the type of one folder's value, still escaped.

    Source: PartitioningUtils.inferPartitionColumnValue of Spark 4.
    """
    if raw == NULL_PARTITION:
        return pa.null()
    number = _infer_integer(raw) or _integral_decimal(raw)
    if number is not None:
        return number
    if parse_double(raw) is not None:
        return pa.float64()
    plain = unescape_name(raw)
    if _TIMESTAMP.fullmatch(plain) and parse_timestamp(plain):
        return TIMESTAMP
    return pa.date32() if _DATE.fullmatch(raw) and parse_date(raw) else pa.string()


def _digits(arrow_type: pa.DataType) -> int:
    return int(arrow_type.precision) if pat.is_decimal(arrow_type) else {32: 10, 64: 20}[arrow_type.bit_width]


def _exact(arrow_type: pa.DataType) -> bool:
    return bool(pat.is_integer(arrow_type) or pat.is_decimal(arrow_type))


def wider_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type for a column that has values of both types.

    Source: PartitioningUtils.findWiderTypeForPartitionColumn of Spark 4.
    """
    if one == other or pat.is_null(other):
        return one
    if pat.is_null(one):
        return other
    if _exact(one) and _exact(other):
        if pat.is_integer(one) and pat.is_integer(other):
            return pa.int64()
        return pa.decimal128(max(_digits(one), _digits(other)), 0)
    if {one, other} == {pa.int32(), pa.float64()}:
        return pa.float64()
    return TIMESTAMP if {one, other} == {pa.date32(), TIMESTAMP} else pa.string()


def infer_column(raws: Iterable[str]) -> pa.DataType:
    """Return the type of a partition column from all its folder values; string where all are null."""
    found: pa.DataType = reduce(wider_type, map(infer_type, raws), pa.null())
    return pa.string() if pat.is_null(found) else found


def _integer(raw: str, arrow_type: pa.DataType) -> int | None:
    if not _INTEGER.fullmatch(raw) or len(raw) > _MOST_DIGITS:
        return None
    bits = arrow_type.bit_width - 1
    return int(raw) if -(1 << bits) <= int(raw) < 1 << bits else None


def _decimal(raw: str, arrow_type: pa.DataType) -> Decimal | None:
    if not _DECIMAL.fullmatch(raw):
        return None
    try:
        value = Decimal(raw)
        if abs(value.adjusted()) > _MOST_EXPONENT:
            return None
        exact: Decimal = pa.scalar(value).cast(arrow_type).as_py()
    except (InvalidOperation, pa.ArrowInvalid):
        return None
    return exact


def _boolean(raw: str, _: pa.DataType) -> bool | None:
    return {"true": True, "false": False}.get(raw.lower())


def _timestamp(raw: str, arrow_type: pa.DataType) -> datetime | None:
    return parse_timestamp(unescape_name(raw), allow_zone=arrow_type.tz is not None)


def _date(raw: str, _: pa.DataType) -> date | None:
    return parse_date(unescape_name(raw))


_READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str, pa.DataType], Any]], ...] = (
    (pat.is_string, lambda raw, _: unescape_name(raw)),
    (pat.is_signed_integer, _integer),
    (pat.is_floating, lambda raw, _: parse_double(raw)),
    (pat.is_decimal128, _decimal),
    (pat.is_boolean, _boolean),
    (pat.is_date32, _date),
    (pat.is_timestamp, _timestamp),
)


def typed_value(raw: str, arrow_type: pa.DataType) -> Any:
    """Return a folder's value as a Python value of the type; None for the null partition.

    Raises:
        ValueError: the text is no such value, or the type cannot be that of a partition column.
    """
    if raw == NULL_PARTITION:
        return None
    read = next((read for fits, read in _READERS if fits(arrow_type)), None)
    value = read(raw, arrow_type) if read else None
    if value is None:
        raise ValueError(f"{raw!r} is no {arrow_type}")
    return value
