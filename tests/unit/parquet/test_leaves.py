"""Which top-level column a Parquet column belongs to."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.parquet.leaves import roots
from spark.fakes import parquet

SCHEMA = pa.schema(
    [
        ("a.b", pa.int32()),
        ("a", pa.struct([("b", pa.int8()), ("c", pa.list_(pa.struct([("d", pa.int8()), ("e", pa.string())])))])),
        ("m", pa.map_(pa.string(), pa.list_(pa.float64()))),
        ("l", pa.large_list(pa.string())),
        ("f", pa.list_(pa.int16(), 2)),
        ("last.one", pa.string()),
    ]
)


def test_every_leaf_has_its_column() -> None:
    """As many as the file has, in its order, whatever the names hold."""
    file = pq.ParquetFile(pa.BufferReader(parquet(SCHEMA.empty_table(), store_schema=True)))
    found = roots(file.schema_arrow)
    assert found == ["a.b", "a", "a", "a", "m", "m", "l", "f", "last.one"]
    assert len(found) == len(file.schema)
