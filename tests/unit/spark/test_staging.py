"""Staging a write, without Spark: what tasks leave, what travels, what commit and abort do with it."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest
from pyspark.sql.types import ArrayType, BinaryType, IntegerType, LongType, StringType, StructField, StructType

from s3cse.errors import S3CSEError, SettingsError
from s3cse.options.table import parse_options
from s3cse.parquet.table import list_table
from s3cse.spark import staging
from s3cse.spark.session import Session
from s3cse.spark.staging import WriteJob
from spark.fakes import FailingStore, Lake

SCHEMA = StructType([StructField("k", StringType()), StructField("x", LongType(), nullable=False)])
MARKER = "marker-value-in-the-data"


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A table in memory, which every session of a job reaches."""
    lake = Lake()
    monkeypatch.setattr(staging, "session_for", lambda options: Session(lake.store, lake.keyring))
    return lake


def write_job(schema: StructType = SCHEMA, *, overwrite: bool = False, **options: str) -> WriteJob:
    """Return a job for the lake's table."""
    return WriteJob(
        parse_options({"path": "s3://bucket/lake/table", "kmsKeyId": "k", **options}, {}), schema, overwrite
    )


def batches(rows: int) -> list[pa.RecordBatch]:
    """Return rows as Spark hands them over: not-null columns are marked so."""
    schema = pa.schema([("k", pa.string()), pa.field("x", pa.int64(), nullable=False)])
    return [pa.RecordBatch.from_arrays([[MARKER] * rows, list(range(rows))], schema=schema)]


def files(lake: Lake) -> list[str]:
    """Return the visible files."""
    return [file.location.key.rpartition("/")[2] for file in list_table(lake.store, lake.table).files]


def test_write_then_commit(lake: Lake) -> None:
    """A task's rows are visible after the commit and not before."""
    job = write_job()
    message = job.stage(iter(batches(3)))
    assert lake.names() == set()
    job.commit(message)
    assert len(files(lake)) == 1


def test_abort_leaves_nothing(lake: Lake) -> None:
    """An aborted job leaves neither objects nor uploads, though nothing tells it what was staged."""
    job = write_job()
    job.stage(iter(batches(3)))
    job.abort()
    assert lake.names() == set()
    assert not list(lake.store.list_uploads(lake.table))


@pytest.mark.parametrize("options", [{}, {"partitionBy": "k"}], ids=str)
@pytest.mark.parametrize("overwrite", [False, True])
def test_file_without_rows_is_for_empty_tables_only(lake: Lake, overwrite: bool, options: dict[str, str]) -> None:
    """Where no task has rows one file keeps the schema; where another task has some, that file goes: no null folder."""
    empty = write_job(overwrite=overwrite, **options)
    empty.commit(empty.stage(iter([])))
    assert len(files(lake)) == 1
    job = write_job(overwrite=True, **options)
    nothing, some = job.stage(iter([])), job.stage(iter(batches(3)))
    job.commit([*nothing, *some])
    (file,) = list_table(lake.store, lake.table).files
    assert file.location == some[0].upload.location
    assert not list(lake.store.list_uploads(lake.table))


def test_failed_task_takes_its_uploads_along(lake: Lake) -> None:
    """A task whose rows cannot be had to the end aborts what it staged, and passes the error on."""

    def broken() -> object:
        yield from batches(3)
        raise RuntimeError("the query failed")

    job = write_job(partitionBy="k")
    with pytest.raises(RuntimeError, match="the query failed"):
        job.stage(broken())  # type: ignore[arg-type]
    assert not list(lake.store.list_uploads(lake.table))


def test_empty_table_keeps_its_schema(lake: Lake) -> None:
    """The first of several empty tasks leaves one file without rows, in a partitioned table in the folder of null."""
    job = write_job()
    message = job.stage(iter([]))
    assert [file.rows for file in message] == [0]
    (file,) = write_job(partitionBy="k").stage(iter([]))
    assert "/k=__HIVE_DEFAULT_PARTITION__/" in file.upload.location.key


def test_columns_of_the_files_are_nullable(lake: Lake) -> None:
    """Whether this data happens to have no nulls is not the table's promise, so the next append may have some."""
    job = write_job()
    assert all(field.nullable for field in job._schema)


def test_names_are_unique_per_job_and_attempt(lake: Lake) -> None:
    """No two attempts of a task and no two jobs ever write the same name, and the codec shows."""
    one, two = write_job(), write_job(compression="none")
    names = {job._file_name(partition, attempt, count) for job in (one, two) for partition in (0, 1)
             for attempt in (0, 1, 10, 11) for count in (0, 1)}  # fmt: skip
    assert len(names) == 2 * 2 * 4 * 2
    assert one._file_name(0, 0, 0).endswith(".snappy.parquet")
    assert two._file_name(0, 0, 0).endswith("-000.parquet")
    assert one._job in one._file_name(0, 0, 0)


def test_nothing_secret_travels(lake: Lake) -> None:
    """Neither the job nor a commit message holds a data key or a value of the data, before or after writing."""
    job = write_job()
    message = job.stage(iter(batches(3)))
    travelling = pickle.dumps(job) + pickle.dumps(message)
    assert len(lake.keyring.keys) == 1
    for secret in (*lake.keyring.keys.values(), MARKER.encode()):
        assert secret not in travelling
        assert secret.hex().encode() not in travelling


