"""Planning a read, without Spark: schema, projection, splits, and what travels in them."""

from __future__ import annotations

import logging
import pickle

import pyarrow as pa
import pytest
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from s3cse.errors import SettingsError
from s3cse.options.table import Options, parse_options
from s3cse.spark import planning
from s3cse.spark.planning import ReadJob, Split, select, table_schema
from s3cse.spark.session import Session
from s3cse.spark.types import to_spark
from s3cse.storage.memory import MemoryStore
from spark.fakes import Lake

MARKER = "marker-value-in-the-data"


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Two folders of three rows each, which every session of a plan reaches."""
    lake = Lake()
    for part in (1, 2):
        lake.put(f"Part={part}/f", pa.table({"x": [part * 10 + row for row in range(3)], "text": [MARKER] * 3}))
    monkeypatch.setattr(planning, "session_for", lambda options: Session(lake.store, lake.keyring))
    return lake


def options(**given: str) -> Options:
    """Return options for the lake's table."""
    return parse_options({"path": "s3://bucket/lake/table", "kmsKeyId": "k", **given}, {})


def rows(job: ReadJob) -> list[dict[str, object]]:
    """Read all splits, each after a trip through pickle, as Spark does."""
    found = []
    for split in job.splits():
        travelled = pickle.loads(pickle.dumps((job, split)))
        for batch in travelled[0].read(travelled[1]):
            assert batch.schema.equals(job.schema)
            found += batch.to_pylist()
    return found


ALL = StructType([StructField("x", LongType()), StructField("text", StringType()), StructField("Part", IntegerType())])


def test_schema_has_the_partition_columns_last(lake: Lake) -> None:
    """A table's columns are its files', then its folders'."""
    found = table_schema(options())
    assert to_spark(found) == ALL


def test_folder_wins_over_a_column_of_the_same_name(lake: Lake) -> None:
    """A column that is also a folder is there once, in the folder's spelling, as in Spark."""
    lake.put("Part=3/f", pa.table({"part": [99], "x": [30], "text": ["t"]}))
    found = table_schema(options())
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
    found = rows(ReadJob(options(), ALL))
    assert [(row["x"], row["Part"]) for row in found] == [(10, 1), (11, 1), (12, 1), (20, 2), (21, 2), (22, 2)]


def test_schema_is_a_projection(lake: Lake) -> None:
    """A schema with fewer columns in another order and letter case is what comes out."""
    schema = StructType([StructField("PART", IntegerType()), StructField("X", LongType())])
    assert rows(ReadJob(options(), schema))[0] == {"PART": 1, "X": 10}


def test_schema_decides_the_type_of_a_folder(lake: Lake) -> None:
    """A partition column that the user declares as a string is a string, digits or not."""
    schema = StructType([StructField("Part", StringType())])
    assert {row["Part"] for row in rows(ReadJob(options(), schema))} == {"1", "2"}


def test_filter_may_use_columns_that_are_not_read(lake: Lake) -> None:
    """A condition on columns outside the projection filters, and they do not come out."""
    schema = StructType([StructField("x", LongType())])
    assert rows(ReadJob(options(filter="part = 2 AND TEXT IS NOT NULL AND x <> 21"), schema)) == [
        {"x": 20},
        {"x": 22},
    ]


@pytest.mark.parametrize("name", ["nope", "Part2"])
def test_column_that_does_not_exist(lake: Lake, name: str) -> None:
    """A schema that names a column the table does not have fails in the planner, with the columns there are."""
    with pytest.raises(SettingsError, match=f"'{name}'.*x, text, Part"):
        ReadJob(options(), StructType([StructField(name, LongType())])).splits()


def test_filter_with_an_unknown_column(lake: Lake) -> None:
    """A filter on a column that is not there fails in the planner."""
    with pytest.raises(SettingsError, match="nope"):
        ReadJob(options(filter="nope = 1"), ALL).splits()


def test_nothing_secret_travels(lake: Lake) -> None:
    """Neither the job nor its splits hold a data key or a value of the data, though the planner opened a file."""
    job = ReadJob(options(), ALL)
    splits = job.splits()
    assert lake.keyring.unwraps
    assert all(isinstance(split, Split) for split in splits)
    travelling = pickle.dumps((job, splits))
    for secret in (*lake.keyring.keys.values(), MARKER.encode()):
        assert secret not in travelling
    assert "table" not in repr(splits[0])


def test_known_schema_is_not_looked_up_again(lake: Lake) -> None:
    """What schema() found is used again: the planner opens no file for it a second time."""
    known = table_schema(options())
    before = lake.keyring.unwraps
    ReadJob(options(), ALL, known).splits()
    assert lake.keyring.unwraps == before


def test_known_columns_save_listing(lake: Lake) -> None:
    """Folders that the filter rules out are not even listed where the table is long and its columns are known."""
    lake.store = MemoryStore(page_rows=4)
    for part in range(1, 6):
        for at in range(6):
            lake.put(f"Part={part}/f{at}", pa.table({"x": [part * 10 + at], "text": [MARKER]}))
    known = table_schema(options())
    given = options(filter="part = 3 AND x > 31")
    for columns, kept in ((known, False), (None, True)):
        lake.store.log.clear()
        found = rows(ReadJob(given, StructType([StructField("x", LongType())]), columns))
        assert [row["x"] for row in found] == [32, 33, 34, 35]
        listed = [key for method, key in lake.store.log if method == "LIST"]
        assert any("Part=5" in key for key in listed) is kept


def test_lax_integrity_is_said_aloud(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """Reading without verification is warned about when the scan is planned."""
    with caplog.at_level(logging.WARNING):
        ReadJob(options(), ALL).splits()
        assert not caplog.records
        ReadJob(options(integrity="none"), ALL).splits()
    assert "UNVERIFIED" in caplog.text
    assert "s3://bucket/lake/table" in caplog.text
