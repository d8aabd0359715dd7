"""Athena's column types as Arrow's."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from s3cse.errors import SettingsError
from s3cse.services.athena.column_types import ResultColumn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("boolean", pa.bool_()),
        ("tinyint", pa.int8()),
        ("smallint", pa.int16()),
        ("integer", pa.int32()),
        ("bigint", pa.int64()),
        ("real", pa.float32()),
        ("float", pa.float32()),
        ("DOUBLE", pa.float64()),
        ("decimal(10,2)", pa.decimal128(10, 2)),
        ("decimal(5)", pa.decimal128(5, 0)),
        ("varchar", pa.string()),
        ("varchar(10)", pa.string()),
        ("char(3)", pa.string()),
        ("date", pa.date32()),
        ("timestamp", pa.timestamp("ms")),
        ("timestamp(3)", pa.timestamp("ms")),
        ("timestamp(6)", pa.timestamp("us")),
        ("timestamp(9) with time zone", pa.timestamp("ns", "UTC")),
        ("timestamp with time zone", pa.timestamp("ms", "UTC")),
        ("timestamp(3) with time zone", pa.timestamp("ms", "UTC")),
        ("varbinary", pa.binary()),
        ("array(row(a integer))", pa.string()),
        ("map(varchar,bigint)", pa.string()),
        ("row(a integer, b varchar)", pa.string()),
        ("interval day to second", pa.string()),
        ("json", pa.string()),
    ],
)
def test_types(text: str, expected: pa.DataType) -> None:
    """Each of Athena's words is one Arrow type; nested values stay texts."""
    assert ResultColumn.parse("c", text).arrow_type == expected


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"Name": "c", "Type": "decimal", "Precision": 38, "Scale": 10}, pa.decimal128(38, 10)),
        ({"Name": "c", "Type": "decimal"}, pa.string()),
        ({"Name": "c", "Type": "varchar", "Precision": 2147483647, "Scale": 0}, pa.string()),
        ({"Name": "c", "Type": "timestamp", "Precision": 3, "Scale": 0}, pa.timestamp("ms")),
    ],
)
def test_columns_of_the_api(info: dict[str, Any], expected: pa.DataType) -> None:
    """ColumnInfo says precision and scale beside the type."""
    assert ResultColumn.of(info).arrow_type == expected


@pytest.mark.parametrize("text", ["", "int128", "select", "decimal(x)"])
def test_unknown_types(text: str) -> None:
    """What is no type of Athena's is refused with the column named."""
    with pytest.raises(SettingsError, match="speed"):
        ResultColumn.parse("speed", text)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-07-31 10:00:00.123 UTC", "2026-07-31T10:00:00.123000+00:00"),
        ("2026-07-31 10:00:00.123 Europe/Berlin", "2026-07-31T08:00:00.123000+00:00"),
        ("2026-01-31 10:00:00.123 Europe/Berlin", "2026-01-31T09:00:00.123000+00:00"),
        ("2026-01-31 10:00:00.000 +02:00", "2026-01-31T08:00:00+00:00"),
    ],
)
def test_instants(text: str, utc: str) -> None:
    """A timestamp with a zone is the instant it means, summer time included."""
    column = ResultColumn.parse("c", "timestamp with time zone")
    assert column.convert(pa.chunked_array([[text, None]])).to_pylist()[0].isoformat() == utc


def test_unknown_zone() -> None:
    """A zone that nobody knows is an error."""
    column = ResultColumn.parse("c", "timestamp with time zone")
    with pytest.raises(ValueError, match="zone"):
        column.convert(pa.chunked_array([["2026-01-31 10:00:00.000 Mars/North"]]))


@pytest.mark.parametrize(
    ("text", "digits", "nanoseconds"),
    [
        ("1970-01-01 01:00:01.123456789 Europe/Berlin", 9, 1_123_456_789),
        ("1969-12-31 23:59:59.9 UTC", 1, -100_000_000),
        ("1970-01-01 00:00:00.000001 +00:00", 6, 1_000),
        ("1970-01-01 00:00:07 UTC", 0, 7_000_000_000),
        ("1970-01-01 00:00:07.120000000000 UTC", 12, 7_120_000_000),
    ],
)
def test_digits_of_an_instant(text: str, digits: int, nanoseconds: int) -> None:
    """Every digit of a second that a type has arrives, up to nanoseconds."""
    column = ResultColumn.parse("c", f"timestamp({digits}) with time zone")
    (value,) = column.convert(pa.chunked_array([[text]])).cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist()
    assert value == nanoseconds


def test_digits_that_arrow_does_not_have() -> None:
    """Picoseconds are an error, and not cut off."""
    column = ResultColumn.parse("c", "timestamp(12) with time zone")
    with pytest.raises(ValueError, match="a fraction of a second"):
        column.convert(pa.chunked_array([["1970-01-01 00:00:07.123456789012 UTC"]]))
