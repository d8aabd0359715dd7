"""Filtering after pruning is filtering, whatever the rows, the row groups and the expression."""

from __future__ import annotations

import io
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as some

from s3cse.parquet.filter.binding import bind
from s3cse.parquet.filter.expression import Expression
from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.filter.pruning import may_match
from s3cse.parquet.filter.row_filter import predicate_to_arrow
from s3cse.parquet.filter.statistics import group_stats, partition_stats

INTS = [0, 1, -1, 2, 2**31 - 1, -(2**31)]
LONGS = [*INTS, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
DOUBLES = [0.0, -0.0, 1.0, -1.5, 0.1, math.nan, math.inf, -math.inf, 2.0**53, 5e-324]
DECIMALS = [Decimal("0.00"), Decimal("-0.01"), Decimal("1.50"), Decimal("9999999.99")]
TEXTS = ["", "a", "ab", "b", "é", "日", "😀", "a%", "a\nb", "\x7f"]
DAYS = [0, 1, -1, 15706, 2932896]
MICROS = [0, 1, -1, 86_400_000_000, 1357034400000001]

#: Column: the file's type, the table's type, values, and literals to compare with.
COLUMNS: dict[str, tuple[Any, Any, list[Any], list[str]]] = {
    "i": (pa.int32(), pa.int32(), INTS, ["0", "1", "1.5", "-1e0", "3000000000", "2147483647"]),
    "l": (pa.int64(), pa.int64(), LONGS, ["0", "9007199254740993", "9007199254740992e0", "0.5", "1e30"]),
    "u": (pa.uint32(), pa.int64(), [0, 1, 2**31, 2**32 - 1], ["0", "1", "2147483648", "-1", "4294967295e0"]),
    "w": (pa.int16(), pa.int64(), [0, 1, -1, 32767], ["0", "0.5", "32767", "40000"]),
    "f": (pa.float32(), pa.float32(), [*DOUBLES[:-1], 3.0], ["0", "0.1", "0.1F", "5", "-1.5", "3"]),
    "d": (pa.float64(), pa.float64(), DOUBLES, ["0", "-0.0", "0.1", "5", "1e308", "9007199254740993"]),
    "c": (pa.decimal128(9, 2), pa.decimal128(11, 3), DECIMALS, ["0", "1.5", "1.505", "1.5e0", "-0.01", "1e9"]),
    "s": (pa.string(), pa.string(), TEXTS, ["''", "'a'", "'ab'", "'é'", "'b'", "'😀'"]),
    "b": (pa.bool_(), pa.bool_(), [True, False], ["TRUE", "FALSE"]),
    "y": (pa.date32(), pa.date32(), DAYS, ["'1970-01-01'", "DATE '2013-01-01'", "TIMESTAMP '1970-01-01 12:00:00'"]),
    "t": (pa.timestamp("us", "UTC"), pa.timestamp("us", "UTC"), MICROS, ["'1970-01-01'", "DATE '1970-01-02'"]),
    "m": (pa.timestamp("ms"), pa.timestamp("us"), [0, 1, -1, 86400000], ["'1970-01-01 00:00:00.001'", "'1970-01-02'"]),
}  # fmt: skip
PARTITION = pa.schema([("p", pa.int32()), ("q", pa.string()), ("r", pa.float64())])
PARTITION_VALUES = ([None, 0, 1, 5], [None, "a", "é"], [None, 0.0, -0.0, 1.5, math.nan, math.inf])
PARTITION_LITERALS = {"p": ["0", "1.5", "5"], "q": ["'a'", "'é'"], "r": ["0", "1.5", "7"]}
GONE = pa.schema([("gone", pa.int64())])
LITERALS = {name: literals for name, (_, _, _, literals) in COLUMNS.items()} | PARTITION_LITERALS | {"gone": ["1"]}
STORED = pa.schema([(name, stored) for name, (stored, _, _, _) in COLUMNS.items()])
WIDE = pa.schema([*((name, target) for name, (_, target, _, _) in COLUMNS.items()), *PARTITION, *GONE])
PATTERNS = ["'a%'", "'%'", "''", "'_'", "'é%'", "'a!%' ESCAPE '!'", "'%b'", "'c%'"]
PAIRS = ["i < l", "l = u", "d >= f", "f = d", "y <= t", "p = i", "r > d", "q = s", "gone = i", "i <= c", "t < m"]


def _leaf() -> some.SearchStrategy[str]:
    names = some.sampled_from(sorted(LITERALS))
    operators = some.sampled_from(["=", "<>", "<", "<=", ">", ">="])

    def compare(name: str) -> some.SearchStrategy[str]:
        literal = some.sampled_from([*LITERALS[name], "NULL"])
        listed = some.lists(literal, min_size=1, max_size=3).map(", ".join)
        return some.one_of(
            some.tuples(operators, literal).map(lambda each: f"{name} {each[0]} {each[1]}"),
            listed.map(lambda values: f"{name} IN ({values})"),
            listed.map(lambda values: f"{name} NOT IN ({values})"),
            some.tuples(literal, literal).map(lambda each: f"{name} BETWEEN {each[0]} AND {each[1]}"),
            some.sampled_from([f"{name} IS NULL", f"{name} IS NOT NULL"]),
        )

    likes = some.sampled_from(PATTERNS).map(lambda pattern: f"s LIKE {pattern}")
    others = some.sampled_from(["b", "TRUE", "NULL", "FALSE", *PAIRS])
    return names.flatmap(compare) | likes | others


def _joined(parts: some.SearchStrategy[str]) -> some.SearchStrategy[str]:
    return some.one_of(
        parts.map(lambda part: f"NOT ({part})"),
        some.tuples(parts, parts).map(lambda pair: f"({pair[0]}) AND ({pair[1]})"),
        some.tuples(parts, parts).map(lambda pair: f"({pair[0]}) OR ({pair[1]})"),
    )


EXPRESSIONS = some.recursive(_leaf(), _joined, max_leaves=6)


@some.composite
def tables(draw: some.DrawFn) -> pa.Table:
    """Rows of the file's types; few distinct values, so that row groups often have narrow bounds."""
    rows = draw(some.integers(0, 12))
    columns = []
    for stored, _, values, _ in COLUMNS.values():
        known = draw(some.lists(some.sampled_from(values), min_size=1, max_size=3))
        picked = draw(some.lists(some.sampled_from([None, *known]), min_size=rows, max_size=rows))
        columns.append(pa.array(picked, stored))
    return pa.table(columns, schema=STORED)


def _wide(rows: pa.Table, partition: tuple[Any, ...]) -> pa.Table:
    """Return rows in the table's schema: cast, with partition columns, and null for what the file lacks."""
    columns = [rows.column(name).cast(target) for name, (_, target, _, _) in COLUMNS.items()]
    columns += [
        pa.array([value] * rows.num_rows, field.type) for field, value in zip(PARTITION, partition, strict=True)
    ]
    return pa.table([*columns, pa.nulls(rows.num_rows, pa.int64())], schema=WIDE)


def _kept(expression: Expression, rows: pa.Table) -> list[str]:
    passed = rows.filter(predicate_to_arrow(bind(expression, WIDE)))
    return [repr(row) for row in passed.to_pylist()]


@settings(max_examples=400, deadline=None)
@given(tables(), EXPRESSIONS, some.integers(1, 4), some.tuples(*map(some.sampled_from, PARTITION_VALUES)))
def test_pruning_loses_no_row(table: pa.Table, sql: str, group_rows: int, partition: tuple[Any, ...]) -> None:
    """The rows that pass in row groups that may match are all the rows that pass, row by row and over all."""
    target = io.BytesIO()
    pq.write_table(table, target, row_group_size=group_rows)
    file = pq.ParquetFile(target)
    expression = parse_filter(sql)
    predicate = bind(expression, WIDE)
    alone = partition_stats(PARTITION, partition)
    found: list[str] = []
    for number in range(file.metadata.num_row_groups):
        stats = group_stats(file.metadata, number, [*STORED.names, *GONE.names]) | alone
        rows = _wide(file.read_row_group(number), partition)
        if may_match(predicate, stats):
            assert may_match(predicate, alone)
            found += _kept(expression, rows)
        else:
            assert _kept(expression, rows) == []
    assert found == _kept(expression, _wide(table, partition))


@settings(max_examples=200, deadline=None)
@given(tables(), EXPRESSIONS)
def test_not_is_the_other_rows_and_never_the_unknown_ones(table: pa.Table, sql: str) -> None:
    """A row passes a filter, or its negation, or neither; a filter or its negation or unknown passes all."""
    rows = _wide(table, (1, "a", 1.5)).append_column("n", pa.array(range(table.num_rows), pa.int64()))
    condition = predicate_to_arrow(bind(parse_filter(sql), WIDE))
    negated = predicate_to_arrow(bind(parse_filter(f"NOT ({sql})"), WIDE))
    yes = set(rows.filter(condition).column("n").to_pylist())
    no = set(rows.filter(negated).column("n").to_pylist())
    unknown = set(rows.filter(condition.is_null()).column("n").to_pylist())
    assert yes | no | unknown == set(range(table.num_rows))
    assert len(yes) + len(no) + len(unknown) == table.num_rows
