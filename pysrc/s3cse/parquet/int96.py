"""INT96, Spark's old timestamp: an instant, which pyarrow takes for a time without a zone."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pat

INSTANT = pa.timestamp("us", tz="UTC")


def arrow_schema(file: pq.ParquetFile) -> pa.Schema:
    """Return a file's Arrow schema, in which INT96 columns, nested ones too, are instants in UTC."""
    schema = file.schema_arrow
    leaves = [file.schema.column(index).physical_type == "INT96" for index in range(len(file.schema))]
    if not any(leaves):
        return schema
    # Parquet's columns are the leaves of Arrow's types, in the same order, however writers call lists and maps.
    old = iter(leaves)
    return pa.schema([_field(field, old) for field in schema], metadata=schema.metadata)


def _field(field: pa.Field, old: Iterator[bool]) -> pa.Field:
    return field.with_type(_type(field.type, old))


def _type(arrow_type: pa.DataType, old: Iterator[bool]) -> pa.DataType:
    if pat.is_struct(arrow_type):
        return pa.struct([_field(field, old) for field in arrow_type])
    if pat.is_map(arrow_type):
        key = _field(arrow_type.key_field, old)
        return pa.map_(key, _field(arrow_type.item_field, old))
    if pat.is_list(arrow_type) or pat.is_large_list(arrow_type):
        values = _field(arrow_type.value_field, old)
        return pa.large_list(values) if pat.is_large_list(arrow_type) else pa.list_(values)
    if pat.is_fixed_size_list(arrow_type):
        return pa.list_(_field(arrow_type.value_field, old), arrow_type.list_size)
    return INSTANT if next(old) else arrow_type
