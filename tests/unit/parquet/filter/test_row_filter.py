"""Filters as Arrow expressions: SQL's three truth values, Spark's order of floats, exact comparisons."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.filter.row_filter import to_arrow

NAN, INF = math.nan, math.inf
BIG = 2**53 + 1

TABLE = pa.table(
    {
        "i": pa.array([1, 2, None, -(2**31), 2**31 - 1, 0, 5, 7], pa.int32()),
        "l": pa.array([BIG, -1, None, 2**63 - 1, -(2**63), 0, 1, BIG - 1], pa.int64()),
        "f": pa.array([0.1, NAN, None, -0.0, INF, 1.5, -INF, 3.0], pa.float32()),
        "d": pa.array([NAN, 0.1, None, 0.0, -INF, INF, -0.0, 9007199254740992.0], pa.float64()),
        "d2": pa.array([NAN, NAN, 1.0, -0.0, 5.0, INF, 0.0, 9007199254740992.0], pa.float64()),
        "c": pa.array(["1.50", "-0.01", None, "999.99", "0.00", "1.49", "0.10", "2.00"], pa.string()).cast(
            pa.decimal128(5, 2)
        ),
        "s": pa.array(["abc", "a%c", None, "", "a\nc", "ABC", "a_c", "日😀"], pa.string()),
        "s2": pa.array(["abc", "b", "x", None, "a\nc", "é", "a", "日"], pa.string()),
        "b": pa.array([True, False, None, True, False, True, None, False], pa.bool_()),
        "y": pa.array([0, 1, None, -1, 15706, 15707, 18000, 2932896], pa.int32()).cast(pa.date32()),
        "t": pa.array([0, 1, None, -1, 1357034400000000, 1357034400000001, 86400000000, 10**15], pa.int64()).cast(
            pa.timestamp("us", "UTC")
        ),
        "n": pa.array([0, 1, None, -1, 1357034400000000, 1357034400000001, 86400000000, 10**15], pa.int64()).cast(
            pa.timestamp("us")
        ),
    }
)


def truth(sql: str, table: pa.Table = TABLE) -> list[bool | None]:
    """Return the filter's answer for each row."""
    condition = to_arrow(parse_filter(sql), table.schema)
    answers = []
    for row in range(table.num_rows):
        one = table.slice(row, 1)
        yes = one.filter(condition).num_rows == 1
        no = one.filter(~condition).num_rows == 1
        assert not (yes and no)
        answers.append(True if yes else False if no else None)
    return answers


_OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
_LITERALS = {
    "i": ["5", "1.5", "2147483648", "-2147483648", "5e0", "2147483646.5", "NULL", "0.1F"],
    "l": [str(BIG), f"{BIG}.0", "9007199254740992e0", "9.007199254740993e15", "1L", "9223372036854775807", "1e30"],
    "f": ["0.1", "0.1F", "0.1D", "0", "5", "-0.0", "1.5", "1e39", "3"],
    "d": ["0.1", "0", "-0.0", "9007199254740993", "1e308", "5", "NULL"],
    "c": ["1.5", "1.500", "1.495", "1", "1.5e0", "0.1e0", "1000", "-1000", "99999999999999999999", "0.1D"],
    "s": ["'abc'", "''", "'a\\nc'", "\"ABC\"", "'日'", "'b'", "NULL"],
    "b": ["TRUE", "FALSE", "NULL"],
    "y": ["'2013-01-01'", "DATE '2013-01-01'", "'2013-01-01 12:00:00'", "TIMESTAMP '2013-01-01 12:00:00'", "'2013'"],
    "t": ["'2013-01-01 10:00:00'", "DATE '1970-01-02'", "'1970-01-01'", "TIMESTAMP '2013-01-01 12:00:00+02:00'",
          "'1969-12-31 23:59:59.999999'", "'2013-01-01T10:00:00.0000019Z'"],
    "n": ["'2013-01-01 10:00:00'", "DATE '1970-01-02'", "TIMESTAMP_NTZ '2013-01-01 10:00:00.000001'"],
}  # fmt: skip
_COLUMN_PAIRS = [
    "i l",
    "l i",
    "i d",
    "l d",
    "d d2",
    "f d",
    "f l",
    "i c",
    "l c",
    "s s2",
    "y t",
    "t n",
    "y n",
    "t y",
    "b b",
]
_OTHERS = [
    "i IN (1, 5)", "i IN (1, NULL)", "i NOT IN (1, NULL)", "i NOT IN (1, 5)", "i IN (NULL)", "i IN (1.0, 2.5)",
    "i IN (1, 2147483648)", "l IN (9007199254740993, 1e0)", "l IN (9007199254740993, 1)", "f IN (0.1, 3)",
    "d IN (0, 0.1)", "d NOT IN (0.0)", "d IN (-0.0)", "c IN (1.5, 0.1)", "c IN (1.5, 0.1e0)", "c IN (1.495, 2)",
    "s IN ('abc', '')", "s NOT IN ('abc', NULL)", "b IN (TRUE)", "b IN (TRUE, NULL)",
    "y IN ('2013-01-01', DATE '1970-01-01')",
    "t IN ('2013-01-01 10:00:00', TIMESTAMP '1970-01-01')", "y IN (TIMESTAMP '2013-01-01 00:00:01', DATE '2013-01-01')",
    "i BETWEEN 1 AND 5", "i NOT BETWEEN 1 AND 5", "i BETWEEN NULL AND 1", "NOT (i BETWEEN 1.5 AND NULL)",
    "3 BETWEEN i AND l", "d BETWEEN 0 AND 1e308", "s BETWEEN 'a' AND 'b'", "d BETWEEN d2 AND d2",
    "i IS NULL", "i IS NOT NULL", "NOT i IS NULL", "d IS NULL", "b", "NOT b", "b AND i = 1", "b OR i = 1", "b AND NULL",
    "b OR NULL", "NOT (b AND NULL)", "TRUE", "FALSE", "NULL", "NOT NULL", "i = 1 OR i IS NULL", "NOT (i = 1 OR d > 5)",
    "NOT (d > 5)", "NOT (d <= 5)", "5 < d", "5 >= d", "NOT (s < 'b' AND i > 0)", "(i = 1 OR s = 'abc') AND NOT b",
    "s LIKE 'a%'", "s LIKE 'a_c'", r"s LIKE 'a\_c'", r"s LIKE 'a\%c'", "s LIKE 'a!%c' ESCAPE '!'", "s NOT LIKE 'a%'",
    "s LIKE '%'", "s LIKE ''", "s LIKE '__'", "s LIKE 'a%c'", "NOT s LIKE 'a_c'", "s LIKE NULL", "s NOT LIKE NULL",
    "s LIKE '%.%'", "s LIKE 'A%'", r"s LIKE r'a\_c'", "s NOT LIKE 'a!_c' ESCAPE '!'", "s LIKE '%\\n%'", "s LIKE '日_'",
    "NOT NOT b", "not (not (i = NULL))", "i = 1 AND i = 1 AND b", "t > y", "1 = i", "1.5 > i", "'abc' <= s",
    "i = 1S", "i = 1Y", "c = 1.5D", "c >= 1.49", "-1 = l", "l = -9223372036854775808",
]  # fmt: skip
GRID = (
    [f"{column} {op} {literal}" for column, all_ in _LITERALS.items() for literal in all_ for op in _OPERATORS]
    + [f" {op} ".join(pair.split()) for pair in _COLUMN_PAIRS for op in _OPERATORS]
    + _OTHERS
)


@pytest.mark.spark
def test_every_expression_has_sparks_answer(spark: Any, tmp_path: Any) -> None:
    """A filter is true, false or unknown for exactly the rows for which Spark says so."""
    path = str(tmp_path / "grid.parquet")
    numbered = TABLE.append_column("row", pa.array(range(TABLE.num_rows)))
    pq.write_table(numbered, path, coerce_timestamps="us")
    wrong = []
    for start in range(0, len(GRID), 100):
        chunk = GRID[start : start + 100]
        selected = [f"({sql}) AS e{number}" for number, sql in enumerate(chunk)]
        rows = spark.read.parquet(path).orderBy("row").selectExpr(*selected).collect()
        for number, sql in enumerate(chunk):
            expected = [row[number] for row in rows]
            if truth(sql) != expected:
                wrong.append((sql, truth(sql), expected))
    assert wrong == []


#: What DuckDB reads and means as Spark does: no string escapes, no doubles written 1e0, no casts of strings.
_DUCKDB = [
    f"{column} {op} {literal}"
    for column, literals in {
        "i": ["5", "1.5", "2147483648", "NULL"],
        "l": [str(BIG), "0.5", "9223372036854775807"],
        "c": ["1.5", "1", "1000", "1.495"],
        "s": ["'abc'", "''", "'日'"],
        "b": ["TRUE", "NULL"],
        "d": ["0", "5"],
        "y": ["DATE '2013-01-01'"],
    }.items()
    for literal in literals
    for op in _OPERATORS
] + [
    sql
    for sql in _OTHERS
    if "\\" not in sql and not any(word in sql for word in ("e0", "f IN", "NTZ", "1S", "1Y", "5D", "y IN", "t IN"))
]


