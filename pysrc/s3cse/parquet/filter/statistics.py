"""What Parquet footers and partition values say about columns, as far as it can be trusted.

Bounds are read from their stored bytes by the column's logical type, because the Python values that pyarrow makes of
them round (nanoseconds) or fail (a string cut inside a character). Not trusted: INT96 and other types whose order is
undefined, NaN as a bound, bounds in the wrong order, bounds of byte arrays by parquet-mr before 1.10, which compared
signed bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pyarrow as pa

from s3cse.parquet.filter.pruning import ColumnStats
from s3cse.parquet.filter.values import NANOSECONDS, NANOSECONDS_PER_DAY, Kind, Value, exact_value, kind_of

_UNITS = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
_BITS = {"INT32": 32, "INT64": 64}
_BYTE_ARRAYS = ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
_FLOATS = ("FLOAT", "DOUBLE")
_OLD_PARQUET_MR = re.compile(r"parquet-mr (?:compatible )?(?:version )?(?:0|1\.\d)(?:\D|$)")


@dataclass(frozen=True, slots=True)
class _Stored:
    """How a column's stored numbers become exact values: ``value = number * step``."""

    kind: Kind
    step: Fraction = Fraction(1)
    unsigned_bits: int = 0

    def value(self, raw: Any) -> Value:
        """Return the exact value of a raw bound."""
        if self.kind in (Kind.FLOAT, Kind.BYTES, Kind.BOOLEAN):
            return raw  # type: ignore[no-any-return]
        number = int.from_bytes(raw, "big", signed=True) if isinstance(raw, bytes) else int(raw)
        if self.unsigned_bits:
            number %= 1 << self.unsigned_bits
        return number * self.step


def _stored_integer(physical: str, logical: Mapping[str, Any]) -> _Stored:
    if logical["Type"] == "Int" and not logical["isSigned"]:
        return _Stored(Kind.NUMBER, unsigned_bits=_BITS[physical])
    return _Stored(Kind.NUMBER)


def _stored(physical: str, logical: Mapping[str, Any]) -> _Stored | None:
    """Return how to read a column's bounds, None for types whose order or meaning is not certain."""
    name = logical["Type"]
    if name == "Decimal" and physical in (*_BITS, *_BYTE_ARRAYS):
        return _Stored(Kind.NUMBER, Fraction(1, 10 ** logical["scale"]))
    if name == "Date" and physical == "INT32":
        return _Stored(Kind.TIME, Fraction(NANOSECONDS_PER_DAY))
    if name == "Timestamp" and physical == "INT64":
        return _Stored(Kind.TIME, Fraction(NANOSECONDS[_UNITS[logical["timeUnit"]]]))
    if name in ("Int", "None") and physical in _BITS:
        return _stored_integer(physical, logical)
    if name == "None" and physical in (*_FLOATS, "BOOLEAN"):
        return _Stored(Kind.FLOAT if physical in _FLOATS else Kind.BOOLEAN)
    if name in ("String", "Enum", "JSON", "None") and physical == "BYTE_ARRAY":
        return _Stored(Kind.BYTES)
    return None


def _signed_bytes_order(column: Any, created_by: str | None) -> bool:
    return column.physical_type in _BYTE_ARRAYS and bool(_OLD_PARQUET_MR.match(created_by or ""))


def _trusted(low: Value, high: Value) -> bool:
    if isinstance(low, float) and isinstance(high, float) and (math.isnan(low) or math.isnan(high)):
        return False
    return low <= high  # type: ignore[operator]


def _column_stats(column: Any, chunk: Any, rows: int, created_by: str | None) -> ColumnStats:
    """Read one top-level column's statistics of one row group."""
    nulls = 0 if column.max_definition_level == 0 else None
    found = chunk.statistics if chunk.is_stats_set else None
    if found is None:
        return ColumnStats(rows=rows, nulls=nulls)
    if found.has_null_count and nulls is None:
        nulls = found.null_count
    stored = _stored(column.physical_type, json.loads(column.logical_type.to_json()))
    if stored is None or not found.has_min_max or _signed_bytes_order(column, created_by):
        return ColumnStats(rows=rows, nulls=nulls)
    low, high = stored.value(found.min_raw), stored.value(found.max_raw)
    if not _trusted(low, high):
        return ColumnStats(rows=rows, nulls=nulls)
    return ColumnStats(stored.kind, low, high, rows, nulls)


def _leaves(metadata: Any, name: str) -> list[int]:
    """Return the leaf columns that a column of the table is, or may hold; letter case is ignored."""
    folded = name.lower()
    paths = (metadata.schema.column(number).path.lower() for number in range(metadata.num_columns))
    return [number for number, path in enumerate(paths) if path == folded or path.startswith(f"{folded}.")]


def _is_flat(column: Any, name: str) -> bool:
    """Whether a leaf is the table's column itself: in a struct or list its path is longer than its own name."""
    return bool(column.path == column.name and column.name.lower() == name.lower() and not column.max_repetition_level)


def group_stats(metadata: Any, number: int, columns: Iterable[str]) -> dict[str, ColumnStats]:
    """Return what a footer says about some columns in one row group.

    Args:
        metadata: a :class:`pyarrow.parquet.FileMetaData`.
        number: the row group, from 0.
        columns: names as in the table's schema; partition columns left out.

    Returns:
        an entry per column: all null for a column that the file lacks, nothing known for nested ones.
    """
    group = metadata.row_group(number)
    result: dict[str, ColumnStats] = {}
    for name in columns:
        leaves = _leaves(metadata, name)
        column = metadata.schema.column(leaves[0]) if len(leaves) == 1 else None
        if not leaves:
            result[name] = ColumnStats(rows=group.num_rows, nulls=group.num_rows)
        elif column is not None and _is_flat(column, name):
            result[name] = _column_stats(column, group.column(leaves[0]), group.num_rows, metadata.created_by)
        else:
            result[name] = ColumnStats()
    return result


def partition_stats(schema: pa.Schema, values: Sequence[Any]) -> dict[str, ColumnStats]:
    """Return the statistics of partition columns: every row of the partition has the value.

    Args:
        schema: the partition columns.
        values: a Python value per column, in that order; None where the partition is the null partition.
    """
    return {
        field.name: _partition_column(pa.scalar(value, type=field.type))
        for field, value in zip(schema, values, strict=True)
    }


def _partition_column(scalar: pa.Scalar) -> ColumnStats:
    if not scalar.is_valid:
        return ColumnStats(rows=1, nulls=1)
    value = exact_value(scalar)
    if value is None or value != value:  # NaN has no place among bounds.
        return ColumnStats(rows=1, nulls=0)
    return ColumnStats(kind_of(scalar.type), value, value, rows=1, nulls=0, may_hold_nan=False)
