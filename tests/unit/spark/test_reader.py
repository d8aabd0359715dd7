"""The reader, without Spark: schema, projection, splits, and what travels in them."""

from __future__ import annotations

import logging
import pickle

import pyarrow as pa
import pytest
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from s3cse.errors import SettingsError
from s3cse.parquet.table import list_table
from s3cse.spark import reader as reader_module
from s3cse.spark.options import Options, parse_options
from s3cse.spark.partitions import Split
from s3cse.spark.reader import TableReader, select, table_schema
from s3cse.spark.session import Session
from s3cse.spark.types import to_spark
from spark.fakes import Lake

MARKER = "marker-value-in-the-data"


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Two folders of three rows each, which every session of the reader reaches."""
    lake = Lake()
    for part in (1, 2):
        lake.put(f"Part={part}/f", pa.table({"x": [part * 10 + row for row in range(3)], "text": [MARKER] * 3}))
    monkeypatch.setattr(reader_module, "session_for", lambda options: Session(lake.store, lake.keyring))
    return lake


def options(**given: str) -> Options:
    """Return options for the lake's table."""
    return parse_options({"path": "s3://bucket/lake/table", "kmsKeyId": "k", **given}, {})


def rows(reader: TableReader) -> list[dict[str, object]]:
    """Read all splits, each after a trip through pickle, as Spark does."""
    found = []
    for split in reader.partitions():
        travelled = pickle.loads(pickle.dumps((reader, split)))
        for batch in travelled[0].read(travelled[1]):
            assert batch.schema.equals(reader._schema)
            found += batch.to_pylist()
    return found


ALL = StructType([StructField("x", LongType()), StructField("text", StringType()), StructField("Part", IntegerType())])


def test_schema_has_the_partition_columns_last(lake: Lake) -> None:
    """A table's columns are its files', then its folders'."""
    found = table_schema(options(), list_table(lake.store, lake.table))
    assert to_spark(found) == ALL


def test_folder_wins_over_a_column_of_the_same_name(lake: Lake) -> None:
    """A column that is also a folder is there once, in the folder's spelling, as in Spark."""
    lake.put("Part=3/f", pa.table({"part": [99], "x": [30], "text": ["t"]}))
    found = table_schema(options(), list_table(lake.store, lake.table))
    assert [name.lower() for name in found.names].count("part") == 1


def test_select_keeps_order_and_finds_any_case() -> None:
    """Named columns come in the order asked for, in the table's spelling."""
    schema = pa.schema([("a", pa.int64()), ("B", pa.string())])
    assert select(schema, ("b", "a")).names == ["B", "a"]
    assert select(schema, None) is schema


@pytest.mark.parametrize(("name", "problem"), [("c", "no such column"), ("bb", "ambiguous")])
def test_select_refuses_what_is_not_there(name: str, problem: str) -> None:
    """A column that is not there, or there twice but for case, is an error that lists what there is."""
    schema = pa.schema([("a", pa.int64()), ("bB", pa.int8()), ("Bb", pa.int8())])
    with pytest.raises(SettingsError, match=f"{problem}.*'{name}'.*a, bB, Bb"):
        select(schema, (name,))


def test_reads_all(lake: Lake) -> None:
    """Every row of every file comes once, with its folder's value."""
    found = rows(TableReader(options(), ALL))
    assert [(row["x"], row["Part"]) for row in found] == [(10, 1), (11, 1), (12, 1), (20, 2), (21, 2), (22, 2)]


def test_schema_is_a_projection(lake: Lake) -> None:
    """A schema with fewer columns in another order and letter case is what comes out."""
    schema = StructType([StructField("PART", IntegerType()), StructField("X", LongType())])
    assert rows(TableReader(options(), schema))[0] == {"PART": 1, "X": 10}


def test_schema_decides_the_type_of_a_folder(lake: Lake) -> None:
    """A partition column that the user declares as a string is a string, digits or not."""
    schema = StructType([StructField("Part", StringType())])
    assert {row["Part"] for row in rows(TableReader(options(), schema))} == {"1", "2"}


def test_filter_may_use_columns_that_are_not_read(lake: Lake) -> None:
    """A condition on columns outside the projection filters, and they do not come out."""
    schema = StructType([StructField("x", LongType())])
    assert rows(TableReader(options(filter="part = 2 AND TEXT IS NOT NULL AND x <> 21"), schema)) == [
        {"x": 20},
        {"x": 22},
    ]


@pytest.mark.parametrize("name", ["nope", "Part2"])
def test_column_that_does_not_exist(lake: Lake, name: str) -> None:
    """A schema that names a column the table does not have fails in the planner, with the columns there are."""
    with pytest.raises(SettingsError, match=f"'{name}'.*x, text, Part"):
        TableReader(options(), StructType([StructField(name, LongType())])).partitions()


def test_filter_with_an_unknown_column(lake: Lake) -> None:
    """A filter on a column that is not there fails in the planner."""
    with pytest.raises(SettingsError, match="nope"):
        TableReader(options(filter="nope = 1"), ALL).partitions()


def test_nothing_secret_travels(lake: Lake) -> None:
    """Neither the reader nor its splits hold a data key or a value of the data, though the planner opened a file."""
    reader = TableReader(options(), ALL)
    splits = reader.partitions()
    assert lake.keyring.unwraps
    assert all(isinstance(split, Split) for split in splits)
    travelling = pickle.dumps((reader, splits))
    for secret in (*lake.keyring.keys.values(), MARKER.encode()):
        assert secret not in travelling
    assert "table" not in repr(splits[0])


def test_known_schema_is_not_looked_up_again(lake: Lake) -> None:
    """What schema() found is used again: the planner opens no file for it a second time."""
    known = table_schema(options(), list_table(lake.store, lake.table))
    before = lake.keyring.unwraps
    TableReader(options(), ALL, known).partitions()
    assert lake.keyring.unwraps == before


def test_lax_integrity_is_said_aloud(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """Reading without verification is warned about when the scan is planned."""
    with caplog.at_level(logging.WARNING):
        TableReader(options(), ALL).partitions()
        assert not caplog.records
        TableReader(options(integrity="none"), ALL).partitions()
    assert "UNVERIFIED" in caplog.text
    assert "s3://bucket/lake/table" in caplog.text
