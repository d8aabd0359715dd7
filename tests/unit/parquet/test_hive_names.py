"""Names of partition folders."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from s3cse.errors import SettingsError
from s3cse.parquet.hive_names import escape_name, partition_path, unescape_name


@settings(deadline=None)
@given(some.text())
def test_escaping_is_undone(text: str) -> None:
    """Any text comes back, and its name has nothing that would end a folder or look like an escape."""
    assert unescape_name(escape_name(text)) == text
    assert not set('/=:"#*?{[]^') & set(escape_name(text))


#: ``charToEscape`` of Spark's ExternalCatalogUtils, which is that of Hive's FileUtils; tests/spark/test_layout.py asks
#: Spark itself.
SPARK_ESCAPES = {*map(chr, range(0x01, 0x20)), *"\"#%'*/:=?\\\x7f{[]^"}


def test_what_is_escaped_is_sparks_list() -> None:
    """Exactly Spark's characters are replaced, each by two upper-case digits; all others stay, also beyond ASCII."""
    for code in (*range(0x01, 0x180), 0x65E5, 0x1F680):
        letter = chr(code)
        assert escape_name(letter) == (f"%{code:02X}" if letter in SPARK_ESCAPES else letter)
    assert len(SPARK_ESCAPES) == 31 + 15


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("x%20y", "x y"),
        ("%C3%A9", "Ã©"),
        ("%e9", "é"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("%2525", "%25"),
        ("a+b", "a+b"),
    ],
)
def test_reading_escapes(escaped: str, plain: str) -> None:
    """Each %XX is one character, as Hive has it, and what is no escape stays."""
    assert unescape_name(escaped) == plain


def scalar(value: object, arrow_type: pa.DataType | None = None) -> pa.Scalar:
    """Return an Arrow scalar."""
    return pa.scalar(value, type=arrow_type)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (scalar(5), "5"), (scalar(-1, pa.int8()), "-1"), (scalar(True), "true"), (scalar(False), "false"),
        (scalar("x y"), "x y"), (scalar("a/b=c%"), "a%2Fb%3Dc%25"), (scalar("é日"), "é日"),
        (scalar("ab", pa.large_string()), "ab"),
        (scalar(None, pa.int32()), "__HIVE_DEFAULT_PARTITION__"), (scalar(""), "__HIVE_DEFAULT_PARTITION__"),
        (scalar(date(1, 1, 1)), "0001-01-01"), (scalar(date(2013, 1, 2)), "2013-01-02"),
        (scalar(datetime(2013, 1, 2, 3, 4, 5)), "2013-01-02 03%3A04%3A05"),
        (scalar(datetime(2013, 1, 2, 3, 4, 5, 120000), pa.timestamp("us", "UTC")), "2013-01-02 03%3A04%3A05.12"),
        (scalar(1, pa.timestamp("us", "Asia/Tokyo")), "1970-01-01 00%3A00%3A00.000001"),
        (scalar(-1, pa.timestamp("s")), "1969-12-31 23%3A59%3A59"),
        (scalar(Decimal("1.50")), "1.50"), (scalar(Decimal("0"), pa.decimal128(38, 18)), "0.000000000000000000"),
        (scalar(Decimal("1E-9"), pa.decimal128(38, 18)), "0.000000001000000000"),
        (scalar(Decimal("-7"), pa.decimal128(3, 0)), "-7"),
        (scalar(1.0), "1.0"), (scalar(0.001), "0.001"), (scalar(0.0009), "9.0E-4"), (scalar(1e7), "1.0E7"),
        (scalar(9999999.0), "9999999.0"),
        (scalar(1.5e10), "1.5E10"), (scalar(-0.0), "-0.0"), (scalar(0.0), "0.0"), (scalar(1.1e-7), "1.1E-7"),
        (scalar(123456.789), "123456.789"),
        (scalar(-2.0e22), "-2.0E22"), (scalar(1.7976931348623157e308), "1.7976931348623157E308"),
        (scalar(float("nan")), "NaN"),
        (scalar(float("inf")), "Infinity"), (scalar(float("-inf")), "-Infinity"),
        (scalar(0.1, pa.float32()), "0.1"), (scalar(1.5e10, pa.float32()), "1.5E10"),
        (scalar(123456.789, pa.float32()), "123456.79"),
    ],
)  # fmt: skip
def test_values_have_sparks_text(value: pa.Scalar, text: str) -> None:
    """A value's folder is the one that Spark would write."""
    assert partition_path([("p", value)]) == f"p={text}"


def test_folders_nest_in_order_and_names_are_escaped() -> None:
    """The first column is outermost; no column is no folder."""
    assert partition_path([("a", scalar(1)), ("b:c", scalar("x"))]) == "a=1/b%3Ac=x"
    assert partition_path([]) == ""


@pytest.mark.parametrize(
    "value",
    [
        scalar(b"x"),
        scalar([1]),
        scalar(1, pa.timestamp("ns")),
        scalar(2**31 - 1, pa.date32()),
        scalar(2**62, pa.timestamp("us")),
    ],
)
def test_what_has_no_text_is_refused(value: pa.Scalar) -> None:
    """Binary, nested values, nanoseconds and dates beyond the calendar are errors that name the column."""
    with pytest.raises(SettingsError, match="'p'"):
        partition_path([("p", value)])
