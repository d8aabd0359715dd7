"""Reading and writing by mapInArrow, which is all that Spark 3.5 has; later Sparks run it here, too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark import TaskContext
from pyspark.sql import SparkSession

import s3cse.local
import s3cse.spark
from s3cse.errors import SettingsError
from s3cse.spark import api, arrow_map
from s3cse.spark.explain import explain
from spark.fixtures import SETTINGS, TESTS, Table, spark_environment


@pytest.fixture
def planning(servers: s3cse.local.Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process see the servers: here the driver plans and commits."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def mapped(table: Table, planning: None, monkeypatch: pytest.MonkeyPatch) -> Table:
    """A table that s3cse.spark reaches by mapInArrow, whatever Spark this is."""
    monkeypatch.setattr(api, "DATA_SOURCES", False)
    return table


def write(table: Table, df: Any, mode: str = "append", partition_by: tuple[str, ...] = (), **options: str) -> None:
    """Write by mapInArrow."""
    s3cse.spark.write(df, table.uri, mode, partition_by, **table.options, **options)


def read(table: Table, **asked: Any) -> Any:
    """Read by mapInArrow."""
    return s3cse.spark.read(table.spark, table.uri, **{**table.options, **asked})


def test_append_overwrite_and_partitions(spark: SparkSession, mapped: Table) -> None:
    """Rows come back with nulls and folders, after an append and after an overwrite."""
    frame = spark.range(0, 20, numPartitions=2).selectExpr(
        "id", "IF(id % 5 = 0, NULL, string(id)) AS text", "id % 3 AS p"
    )
    for _ in range(2):
        write(mapped, frame, partition_by=("p",))
    expected = sorted((*row, row.id % 3) for row in frame.select("id").collect() for _ in range(2))
    assert sorted(map(tuple, read(mapped, columns=["id", "p"]).collect())) == expected
    assert read(mapped, filter="text IS NULL").count() == 8
    assert s3cse.spark.count(spark, mapped.uri, "p = 1", **mapped.options) == 14
    write(mapped, frame.where("id < 3"), "overwrite")
    assert sorted(map(tuple, read(mapped).collect())) == [(0, None, 0), (1, "1", 1), (2, "2", 2)]
    assert mapped.uploads() == []


def test_schema_decides(spark: SparkSession, mapped: Table) -> None:
    """A schema asks for columns, their order and a folder's type, and must not contradict the option columns."""
    write(mapped, spark.sql("SELECT 1 AS id, '01' AS code"), partition_by=("code",))
    assert [tuple(row) for row in read(mapped, schema="code string, ID int").collect()] == [("01", 1)]
    assert read(mapped).first().code == 1
    with pytest.raises(SettingsError, match="different columns"):
        read(mapped, schema="id int", columns="code")


def test_one_split_per_task(spark: SparkSession, mapped: Table) -> None:
    """Each split is a task of its own, and every file is in one of them."""
    for number in range(6):
        mapped.put(f"{number}.parquet", pa.table({"id": [number]}))
    found = read(mapped, splitBytes="1")
    assert found.rdd.getNumPartitions() == 6
    assert [row.id for row in found.collect()] == list(range(6))


def test_no_partitions_at_all(spark: SparkSession, mapped: Table) -> None:
    """A DataFrame without partitions, so without tasks, still leaves a table with its columns."""
    write(mapped, spark.createDataFrame([], "id bigint, text string"))
    assert read(mapped).schema.simpleString() == "struct<id:bigint,text:string>"
    assert read(mapped).count() == 0


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_failed_write_leaves_the_old_table(spark: SparkSession, mapped: Table, mode: str) -> None:
    """A query that fails in one task leaves what was there, and no upload."""
    mapped.put("old.parquet", pa.table({"id": [1, 2]}))
    frame = spark.range(0, 30, numPartitions=3).selectExpr("id", "string(assert_true(id < 29)) AS checked")
    with pytest.raises(Exception, match=r"is not true|assert"):
        write(mapped, frame, mode)
    assert mapped.names() == ["old.parquet"]
    assert mapped.uploads() == []


def test_options_are_checked_before_anything_happens(spark: SparkSession, mapped: Table) -> None:
    """Unknown options, options of the other use, and columns that cannot be are refused on the driver."""
    for call in (
        lambda: write(mapped, spark.range(3), colums="id"),
        lambda: write(mapped, spark.range(3), filter="id > 1"),
        lambda: write(mapped, spark.range(3), partition_by=("id",)),
        lambda: read(mapped, profile="emrfs"),
    ):
        with pytest.raises(SettingsError):
            call()
    assert mapped.names() == []


def test_damaged_file_is_named(spark: SparkSession, mapped: Table) -> None:
    """A task's error reaches the driver with its kind and the file."""
    mapped.put("opened_for_its_columns.parquet", pa.table({"id": [1]}))
    mapped.put("f.parquet", pa.table({"id": range(2000)}))
    body, metadata = mapped.body("f.parquet")
    mapped.replace("f.parquet", body[:-1] + bytes([body[-1] ^ 1]), metadata)
    with pytest.raises(Exception, match="IntegrityError") as caught:
        read(mapped, schema="id bigint").collect()
    assert (explain(caught.value) or "").startswith(f"IntegrityError: {mapped.uri}f.parquet: ")


def test_register_says_what_to_use(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no format, registering it is an error that names the functions that work."""
    monkeypatch.setattr(api, "DATA_SOURCES", False)
    with pytest.raises(SettingsError, match=r"s3cse\.spark\.read"):
        s3cse.spark.register(spark)


def dies_once(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Pass rows on; the first attempt of partition 1 kills its process behind them."""
    yield from batches
    context = TaskContext.get()
    if context.partitionId() == 1 and context.attemptNumber() == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def write_with_a_retry(uri: str, key: str) -> None:
    """Write 40 rows while a task dies, in a session that tries tasks twice; append, then overwrite, then read."""
    builder = SparkSession.builder
    for name, value in {**SETTINGS, "spark.master": "local[2,2]"}.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    frame = spark.range(0, 40, numPartitions=4).mapInArrow(dies_once, "id bigint")
    given = {"kmskeyid": key}
    for overwrite in (False, True):
        arrow_map.write(frame, uri, given, overwrite=overwrite)
    print(sorted(row.id for row in arrow_map.read(spark, uri, given).collect()) == list(range(40)))  # noqa: T201
    spark.stop()


def test_retried_task_shows_once(table: Table, servers: s3cse.local.Servers) -> None:
    """Of two attempts of a task the rows show once, and nothing is left of the one that was killed."""
    script = (
        f"from spark.test_arrow_map import write_with_a_retry as run; run({table.uri!r}, {table.options['kmsKeyId']!r})"
    )
    environment = {**spark_environment(servers), "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, cwd=Path(TESTS), check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("True")
    assert len(table.files()) == 4
    assert table.uploads() == []
