"""Rows as lines for COPY: exact text, what Redshift cannot hold, and limits, each named by column and row."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from s3cse.errors import SettingsError
from s3cse.services.redshift import CopyLayout
from s3cse.services.redshift.lines import MAX_ROW_BYTES, check_columns, pieces, rendered

from .redshift_rows import AWKWARD, NOON, UTC, every_type

CSV, TEXT, JSON = (CopyLayout(format=name, compression="none") for name in ("csv", "text", "json"))


def lines_of(rows: pa.Table | pa.RecordBatch, layout: CopyLayout, first_row: int = 0) -> str:
    """Return a small table's text."""
    batch = rows.combine_chunks().to_batches()[0] if isinstance(rows, pa.Table) else rows
    return rendered(batch, layout, first_row).to_pybytes().decode()


def one(values: Any, type_: pa.DataType | None = None, layout: CopyLayout = CSV) -> list[str]:
    """Return the lines of one column."""
    return lines_of(pa.table({"x": pa.array(values, type_)}), layout).splitlines()


def test_csv_of_every_type() -> None:
    """Text is quoted, nothing else is; NULL is not the empty string; dates and times are in ISO's order."""
    first, second, third = lines_of(every_type(), CSV).splitlines()
    assert first == (
        'true,-32768,-9223372036854775808,1.5,0.1,0.00000001,"say ""hi""",2024-02-29,2024-02-29 12:00:00.123456,'
        "2024-02-29 12:00:00.123456+00,23:59:59.999999"
    )
    assert second == (
        'false,32767,9223372036854775807,-2.25e-30,Infinity,-12.50000000,"",0001-01-01,1969-12-31 23:59:59.000000,'
        "@NULL@,00:00:00.000000"
    )
    assert third == ",".join(["@NULL@"] * 11)


def test_json_of_every_type() -> None:
    """Numbers that must not be rounded are strings, as Redshift's documentation recommends; NULL is null."""
    first, _, last = map(json.loads, lines_of(every_type(), JSON).splitlines())
    assert first["exact"] == "0.00000001"
    assert first["big"] == -(2**63)
    assert first["flag"] is True
    assert first["text"] == 'say "hi"'
    assert set(last.values()) == {None}


def test_awkward_text_in_csv() -> None:
    """Whatever is in a text comes back through a CSV parser, line ends and quotes included."""
    rows = list(csv.reader(io.StringIO(lines_of(pa.table({"a": AWKWARD, "b": AWKWARD[::-1]}), CSV), newline="")))
    assert rows == [list(pair) for pair in zip(AWKWARD, AWKWARD[::-1], strict=True)]


def test_awkward_text_in_json() -> None:
    """Whatever is in a text comes back through a JSON parser, control characters included; a line is a row."""
    lines = lines_of(pa.table({'na"me': AWKWARD}), JSON).removesuffix("\n").split("\n")
    assert [json.loads(line)['na"me'] for line in lines] == AWKWARD


def test_awkward_text_in_delimited_text() -> None:
    """A backslash stands before each backslash, line end and delimiter, and before nothing else."""
    text = lines_of(pa.table({"a": AWKWARD, "b": range(len(AWKWARD))}), TEXT)
    fields, field, letters = [], "", iter(text)
    for letter in letters:  # as COPY … ESCAPE is documented to read
        if letter == "\\":
            field += next(letters)
        elif letter in "|\n":
            fields.append(field)
            field = ""
        else:
            field += letter
    assert fields[::2] == AWKWARD
    assert fields[1::2] == [str(number) for number in range(len(AWKWARD))]


def test_numbers() -> None:
    """Small decimals have no exponent; NaN and infinities have Redshift's names; unsigned numbers fit."""
    assert one([Decimal("1E-10"), Decimal("-1E-18")], pa.decimal128(38, 18)) == [
        "0.000000000100000000",
        "-0.000000000000000001",
    ]
    assert one([float("nan"), float("-inf")]) == ["NaN", "-Infinity"]
    assert one([2**64 - 1], pa.uint64()) == ["18446744073709551615"]


