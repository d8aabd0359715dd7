"""Parquet's columns are the leaves of the table's columns, in the same order, however writers call lists and maps.

A leaf's own path does not tell which it belongs to: a top-level column may have dots in its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.types as pat


def roots(schema: pa.Schema) -> list[str]:
    """Return the name of the top-level column of each Parquet column, in the file's order."""
    return [field.name for field in schema for _ in range(_count(field.type))]


def with_leaves(schema: pa.Schema, change: Callable[[pa.DataType], pa.DataType]) -> pa.Schema:
    """Return a schema with other types of its Parquet columns; ``change`` is called for each, in the file's order."""
    return pa.schema([_changed(field, change) for field in schema], metadata=schema.metadata)


def _children(arrow_type: pa.DataType) -> Sequence[pa.Field]:
    """Return the fields that a type is made of; a leaf has none."""
    if pat.is_struct(arrow_type):
        return list(arrow_type)
    if pat.is_map(arrow_type):
        return arrow_type.key_field, arrow_type.item_field
    if pat.is_list(arrow_type) or pat.is_large_list(arrow_type) or pat.is_fixed_size_list(arrow_type):
        return (arrow_type.value_field,)
    return ()


def _count(arrow_type: pa.DataType) -> int:
    children = _children(arrow_type)
    is_leaf = not children and not pat.is_struct(arrow_type)
    return 1 if is_leaf else sum(_count(child.type) for child in children)


def _changed(field: pa.Field, change: Callable[[pa.DataType], pa.DataType]) -> pa.Field:
    old = field.type
    children = [_changed(child, change) for child in _children(old)]
    if pat.is_struct(old):
        return field.with_type(pa.struct(children))
    if pat.is_map(old):
        return field.with_type(pa.map_(*children))
    if pat.is_large_list(old):
        return field.with_type(pa.large_list(*children))
    if pat.is_fixed_size_list(old):
        return field.with_type(pa.list_(*children, old.list_size))
    return field.with_type(pa.list_(*children) if children else change(old))
