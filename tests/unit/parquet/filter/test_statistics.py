"""Reading statistics from Parquet footers and partition values."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3cse.parquet.filter.pruning import ColumnStats
from s3cse.parquet.filter.statistics import group_stats, partition_stats
from s3cse.parquet.filter.values import Kind

DAY = 86400 * 10**9


def footer(table: pa.Table, **options: Any) -> pq.FileMetaData:
    """Write a table and return its footer."""
    target = io.BytesIO()
    pq.write_table(table, target, **options)
    return pq.ParquetFile(target).metadata


def stats_of(array: pa.Array, **options: Any) -> ColumnStats:
    """Return what a file of one column says about it."""
    return group_stats(footer(pa.table({"c": array}), **options), 0, ["c"])["c"]


@pytest.mark.parametrize(
    ("array", "kind", "low", "high"),
    [
        (pa.array([3, 1, None], pa.int8()), Kind.NUMBER, 1, 3),
        (pa.array([-(2**63), 2**63 - 1, None], pa.int64()), Kind.NUMBER, -(2**63), 2**63 - 1),
        (pa.array([1, 200, None], pa.uint8()), Kind.NUMBER, 1, 200),
        (pa.array([1, 2**32 - 1, None], pa.uint32()), Kind.NUMBER, 1, 2**32 - 1),
        (pa.array([1, 2**64 - 1, None], pa.uint64()), Kind.NUMBER, 1, 2**64 - 1),
        (pa.array([Decimal("-1.50"), Decimal("2.25"), None]), Kind.NUMBER, Fraction("-1.5"), Fraction("2.25")),
        (pa.array([Decimal(-(10**37)), Decimal(10**37), None], pa.decimal128(38, 0)), Kind.NUMBER, -(10**37), 10**37),
        (pa.array([0.5, -1.0, None], pa.float32()), Kind.FLOAT, -1.0, 0.5),
        (pa.array([float("nan"), 1.0, None]), Kind.FLOAT, 1.0, 1.0),
        (pa.array(["b", "é", None]), Kind.BYTES, b"b", "é".encode()),
        (pa.array([b"\x80", b"\x01", None], pa.binary()), Kind.BYTES, b"\x01", b"\x80"),
        (pa.array([True, False, None]), Kind.BOOLEAN, False, True),
        (pa.array([dt.date(1970, 1, 2), dt.date(1969, 12, 31), None]), Kind.TIME, -DAY, DAY),
        (pa.array([1, -1, None], pa.timestamp("ms")), Kind.TIME, -(10**6), 10**6),
        (pa.array([1, -1, None], pa.timestamp("us", "UTC")), Kind.TIME, -(10**3), 10**3),
        (pa.array([1, -1, None], pa.timestamp("ns")), Kind.TIME, -1, 1),
        (pa.array(["a", "b", None]).dictionary_encode(), Kind.BYTES, b"a", b"b"),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_bounds_are_exact_values(array: pa.Array, kind: Kind, low: object, high: object) -> None:
    """Every comparable type's bounds and null count are read, whatever integers they are stored as."""
    assert stats_of(array) == ColumnStats(kind, low, high, 3, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["1.0", "2.4", "2.6"])
def test_short_decimals_stored_as_integers(version: str) -> None:
    """A decimal stored as int32 or int64 has the same bounds as one stored as bytes."""
    array = pa.array([Decimal("-1.50"), Decimal("2.25"), None])
    expected = ColumnStats(Kind.NUMBER, Fraction("-1.5"), Fraction("2.25"), 3, 1)
    assert stats_of(array, store_decimal_as_integer=True, version=version) == expected


@pytest.mark.parametrize(
    "array",
    [
        pa.array([float("nan"), float("nan"), None]),
        pa.array([1, 2, None], pa.time64("us")),
        pa.array([1.0, 2.0, None], pa.float32()).cast(pa.float16()),
        pa.array([None, None, 1], pa.duration("us")).cast(pa.int64()).cast(pa.time64("us")),
    ],
    ids=lambda array: str(array.type),
)
def test_types_without_a_trusted_order_have_no_bounds(array: pa.Array) -> None:
    """Columns whose order is undefined, or that hold NaN only, keep their null count and nothing else."""
    found = stats_of(array)
    assert (found.low, found.high, found.rows, found.nulls) == (None, None, 3, array.null_count)


def test_int96_has_no_bounds() -> None:
    """The old timestamps' order is undefined: whatever a writer stored is not used."""
    found = stats_of(pa.array([1, 2, None], pa.timestamp("us")), use_deprecated_int96_timestamps=True)
    assert (found.low, found.high, found.rows) == (None, None, 3)


