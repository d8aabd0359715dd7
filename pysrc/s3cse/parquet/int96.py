"""INT96, Spark's old timestamp: an instant, which pyarrow takes for a time without a zone."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.parquet.leaves import with_leaves

INSTANT = pa.timestamp("us", tz="UTC")


def arrow_schema(file: pq.ParquetFile) -> pa.Schema:
    """Return a file's Arrow schema, in which INT96 columns, nested ones too, are instants in UTC."""
    schema = file.schema_arrow
    leaves = [file.schema.column(index).physical_type == "INT96" for index in range(len(file.schema))]
    if not any(leaves):
        return schema
    old = iter(leaves)
    return with_leaves(schema, lambda arrow_type: INSTANT if next(old) else arrow_type)
