"""SQL literals: the text of a number, date or timestamp to its value, by the rules of Spark's parser.

Functions return None for what is no literal of the kind; the caller knows which piece of the filter to show.
"""

from __future__ import annotations

import math
import re
import struct
from datetime import date
from decimal import Decimal

from s3cse.errors import SettingsError
from s3cse.parquet.filter.datetimes import parse_date, parse_timestamp

_INTEGER = re.compile(r"\d+", re.ASCII)
_DECIMAL = re.compile(r"\d+\.\d*|\.\d+", re.ASCII)
_DOUBLE = re.compile(r"(?:\d+\.?\d*|\.\d+)[eE][+-]?\d{1,4}", re.ASCII)
_MOST_DIGITS = 38
_INTEGER_TYPES = {"BIGINT", "INT", "SMALLINT", "TINYINT"}
_TIMESTAMP_TYPES = {"TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPLTZ", "TIMESTAMPNTZ"}
#: Quoted pieces and comments; raw strings (r'…') know no escapes.
_QUOTED = re.compile(
    r"""`[^`]*`|--[^\n]*|/\*.*?\*/|(?<!\w)[rR](?:'[^']*'|"[^"]*")|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""",
    re.DOTALL,
)
#: The escapes that Spark and every supported release of sqlglot read alike.
_COMMON_ESCAPES = frozenset("\\'\"%_nrt")


def check_escapes(sql: str) -> None:
    """Refuse string escapes that releases of sqlglot read in different ways.

    Raises:
        SettingsError: a string literal holds such an escape.
    """
    for quoted in _QUOTED.finditer(sql):
        escapes = re.findall(r"\\(.)", quoted[1] or quoted[2] or "", re.DOTALL)
        strange = set(escapes) - _COMMON_ESCAPES
        if strange:
            raise SettingsError(
                "filter holds a string escape that is not supported",
                found=f"\\{min(strange)} in {quoted[0]}",
                expected=r"\\ \' \" \n \r \t \% \_",
                fix="write the character itself, or a raw string r'…'",
            )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read_number(text: str) -> int | Decimal | float | None:
    """Read a number without sign or suffix: digits are an integer, a point makes a decimal, an exponent a double."""
    if _DOUBLE.fullmatch(text):
        return _finite(float(text))
    if sum(map(str.isdigit, text)) > _MOST_DIGITS:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


def _float32(value: float) -> float | None:
    try:
        nearest: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return None
    return nearest


def read_typed_number(text: str, kind: str, precision: int, scale: int) -> int | Decimal | float | None:
    """Read 1L, 2.5D, 0.5F, 1.5BD, which sqlglot turns into casts; a cast that changes the number is refused.

    Args:
        text: the number without its suffix.
        kind: name of the SQL type.
        precision: of DECIMAL.
        scale: of DECIMAL.
    """
    number = read_number(text)
    if number is None:
        return None
    value = Decimal(text)
    if kind in _INTEGER_TYPES and value == value.to_integral_value():
        return int(value)
    if kind == "DOUBLE":
        return _finite(float(text))
    if kind == "FLOAT":
        return _float32(float(text))
    # Fits if no digit is lost on either side of the point.
    digits, fraction = (len(part) for part in f"{value:f}".lstrip("0").partition(".")[::2])
    return value if kind == "DECIMAL" and fraction <= scale and digits <= precision - scale else None


def read_typed_text(text: str, kind: str) -> date | None:
    """Read the text of DATE '…', TIMESTAMP '…' and its variants; timestamps are in UTC.

    Args:
        text: between the quotes.
        kind: name of the SQL type, as sqlglot calls it.
    """
    if kind == "DATE":
        return parse_date(text)
    return parse_timestamp(text, allow_zone=kind != "TIMESTAMPNTZ") if kind in _TIMESTAMP_TYPES else None