def test_without_statistics_only_the_rows_are_known() -> None:
    """A writer that stores none leaves the number of rows; a required column has no nulls."""
    assert stats_of(pa.array([1, 2]), write_statistics=False) == ColumnStats(rows=2)
    required = pa.table({"c": [1, 2]}, schema=pa.schema([pa.field("c", pa.int64(), nullable=False)]))
    assert group_stats(footer(required, write_statistics=False), 0, ["c"])["c"] == ColumnStats(rows=2, nulls=0)


def test_a_missing_column_is_all_null_and_a_nested_one_unknown() -> None:
    """Names are found whatever their case; structs, lists and ambiguous names say nothing."""
    table = pa.table({"Ab": [1], "s": [{"x": 1}], "l": [[1]], "d": [1], "D": [2], "p.q": [1]})
    found = group_stats(footer(table), 0, ["aB", "s", "l", "d", "gone", "p.q", "p", "x"])
    assert found["aB"] == ColumnStats(Kind.NUMBER, 1, 1, 1, 0)
    assert found["p.q"] == ColumnStats(Kind.NUMBER, 1, 1, 1, 0)
    assert found["s"] == found["l"] == found["d"] == found["p"] == ColumnStats()
    assert found["gone"] == found["x"] == ColumnStats(rows=1, nulls=1)


def test_each_row_group_has_its_own() -> None:
    """Statistics are those of the row group asked for."""
    metadata = footer(pa.table({"c": [1, 2, 3, 4]}), row_group_size=2)
    assert [group_stats(metadata, number, ["c"])["c"].low for number in (0, 1)] == [1, 3]


class _Chunk(SimpleNamespace):
    """A footer as an other writer would leave it; only what group_stats reads."""


def _foreign(low: bytes, high: bytes, created_by: str | None, physical: str = "BYTE_ARRAY") -> ColumnStats:
    statistics = _Chunk(has_null_count=True, null_count=0, has_min_max=True, min_raw=low, max_raw=high)
    chunk = _Chunk(is_stats_set=True, statistics=statistics)
    logical = '{"Type": "Decimal", "scale": 0, "precision": 9}' if physical != "BYTE_ARRAY" else '{"Type": "String"}'
    column = _Chunk(path="c", name="c", max_repetition_level=0, max_definition_level=1, physical_type=physical,
                    logical_type=_Chunk(to_json=lambda: logical))  # fmt: skip
    group = _Chunk(num_rows=5, column=lambda _: chunk)
    schema = _Chunk(column=lambda _: column)
    metadata = _Chunk(num_columns=1, row_group=lambda _: group, schema=schema, created_by=created_by)
    return group_stats(metadata, 0, ["c"])["c"]


@pytest.mark.parametrize(
    ("created_by", "trusted"),
    [
        ("parquet-mr version 1.8.1 (build abc)", False),
        ("parquet-mr version 1.9.0", False),
        ("parquet-mr", True),
        ("parquet-mr version 1.10.0 (build x)", True),
        ("parquet-mr version 1.13.1", True),
        ("parquet-cpp-arrow version 9.0.0", True),
        (None, True),
    ],
)
@pytest.mark.parametrize("physical", ["BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"])
def test_bounds_by_signed_bytes_are_not_used(created_by: str | None, trusted: bool, physical: str) -> None:
    """Old parquet-mr compared byte arrays as signed bytes: its bounds are dropped, its null counts are not."""
    found = _foreign(b"\x01", b"\x02", created_by, physical)
    assert (found.low is not None) is trusted
    assert (found.rows, found.nulls) == (5, 0)


def test_bounds_cut_inside_a_character_still_bound() -> None:
    """Bounds that a writer cut short need not be UTF-8."""
    found = _foreign("é".encode()[:1], b"\xc4", "parquet-rs version 50.0.0")
    assert (found.low, found.high) == (b"\xc3", b"\xc4")


def test_bounds_in_the_wrong_order_are_not_used() -> None:
    """A minimum above the maximum says nothing."""
    assert _foreign(b"\x02", b"\x01", None) == ColumnStats(rows=5, nulls=0)


def test_partitions_are_one_value_or_null() -> None:
    """Every row of a partition has its value, so both bounds are it and NaN is excluded."""
    schema = pa.schema(
        [("a", pa.int32()), ("b", pa.string()), ("c", pa.date32()), ("d", pa.float64()), ("e", pa.float64())]
    )
    found = partition_stats(schema, (1, None, dt.date(1970, 1, 2), 1.5, float("nan")))
    assert found["a"] == ColumnStats(Kind.NUMBER, 1, 1, 1, 0, may_hold_nan=False)
    assert found["b"] == ColumnStats(rows=1, nulls=1)
    assert found["c"] == ColumnStats(Kind.TIME, DAY, DAY, 1, 0, may_hold_nan=False)
    assert found["d"] == ColumnStats(Kind.FLOAT, 1.5, 1.5, 1, 0, may_hold_nan=False)
    assert found["e"] == ColumnStats(rows=1, nulls=0)