def test_instants_are_utc() -> None:
    """A time zone is gone into UTC, and its offset is written, so that the session's zone changes nothing."""
    there = pa.array([NOON.replace(tzinfo=UTC)], pa.timestamp("us", "Asia/Kolkata"))
    assert one(there) == ["2024-02-29 12:00:00.123456+00"]


def test_bytes_are_hexadecimal() -> None:
    """VARBYTE loads from hexadecimal; slices and NULLs keep their places."""
    values = pa.array([b"skipped", b"\x00\xff", None, b"abc"], pa.binary())[1:]
    assert lines_of(pa.record_batch({"x": values}), CSV).splitlines() == ["00ff", "@NULL@", "616263"]
    assert one([b"ab", None], pa.binary(2)) == ["6162", "@NULL@"]


def test_nested_values_are_json() -> None:
    """Lists, structs and maps are JSON for SUPER, with exact decimals, dates and bytes as strings."""
    nested = pa.struct(
        [
            ("list", pa.list_(pa.decimal128(5, 2))),
            ("map", pa.map_(pa.string(), pa.date32())),
            ("at", pa.timestamp("us", "Asia/Kolkata")),
            ("raw", pa.binary()),
            ("nan", pa.float64()),
        ]
    )
    value = {
        "list": [Decimal("1.10"), None],
        "map": [("day", dt.date(2024, 2, 29))],
        "at": NOON.replace(tzinfo=UTC),
        "raw": b"\xff",
        "nan": float("nan"),
    }
    (line,) = csv.reader(io.StringIO(lines_of(pa.table({"x": pa.array([value], nested)}), CSV)))
    assert json.loads(line[0]) == {
        "list": ["1.10", None],
        "map": {"day": "2024-02-29"},
        "at": "2024-02-29 12:00:00.123456+00:00",
        "raw": "ff",
        "nan": "NaN",
    }


def test_dictionaries_and_views() -> None:
    """Encoded columns give their values."""
    assert one(pa.array(["a", None, "a"]).dictionary_encode()) == ['"a"', "@NULL@", '"a"']
    assert one(["x"], pa.string_view()) == ['"x"']


@pytest.mark.parametrize(
    ("values", "type_", "said"),
    [
        (["fine", "a\0b"], None, "holds a NUL"),
        (["fine", "é" * 32_768], None, "longer than a VARCHAR; found 65536 bytes of UTF-8; expected at most 65535"),
        (["fine", "@NULL@"], None, "is the text that stands for NULL"),
        ([0, 253402300800], pa.timestamp("s"), "outside the years 1 to 9999"),
        ([0, 1], pa.timestamp("ns"), "a fraction of a second that Redshift cannot hold"),
        ([0, 1], pa.time64("ns"), "a fraction of a second that Redshift cannot hold"),
        ([dt.date(1, 1, 1), -800000], pa.date32(), "outside the years 1 to 9999"),
        ([b"x", b""], pa.binary(), "is empty bytes, which COPY takes for NULL"),
    ],
)
def test_values_that_redshift_cannot_hold(values: list[Any], type_: pa.DataType | None, said: str) -> None:
    """Column and row are named, and the value is not shown."""
    rows = pa.record_batch({"x": pa.array(values, type_)})
    with pytest.raises(SettingsError, match=f"column 'x', row 101: the value .*{said}") as caught:
        rendered(rows, CSV, 100)
    assert "a\0b" not in str(caught.value)


def test_text_that_is_no_utf8() -> None:
    """Parquet does not check what calls itself text; COPY does."""
    wrong = pa.array([b"fine", b"\xff\xfe"]).view(pa.string())
    with pytest.raises(SettingsError, match="column 'x', row 1: the value is no UTF-8"):
        lines_of(pa.record_batch({"x": wrong}), CSV)


