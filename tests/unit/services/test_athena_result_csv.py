"""Athena's CSV."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pyarrow as pa
import pytest

from s3cse.errors import EnvelopeError
from s3cse.services.athena.column_types import ResultColumn
from s3cse.services.athena.result_csv import parse_result


def parsed(text: str, **types: str) -> pa.Table:
    """Parse a CSV with these types."""
    columns = [ResultColumn.parse(name, kind) for name, kind in types.items()] or None
    return parse_result(pa.py_buffer(text.encode()), columns, "s3://b/q.csv")


def test_every_type() -> None:
    """Values of every type come back exactly."""
    table = parsed(
        '"b","t","s","i","n","r","d","e","day","ts","tz","v","bin","arr"\n'
        '"true","-128","32767","-1","9223372036854775807","1.5","1.0E-5","-0.10","2026-01-31",'
        '"2026-01-31 10:11:12.123","2026-01-31 10:00:00.000 UTC","text","68 69","[1, 2]"\n',
        b="boolean", t="tinyint", s="smallint", i="integer", n="bigint", r="real", d="double", e="decimal(10,2)",
        day="date", ts="timestamp", tz="timestamp with time zone", v="varchar", bin="varbinary", arr="array(integer)",
    )  # fmt: skip
    (row,) = table.to_pylist()
    assert list(row.values())[:10] == [
        True, -128, 32767, -1, 9223372036854775807, 1.5, 1e-5, Decimal("-0.10"), dt.date(2026, 1, 31),
        dt.datetime(2026, 1, 31, 10, 11, 12, 123000),
    ]  # fmt: skip
    assert row["tz"].isoformat() == "2026-01-31T10:00:00+00:00"
    assert (row["v"], row["bin"], row["arr"]) == ("text", b"hi", "[1, 2]")


def test_null_is_not_the_empty_string() -> None:
    """Nothing between commas is NULL in every type, "" is the empty string."""
    table = parsed('"n","t"\n,\n"1",""\n', n="bigint", t="varchar")
    assert table.to_pydict() == {"n": [None, 1], "t": [None, ""]}


def test_one_column_of_nulls() -> None:
    """In a result of one column NULL is an empty line, and still a row."""
    assert parsed('"n"\n"1"\n\n\n"2"\n', n="bigint").to_pydict() == {"n": [1, None, None, 2]}


def test_quotes_commas_and_line_ends() -> None:
    """What stands between quotes is the value, whatever it is; a header may have them, too."""
    table = parsed('"a ""b""\n,c"\n"one ""two"", three\nfour"\n"NULL"\n"\\N"\n')
    assert table.to_pydict() == {'a "b"\n,c': ['one "two", three\nfour', "NULL", "\\N"]}


def test_odd_numbers() -> None:
    """Infinities and NaN are numbers in Athena's spelling."""
    found = parsed('"d"\n"NaN"\n"Infinity"\n"-Infinity"\n', d="double").column(0).to_pylist()
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


def test_repeated_names() -> None:
    """SQL may name two columns alike; each keeps its own type and values."""
    columns = [ResultColumn.parse("x", "bigint"), ResultColumn.parse("x", "varchar")]
    table = parse_result(pa.py_buffer(b'"x","x"\n"1","1"\n'), columns, "s3://b/q.csv")
    assert table.schema.types == [pa.int64(), pa.string()]
    assert [column.to_pylist() for column in table.columns] == [[1], ["1"]]


@pytest.mark.parametrize("text", ["", '"n","t"\n'])
def test_no_rows(text: str) -> None:
    """A result without rows has its columns and types."""
    table = parsed(text, n="bigint", t="varchar")
    assert table.num_rows == 0
    assert table.schema.types == [pa.int64(), pa.string()]


def test_large_values() -> None:
    """A value larger than Arrow's block is read whole."""
    text = "x" * (3 << 20)
    assert parsed(f'"t"\n"{text}"\n"y"\n', t="varchar").column(0).to_pylist() == [text, "y"]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ('"n"\n"marker"\n', {"n": "bigint"}),
        ('"n"\n""\n', {"n": "bigint"}),
        ('"n"\n"1","2"\n', {"n": "bigint"}),
        ('"m"\n"1"\n', {"n": "bigint"}),
        ('"n","m"\n"1","2"\n', {"n": "bigint"}),
        ('"b"\n"yes"\n', {"b": "boolean"}),
        ('"b"\n"marker"\n', {"b": "varbinary"}),
    ],
)
def test_what_does_not_fit(text: str, types: dict[str, str]) -> None:
    """Values and columns that are not those of the query are one error that names the result and shows no value."""
    with pytest.raises(EnvelopeError, match=r"s3://b/q\.csv") as caught:
        parsed(text, **types)
    assert "marker" not in str(caught.value)
    assert caught.value.__cause__ is None
