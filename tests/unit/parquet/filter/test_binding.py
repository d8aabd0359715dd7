"""Binding filters to schemas: which columns, which values, which comparisons are impossible."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pyarrow as pa
import pytest

from s3cse.errors import SettingsError
from s3cse.parquet.filter.binding import bind, find_column
from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.filter.predicate import AllOf, Always, BoundColumn, Comparison, Predicate

SCHEMA = pa.schema(
    [
        ("id", pa.int32()),
        ("Price", pa.decimal128(9, 2)),
        ("ratio", pa.float32()),
        ("name", pa.string()),
        ("raw", pa.binary()),
        ("ok", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", "UTC")),
        ("ntz", pa.timestamp("us")),
        ("tags", pa.list_(pa.string())),
        ("x", pa.int32()),
        ("X", pa.int32()),
    ]
)


def bound(sql: str) -> Predicate:
    """Return the bound filter."""
    return bind(parse_filter(sql), SCHEMA)


@pytest.mark.parametrize("name", ["price", "PRICE", "Price"])
def test_letter_case_of_columns_does_not_matter(name: str) -> None:
    """A column is found whatever its case, and goes by the schema's spelling from there on."""
    assert find_column(name, SCHEMA) == BoundColumn("Price", pa.decimal128(9, 2))


def test_an_unknown_column_is_refused_with_the_ones_there_are() -> None:
    """The message names the column and all others."""
    with pytest.raises(SettingsError) as caught:
        bound("nme = 'x'")
    assert "'nme'" in str(caught.value)
    assert "'id', 'Price', 'ratio', 'name'" in str(caught.value)


def test_an_ambiguous_column_is_refused() -> None:
    """Two columns that differ in case only cannot be told apart, as in Spark."""
    with pytest.raises(SettingsError, match="ambiguous"):
        bound("x = 1")


@pytest.mark.parametrize(
    "sql",
    [
        "id = '5'", "name = 5", "name > 1.5", "ok = 1", "ok = 'true'", "id = TRUE", "day = 5", "at = 5", "day = 'soon'",
        "at = 'soon'", "ntz = '2013-01-01 00:00:00Z'", "id = DATE '2013-01-01'", "name = DATE '2013-01-01'",
        "raw = 'x'",
        "tags = 'x'", "tags = NULL", "id = name", "day = id", "ratio = Price", "name = raw", "ok = id", "tags = tags",
        "id IN (1, 'x')", "id IN (1e0, 'x')", "name IN (1)", "id LIKE '1%'", "raw LIKE 'x'", "id", "name AND ok",
        "id BETWEEN 1 AND 'x'", "ratio = 'NaN'",
    ],
)  # fmt: skip
def test_impossible_comparisons_are_refused(sql: str) -> None:
    """What Spark would cast row by row, or refuse, is refused here, saying what was found and what is expected."""
    with pytest.raises(SettingsError) as caught:
        bound(sql)
    assert caught.value.found
    assert caught.value.expected


@pytest.mark.parametrize("sql", ["tags IS NULL", "raw IS NOT NULL", "day < at", "at < ntz", "id < Price", "id < ratio"])
def test_possible_ones_are_not(sql: str) -> None:
    """Null tests work on every type, and columns of one kind compare."""
    assert pickle.loads(pickle.dumps(bound(sql))) == bound(sql)


def test_literals_become_exact_values() -> None:
    """A value is not rounded to the column's type."""
    price, day = find_column("price", SCHEMA), find_column("day", SCHEMA)
    assert bound("price > 1.005") == Comparison(">", price, Fraction("1.005"))
    assert bound("day > '1970-01-02'") == Comparison(">", day, 86400 * 10**9)
    assert bound("day > TIMESTAMP '1970-01-02 00:00:00.000001'") == Comparison(">", day, 86400 * 10**9 + 1000)
    assert bound("ratio = 0.1") == Comparison("=", find_column("ratio", SCHEMA), 0.1)
    assert bound("id = NULL") == Always(None)
    assert isinstance(bound("id = 1e0"), AllOf)