def test_duckdb_agrees_where_it_means_the_same() -> None:
    """A second engine, with its own null logic and the same order of NaN, gives the same answers."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.register("numbered", TABLE.append_column("row", pa.array(range(TABLE.num_rows))))
    for sql in _DUCKDB:
        expected = [row[0] for row in database.execute(f"SELECT ({sql}) FROM numbered ORDER BY row").fetchall()]
        assert truth(sql) == expected, sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("d > 5", [True, False, None, False, False, True, False, True]),
        ("d >= 5", [True, False, None, False, False, True, False, True]),
        ("NOT d > 5", [False, True, None, True, True, False, True, False]),
        ("d < 5", [False, True, None, True, True, False, True, False]),
        ("d = d2", [True, False, None, True, False, True, True, True]),
        ("d > d2", [False, False, None, False, False, False, False, False]),
        ("d < d2", [False, True, None, False, True, False, False, False]),
        ("d2 < d", [False, False, None, False, False, False, False, False]),
        ("d <= d2", [True, True, None, True, True, True, True, True]),
        ("d2 <= d", [True, False, None, True, False, True, True, True]),
        ("d2 > d", [False, True, None, False, True, False, False, False]),
        ("d = 0", [False, False, None, True, False, False, True, False]),
        ("d IN (0.0)", [False, False, None, True, False, False, True, False]),
        ("d IN (-0.0)", [False, False, None, True, False, False, True, False]),
    ],
)
def test_nan_is_greatest_and_zeros_are_equal(sql: str, expected: list[bool | None]) -> None:
    """NaN equals itself and exceeds everything, -0.0 equals 0.0, in lists too."""
    assert truth(sql) == expected


@pytest.mark.parametrize("operator", ["=", "<", "<=", ">", ">=", "<>"])
def test_nan_against_null_is_unknown(operator: str) -> None:
    """Either way round: no order of NaN makes a comparison with NULL true or false."""
    rows = pa.table({"d": pa.array([NAN, None, NAN]), "e": pa.array([None, NAN, NAN], pa.float64())})
    assert truth(f"d {operator} e", rows)[:2] == [None, None]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("i IN (1, NULL)", [True, None, None, None, None, None, None, None]),
        ("i NOT IN (1, NULL)", [False, None, None, None, None, None, None, None]),
        ("i NOT IN (1)", [False, True, None, True, True, True, True, True]),
        ("i < 3000000000", [True, True, None, True, True, True, True, True]),
        ("NOT i < 3000000000", [False, False, None, False, False, False, False, False]),
        ("i > -3000000000", [True, True, None, True, True, True, True, True]),
        ("NOT i > -3000000000", [False, False, None, False, False, False, False, False]),
        ("i = 1.5", [False, False, None, False, False, False, False, False]),
        ("i = 1.5 OR TRUE", [True] * 8),
        ("i <> i AND FALSE", [False] * 8),
        ("s NOT LIKE 'a%'", [False, False, None, True, False, True, False, True]),
    ],
)
def test_unknown_stays_unknown(sql: str, expected: list[bool | None]) -> None:
    """Null makes a comparison unknown, also where the answer is the same for every value, and NOT keeps it unknown."""
    assert truth(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (f"l = {BIG}", [True] + [False] * 7),
        (f"l = {BIG - 1}e0", [True] + [False] * 6 + [True]),
        (f"l < {BIG - 1}.5", [False, True, False, True, True, True, True]),
        ("c = 1.5e0", [True] + [False] * 7),
        ("c = 0.1D", [False] * 6 + [True, False]),
        ("f = 0.1", [False] * 8),
        ("f = 0.1F", [True] + [False] * 7),
    ],
)
def test_numbers_meet_exactly_and_doubles_as_spark_rounds_them(sql: str, expected: list[bool]) -> None:
    """Integers beyond 2**53 and decimals are not rounded, unless a DOUBLE literal makes Spark round them."""
    answers = [answer for answer in truth(sql) if answer is not None]
    assert answers == [answer for number, answer in enumerate(expected) if len(expected) == 7 or number != 2]


def test_a_long_list_and_a_long_chain_do_not_nest() -> None:
    """Thousands of values or terms are no deep tree, neither for the parser nor for Arrow."""
    chain = " OR ".join(f"i = {number}" for number in range(2000))
    listed = f"i IN ({', '.join(map(str, range(20000)))})"
    assert truth(chain) == truth(listed) == [True, True, None, False, False, True, True, True]


@pytest.mark.parametrize("string", [pa.string(), pa.large_string()])
def test_either_string_type_is_filtered(string: pa.DataType) -> None:
    """Equality, lists, order and LIKE work on string and large_string."""
    table = pa.table({"s": pa.array(["a", "b", None], string)})
    assert truth("s = 'a'", table) == [True, False, None]
    assert truth("s IN ('b')", table) == [False, True, None]
    assert truth("s LIKE '_' AND s > 'a'", table) == [False, True, None]
