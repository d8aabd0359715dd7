"""INT96 columns are instants, at every depth; other timestamps stay what they are."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.parquet.int96 import INSTANT, arrow_schema
from spark.fakes import parquet

LOCAL = pa.timestamp("us")
NESTED = pa.schema(
    [
        ("at", LOCAL),
        ("n", pa.int32()),
        ("list", pa.list_(pa.field("element", LOCAL))),
        ("map", pa.map_(pa.string(), pa.struct([("a", pa.int8()), ("b", LOCAL)]))),
        ("deep", pa.struct([("x", pa.list_(pa.field("element", pa.list_(pa.field("element", LOCAL)))))])),
        ("last", pa.string()),
    ]
)


def schema_of(rows: pa.Table, **writing: object) -> pa.Schema:
    """Return what a file with these rows is read as."""
    return arrow_schema(pq.ParquetFile(pa.BufferReader(parquet(rows, store_schema=False, **writing))))


def test_instants_at_every_depth() -> None:
    """As Spark writes them by default, in lists, maps and structs too."""
    found = schema_of(NESTED.empty_table(), use_deprecated_int96_timestamps=True)
    assert found.field("at").type == INSTANT
    assert found.field("list").type.value_type == INSTANT
    assert found.field("map").type.item_type.field("b").type == INSTANT
    assert found.field("map").type.item_type.field("a").type == pa.int8()
    assert found.field("deep").type.field("x").type.value_type.value_type == INSTANT
    assert found.field("n").type == pa.int32()
    assert found.field("last").type == pa.string()


def test_times_without_a_zone_stay() -> None:
    """A file without INT96 keeps its schema."""
    rows = NESTED.empty_table()
    assert schema_of(rows).field("at").type == LOCAL
    assert schema_of(rows).field("list").type.value_type == LOCAL
