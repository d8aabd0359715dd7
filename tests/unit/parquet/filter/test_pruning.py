"""Pruning by statistics: never a row lost, and pieces skipped where that is certain."""

from __future__ import annotations

from fractions import Fraction

import pyarrow as pa
import pytest

from s3cse.parquet.filter.binding import bind
from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.filter.pruning import ColumnStats, Statistics, may_match
from s3cse.parquet.filter.values import Kind

SCHEMA = pa.schema(
    [
        ("i", pa.int64()),
        ("c", pa.decimal128(9, 2)),
        ("d", pa.float64()),
        ("s", pa.string()),
        ("b", pa.bool_()),
        ("x", pa.int32()),
    ]
)


def numbers(low: int, high: int, *, rows: int = 10, nulls: int | None = 0) -> ColumnStats:
    """Statistics of an integer column."""
    return ColumnStats(Kind.NUMBER, low, high, rows, nulls)


STATS: Statistics = {
    "i": numbers(10, 20),
    "c": ColumnStats(Kind.NUMBER, Fraction("1.50"), Fraction("2.50"), 10, 5),
    "d": ColumnStats(Kind.FLOAT, 1.0, 2.0, 10, 0),
    "s": ColumnStats(Kind.BYTES, b"bar", b"foo", 10, 0),
    "b": ColumnStats(Kind.BOOLEAN, True, True, 10, 0),
    "x": ColumnStats(rows=10, nulls=10),
}


def answer(sql: str, statistics: Statistics = STATS) -> bool:
    """Return whether the piece may hold a row."""
    return may_match(bind(parse_filter(sql), SCHEMA), statistics)


@pytest.mark.parametrize(
    "sql",
    [
        "i = 9", "i = 21", "i < 10", "i <= 9", "i > 20", "i >= 21", "i = 15.5e300", "i > 20.5", "NOT i >= 10",
        "NOT i <= 20",
        "NOT (i > 5 OR i = 7)", "i IN (1, 2, 30)", "i IN (1, NULL)", "i NOT IN (15, NULL)", "i BETWEEN 21 AND 30",
        "i NOT BETWEEN 10 AND 20", "i IS NULL", "i = NULL", "i IS NULL OR i > 20", "i = 15 AND s = 'zoo'", "FALSE",
        "NULL",
        "c > 2.5", "c < 1.5", "c = 2.505", "d < 1", "d = 2.5", "d IN (0, 3)", "s < 'bar'", "s > 'foo'", "s = 'a'",
        "s = 'bap'",
        "s LIKE 'a%'", "s LIKE 'g_'", "s LIKE 'food%'", "s IN ('a', 'z')", "NOT b", "b = FALSE", "b < TRUE", "x = 1",
        "x <> 1",
        "x IS NOT NULL", "x IN (1)", "NOT x IN (1)", "x = i", "NOT x = i", "x < 1 OR x >= 1",
    ],
)  # fmt: skip
def test_pieces_without_a_match_are_skipped(sql: str) -> None:
    """Where the statistics exclude every row, the piece is not read."""
    assert not answer(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "i = 10", "i = 20", "i <= 10", "i >= 20", "i <> 15", "NOT i = 15", "i IN (1, 15)", "i NOT IN (15)",
        "i IS NOT NULL",
        "i = 9 OR s = 'bar'", "NOT (i = 9 AND s = 'bar')", "TRUE", "c IS NULL", "c IS NOT NULL", "c <= 1.5",
        "d > 5", "d >= 2.5", "NOT d < 3", "NOT d <= 5", "d <> 1", "NOT d IN (1, 2)", "s LIKE 'b%'", "s LIKE 'f%'",
        "s LIKE '%z'",
        "s LIKE 'foo%'", "s NOT LIKE 'b%'", "s LIKE 'c%'", "b", "x IS NULL", "NOT x IS NOT NULL", "x = 1 OR i = 15",
        "i = i",
    ],
)  # fmt: skip
def test_pieces_that_may_match_are_read(sql: str) -> None:
    """NaN may exceed the bounds, bounds need not occur, null may be asked for: doubt means reading."""
    assert answer(sql)


@pytest.mark.parametrize(
    "sql",
    ["i = 1", "NOT i = 1", "i IS NULL", "i IS NOT NULL", "i IN (1)", "NOT i IN (1)", "s LIKE 'q%'", "NOT b", "x = i"],
)
@pytest.mark.parametrize("stats", [None, ColumnStats(), ColumnStats(rows=10), ColumnStats(nulls=3)])
def test_what_is_not_known_is_read(sql: str, stats: ColumnStats | None) -> None:
    """No statistics, or half of them, exclude nothing."""
    assert answer(sql, {} if stats is None else dict.fromkeys(SCHEMA.names, stats))


def test_one_bound_is_enough() -> None:
    """A lower bound alone excludes what lies below, an upper one what lies above."""
    low = {"i": ColumnStats(Kind.NUMBER, low=10, rows=5, nulls=0)}
    high = {"i": ColumnStats(Kind.NUMBER, high=20, rows=5, nulls=0)}
    assert [answer(sql, low) for sql in ("i < 10", "i = 9", "i > 20", "i = 21")] == [False, False, True, True]
    assert [answer(sql, high) for sql in ("i < 10", "i = 9", "i > 20", "i = 21")] == [True, True, False, False]


def test_bounds_of_another_kind_say_nothing() -> None:
    """A file whose column is of another kind than the table's is read."""
    assert answer("i = 1", {"i": ColumnStats(Kind.BYTES, b"x", b"y", 5, 0)})
    assert answer("d = 1", {"d": numbers(5, 6)})


def test_a_single_value_excludes_its_own_negation() -> None:
    """Where all rows have one value, NOT of a match with it excludes the piece, but not if NaN may be among them."""
    one = {"i": numbers(5, 5), "d": ColumnStats(Kind.FLOAT, 5.0, 5.0, 10, 0)}
    assert not answer("i <> 5", one)
    assert not answer("NOT i IN (4, 5)", one)
    assert answer("d <> 5", one)
    partition = {"d": ColumnStats(Kind.FLOAT, 5.0, 5.0, 1, 0, may_hold_nan=False)}
    assert not answer("d <> 5", partition)
    assert not answer("d > 5", partition)