def test_staged_files_work_after_travelling(lake: Lake) -> None:
    """Commit runs in another process, on copies of the job and of the messages."""
    job = write_job(overwrite=True)
    message = job.stage(iter(batches(3)))
    pickle.loads(pickle.dumps(job)).commit(pickle.loads(pickle.dumps(message)))
    assert len(files(lake)) == 1


def test_overwrite_replaces(lake: Lake) -> None:
    """With overwrite only the new job's files are left; a repeated commit changes nothing."""
    first, second = write_job(), write_job(overwrite=True)
    first.commit(first.stage(iter(batches(3))))
    old = files(lake)
    message = second.stage(iter(batches(2)))
    assert files(lake) == old
    for _ in range(2):
        second.commit(message)
        assert len(files(lake)) == 1
        assert files(lake) != old


def keys(lake: Lake) -> dict[str, int]:
    """Return the number of visible files by partition folder."""
    folders = [file.location.key.split("/")[-2] for file in list_table(lake.store, lake.table).files]
    return {folder: folders.count(folder) for folder in sorted(set(folders))}


def rows_of(*values: str | None) -> list[pa.RecordBatch]:
    """Return a row for each partition value."""
    return [pa.RecordBatch.from_arrays([pa.array(values, pa.string()), list(range(len(values)))], names=["k", "x"])]


def test_overwrite_of_the_partitions_that_there_are_rows_for(lake: Lake) -> None:
    """The other partitions keep their files, null is a partition as others are, and no rows change nothing."""
    first = write_job(partitionBy="k")
    first.commit(first.stage(iter(rows_of("a", "b", None))))
    before = set(files(lake))
    nothing = write_job(overwrite=True, partitionBy="k", partitionOverwrite="dynamic")
    nothing.commit(nothing.stage(iter([])))
    assert set(files(lake)) == before
    job = write_job(overwrite=True, partitionBy="k", partitionOverwrite="dynamic")
    job.commit(job.stage(iter(rows_of("b", "c", "b"))))
    assert keys(lake) == {"k=__HIVE_DEFAULT_PARTITION__": 1, "k=a": 1, "k=b": 1, "k=c": 1}
    assert len(before & set(files(lake))) == 2
    static = write_job(overwrite=True, partitionBy="k")
    static.commit(static.stage(iter(rows_of("d"))))
    assert keys(lake) == {"k=d": 1}


def test_overwrite_of_partitions_needs_some(lake: Lake) -> None:
    """Without partition columns it would replace everything, so it is refused; an append replaces nothing anyway."""
    with pytest.raises(SettingsError, match="needs partitionBy"):
        write_job(overwrite=True, partitionOverwrite="dynamic")
    write_job(partitionOverwrite="dynamic")


def test_files_end_where_the_options_say(lake: Lake) -> None:
    """maxRecordsPerFile reaches the task."""
    staged = write_job(maxRecordsPerFile="2").stage(iter(batches(5)))
    assert [file.rows for file in staged] == [2, 2, 1]


def test_late_abort_of_an_overwrite_keeps_the_new_data(lake: Lake) -> None:
    """The writer tells abort that the old data is gone."""
    job = write_job(overwrite=True)
    job.commit(job.stage(iter(batches(3))))
    job.abort()
    assert len(files(lake)) == 1


def test_second_attempt_of_a_task(lake: Lake) -> None:
    """Of two attempts that staged the same rows only the one that Spark reports shows; the other is aborted."""
    job = write_job()
    job.stage(iter(batches(3)))
    reported = job.stage(iter(batches(3)))
    job.commit(reported)
    (file,) = list_table(lake.store, lake.table).files
    assert file.location == reported[0].upload.location
    assert not list(lake.store.list_uploads(lake.table))


def test_task_that_cannot_upload(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that S3 refuses ends with an error of ours and leaves no upload."""
    store = FailingStore(lake.store, 2)
    monkeypatch.setattr(staging, "session_for", lambda options: Session(store, lake.keyring))
    with pytest.raises(S3CSEError):
        write_job().stage(iter(batches(3)))
    assert not list(lake.store.list_uploads(lake.table))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"partitionBy": "nope"}, "nope"),
        ({"partitionBy": "k,x,l,b"}, "every column"),
        ({"partitionBy": "l"}, "column 'l'"),
        ({"partitionBy": "b"}, "column 'b'"),
    ],
)
def test_bad_partition_columns_are_refused_on_the_driver(options: dict[str, str], problem: str) -> None:
    """Partition columns that cannot work fail before any task starts."""
    columns = [("k", StringType()), ("x", LongType()), ("l", ArrayType(IntegerType())), ("b", BinaryType())]
    schema = StructType([StructField(name, kind) for name, kind in columns])
    if problem == "every column":
        schema = StructType(schema.fields[:2])
        options = {"partitionBy": "k,x"}
    with pytest.raises(SettingsError, match=problem):
        write_job(schema, **options)