def test_a_long_text_is_fine_where_it_just_fits() -> None:
    """65,535 bytes are a VARCHAR."""
    assert len(one(["x" * 65_535])[0]) == 65_537


def test_row_too_long() -> None:
    """A row of more than 4 MB is refused with its number and its widest column; one of exactly that is not."""
    many = pa.list_(pa.string())
    rows = pa.table({"id": [1, 2], "much": pa.array([["x"], ["x" * 60_000] * 75], many)})
    with pytest.raises(
        SettingsError, match=r"row 8 is longer than COPY takes; found \d+ bytes, \d+ of them in column 'much'"
    ):
        lines_of(rows, CSV, 7)
    exact = pa.table({"much": pa.array([["x" * (MAX_ROW_BYTES - 9)]], many)})  # "[""…""]" and a newline
    assert len(lines_of(exact, CSV)) == MAX_ROW_BYTES


@pytest.mark.parametrize(
    ("schema", "layout", "said"),
    [
        (pa.schema([]), CSV, "no columns"),
        (pa.schema([("a", pa.int8()), ("A", pa.int8())]), CSV, "column 'A' is there twice"),
        (pa.schema([("a", pa.binary())]), JSON, "column 'a' is binary, which COPY loads from CSV only"),
        (pa.schema([("a", pa.binary())]), TEXT, "column 'a' is binary, which COPY loads from CSV only"),
        (pa.schema([("a", pa.duration("s"))]), CSV, "column 'a' has a type that Redshift has not"),
    ],
)
def test_columns_are_checked_first(schema: pa.Schema, layout: CopyLayout, said: str) -> None:
    """Columns that cannot be loaded are refused before anything is written."""
    with pytest.raises(SettingsError, match=said):
        check_columns(schema, layout)


def test_pieces_are_small() -> None:
    """A batch of wide rows becomes text a few rows at a time, and no row gets lost."""
    batch = pa.record_batch({"x": ["y" * 60_000] * 200})
    cut = list(pieces(batch))
    assert [piece.num_rows for piece in cut] == [69, 69, 62]
    assert sum(piece.num_rows for piece in pieces(batch.slice(150))) == 50


@pytest.mark.parametrize(
    ("null_as", "values"),
    [
        ("0", pa.array([1, None, 0])),
        ("true", pa.array([False, None, True])),
        ("NaN", pa.array([1.5, None, float("nan")])),
        ("abcd", pa.array([b"x", None, b"\xab\xcd"])),
        ("2024-02-29", pa.array([None, None, dt.date(2024, 2, 29)])),
    ],
)
@pytest.mark.parametrize("format_", ["csv", "text"])
def test_null_of_any_type(null_as: str, values: pa.Array, format_: str) -> None:
    """A value whose text is the one of NULL is refused in every column: COPY would load NULL in its place."""
    layout = CopyLayout(format=format_, null_as=null_as)
    with pytest.raises(SettingsError, match="column 'x', row 9: the value is the text that stands for NULL"):
        rendered(pa.record_batch({"x": values}), layout, 7)


def test_map_with_a_key_twice() -> None:
    """No entry gets lost without a word."""
    values = pa.array([[("k", 1)], None, [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))
    with pytest.raises(SettingsError, match="column 'x', row 5: the value has a map with one key twice"):
        rendered(pa.record_batch({"x": values}), JSON, 3)
    assert one(values.slice(0, 2), layout=JSON) == ['{"x":{"k":1}}', '{"x":null}']


@pytest.mark.parametrize("name", ["", "x" * 128])
def test_columns_that_no_statement_can_name(name: str) -> None:
    """They are refused before anything is written, not when the statement is made."""
    with pytest.raises(SettingsError, match="cannot be a name in Redshift"):
        check_columns(pa.schema([(name, pa.int8())]), CSV)
