"""Which top-level column a Parquet column belongs to."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.parquet.leaves import roots, with_leaves
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


def test_leaves_are_changed_in_the_files_order() -> None:
    """Names, nullability and metadata stay, at every depth; so does a schema whose leaves do."""
    schema = SCHEMA.append(pa.field("must", pa.struct([pa.field("x", pa.int8(), nullable=False)]), nullable=False))
    assert with_leaves(schema, lambda leaf: leaf).equals(schema, check_metadata=True)
    numbers = iter(range(20))
    found = with_leaves(schema.with_metadata({"a": "b"}), lambda leaf: pa.binary(next(numbers) + 1))
    assert found.metadata == {b"a": b"b"}
    assert found.field("a").type.field("c").type.value_type.field("e").type == pa.binary(4)
    assert found.field("m").type == pa.map_(pa.binary(5), pa.list_(pa.binary(6)))
    assert found.field("l").type == pa.large_list(pa.binary(7))
    assert found.field("f").type == pa.list_(pa.binary(8), 2)
    assert found.field("must").type.field("x") == pa.field("x", pa.binary(10), nullable=False)
    assert next(numbers) == len(roots(schema))
