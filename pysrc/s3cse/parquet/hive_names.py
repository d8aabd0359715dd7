"""Names of partition folders, written and read as Spark and Hive do: ``name=value``, special characters as %XX.

A value's text is that of Spark's CAST to string in UTC. Null and the empty string share one folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from s3cse.errors import SettingsError

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

#: What org.apache.spark.sql.catalyst.catalog.ExternalCatalogUtils escapes; 0x00 is not in its list.
_SPECIAL = re.compile(r"""[\x01-\x1f"#%'*/:=?\\\x7f{\[\]^]""")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_EPOCH = datetime(1970, 1, 1)
_PLAIN_EXPONENTS = range(-3, 7)  # Java's Double.toString is plain from 1e-3 up to 1e7.


def escape_name(text: str) -> str:
    """Replace special characters by %XX, upper case."""
    return _SPECIAL.sub(lambda match: f"%{ord(match[0]):02X}", text)


def unescape_name(text: str) -> str:
    """Replace each %XX by the character with that number; anything else stays."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _java_double(shortest: str) -> str:
    """Write the shortest decimal form of a finite double as Java does: 1.0, 1.0E10, 9.0E-4."""
    sign, digits, exponent = Decimal(shortest).as_tuple()
    if not any(digits):
        return "-0.0" if sign else "0.0"
    text = "".join(map(str, digits)).rstrip("0")
    magnitude = len(digits) + int(exponent) - 1
    if magnitude in _PLAIN_EXPONENTS:
        body = format(Decimal(shortest).copy_abs(), "f")
        body = body if "." in body else f"{body}.0"
    else:
        body = f"{text[0]}.{text[1:] or '0'}E{magnitude}"
    return f"-{body}" if sign else body


def _float_text(scalar: Any) -> str:
    value = scalar.as_py()
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    # Arrow writes the shortest text that reads back as the same float32 or float64.
    return _java_double(scalar.cast(pa.string()).as_py())


def _timestamp_text(scalar: Any) -> str:
    micros = scalar.cast(pa.timestamp("us", tz=scalar.type.tz)).cast(pa.int64()).as_py()
    text = (_EPOCH + timedelta(microseconds=micros)).isoformat(sep=" ")
    return text.rstrip("0") if "." in text else text


def _text_form(arrow_type: pa.DataType) -> Callable[[Any], str] | None:
    if pat.is_string(arrow_type) or pat.is_large_string(arrow_type) or pat.is_integer(arrow_type):
        return lambda scalar: str(scalar.as_py())
    if pat.is_boolean(arrow_type):
        return lambda scalar: "true" if scalar.as_py() else "false"
    if pat.is_date32(arrow_type):
        return lambda scalar: str(scalar.as_py().isoformat())
    if pat.is_decimal(arrow_type):
        return lambda scalar: format(scalar.as_py(), "f")
    if pat.is_timestamp(arrow_type):
        return _timestamp_text
    return _float_text if pat.is_float32(arrow_type) or pat.is_float64(arrow_type) else None


def _value_text(name: str, scalar: Any) -> str:
    form = _text_form(scalar.type)
    if form is None:
        raise SettingsError(
            f"column {name!r} cannot partition a table",
            found=str(scalar.type),
            expected="strings, integers, booleans, decimals, floats, dates or timestamps",
        )
    try:
        return form(scalar)
    except (ValueError, OverflowError, pa.ArrowInvalid) as error:
        raise SettingsError(
            f"a value of partition column {name!r} cannot be a folder's name",
            found=f"a {scalar.type} beyond that",
            expected="a date or timestamp within the years 1 to 9999, in microseconds",
        ) from error


def partition_path(values: Iterable[tuple[str, pa.Scalar]]) -> str:
    """Return the folder of a partition, ``a=1/b=x``; empty for no columns.

    Args:
        values: column name and Arrow scalar of each partition column, outermost first.

    Raises:
        SettingsError: a type that cannot partition, or a date that has no text.
    """
    folders = []
    for name, scalar in values:
        text = _value_text(name, scalar) if scalar.is_valid else ""
        folders.append(f"{escape_name(name)}={escape_name(text) if text else NULL_PARTITION}")
    return "/".join(folders)
