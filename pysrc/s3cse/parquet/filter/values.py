"""Exact values: one scale per kind of column, on which literals, statistics and partition values are compared.

Numbers (integers and decimals of any width) are int or Fraction; dates and timestamps of any unit are nanoseconds since
1970 as int; strings and binary are bytes (UTF-8 order is Spark's order); float columns are float; booleans are bool. So
a file's int32 statistics, an int64 table column and the literal 1.5 meet without rounding.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.types as pat

Value: TypeAlias = "int | Fraction | float | bytes | bool"

NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
NANOSECONDS_PER_DAY = 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1)
_WIDE = Context(prec=80)  # Holds decimal256 without rounding.


class Kind(enum.Enum):
    """What may be compared with what."""

    NUMBER = "number"
    FLOAT = "floating-point number"
    TIME = "date or timestamp"
    BYTES = "string"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Ordinals:
    """The integers that a number, date or timestamp type can hold; ``value = ordinal * step``."""

    step: Fraction
    lowest: int
    highest: int


def _is_bytes(arrow_type: pa.DataType) -> bool:
    return is_text(arrow_type) or pat.is_binary(arrow_type) or pat.is_large_binary(arrow_type)


def is_text(arrow_type: pa.DataType) -> bool:
    """Whether the type holds strings."""
    return bool(pat.is_string(arrow_type) or pat.is_large_string(arrow_type))


def kind_of(arrow_type: pa.DataType) -> Kind | None:
    """Return the kind of a column's type, None where values of the type cannot be compared here."""
    if pat.is_integer(arrow_type) or pat.is_decimal128(arrow_type) or pat.is_decimal256(arrow_type):
        return Kind.NUMBER
    if pat.is_float32(arrow_type) or pat.is_float64(arrow_type):
        return Kind.FLOAT
    if pat.is_date32(arrow_type) or pat.is_timestamp(arrow_type):
        return Kind.TIME
    if pat.is_boolean(arrow_type):
        return Kind.BOOLEAN
    return Kind.BYTES if _is_bytes(arrow_type) else None


def _within(step: Fraction, bits: int) -> Ordinals:
    return Ordinals(step, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def ordinals_of(arrow_type: pa.DataType) -> Ordinals:
    """Return the ordinals of a type of kind NUMBER or TIME."""
    if pat.is_decimal(arrow_type):
        most: int = 10**arrow_type.precision - 1
        return Ordinals(Fraction(10) ** -arrow_type.scale, -most, most)
    if pat.is_unsigned_integer(arrow_type):
        return Ordinals(Fraction(1), 0, (1 << arrow_type.bit_width) - 1)
    if pat.is_integer(arrow_type):
        return _within(Fraction(1), arrow_type.bit_width)
    if pat.is_date32(arrow_type):
        return _within(Fraction(NANOSECONDS_PER_DAY), 32)
    return _within(Fraction(NANOSECONDS[arrow_type.unit]), 64)


def scalar_at(ordinal: int, arrow_type: pa.DataType) -> pa.Scalar:
    """Return the scalar of a NUMBER or TIME type at an ordinal that the type can hold."""
    if pat.is_decimal(arrow_type):
        return pa.scalar(_WIDE.scaleb(Decimal(ordinal), -arrow_type.scale), type=arrow_type)
    return pa.scalar(ordinal, type=arrow_type)


def nanoseconds(moment: date) -> int:
    """Return nanoseconds since 1970 of a date (its midnight) or of a datetime in UTC without a zone attached."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _time_value(scalar: Any) -> int:
    if pat.is_date32(scalar.type):
        return int(scalar.cast(pa.int32()).as_py()) * NANOSECONDS_PER_DAY
    return int(scalar.cast(pa.int64()).as_py()) * NANOSECONDS[scalar.type.unit]


def exact_value(scalar: pa.Scalar) -> Value | None:
    """Return the exact value of a scalar that is not null; None for a type that cannot be compared."""
    kind = kind_of(scalar.type)
    if kind is None:
        return None
    if kind is Kind.TIME:
        return _time_value(scalar)
    value = scalar.as_py()
    if isinstance(value, Decimal):
        return Fraction(value)
    return value.encode() if isinstance(value, str) else value
