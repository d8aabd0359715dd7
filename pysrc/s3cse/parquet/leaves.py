"""Parquet's columns are the leaves of the table's columns; which belongs to which.

A leaf's own path does not tell: a top-level column may have dots in its name.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.types as pat


def roots(schema: pa.Schema) -> list[str]:
    """Return the name of the top-level column of each Parquet column, in the file's order."""
    return [field.name for field in schema for _ in range(_count(field.type))]


def _count(arrow_type: pa.DataType) -> int:
    if pat.is_struct(arrow_type):
        return sum(_count(field.type) for field in arrow_type)
    if pat.is_map(arrow_type):
        return _count(arrow_type.key_type) + _count(arrow_type.item_type)
    if pat.is_list(arrow_type) or pat.is_large_list(arrow_type) or pat.is_fixed_size_list(arrow_type):
        return _count(arrow_type.value_type)
    return 1
