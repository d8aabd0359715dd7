"""The writer, without Spark: what tasks leave, what travels, what commit and abort do with it."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest
from pyspark.sql.types import ArrayType, BinaryType, IntegerType, LongType, StringType, StructField, StructType

from s3cse.errors import S3CSEError, SettingsError
from s3cse.parquet.table import list_table
from s3cse.spark import writer as writer_module
from s3cse.spark.options import parse_options
from s3cse.spark.session import Session
from s3cse.spark.writer import Staged, TableWriter
from spark.fakes import FailingStore, Lake

SCHEMA = StructType([StructField("k", StringType()), StructField("x", LongType(), nullable=False)])
MARKER = "marker-value-in-the-data"


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A table in memory, which every session of the writer reaches."""
    lake = Lake()
    monkeypatch.setattr(writer_module, "session_for", lambda options: Session(lake.store, lake.keyring))
    return lake


def writer(schema: StructType = SCHEMA, *, overwrite: bool = False, **options: str) -> TableWriter:
    """Return a writer for the lake's table."""
    return TableWriter(
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
    job = writer()
    message = job.write(iter(batches(3)))
    assert lake.names() == set()
    job.commit([message, None])
    assert len(files(lake)) == 1


def test_abort_leaves_nothing(lake: Lake) -> None:
    """An aborted job leaves neither objects nor uploads, though Spark hands it no messages."""
    job = writer()
    job.write(iter(batches(3)))
    job.abort([None, None])
    assert lake.names() == set()
    assert not list(lake.store.list_uploads(lake.table))


@pytest.mark.parametrize("options", [{}, {"partitionBy": "k"}], ids=str)
@pytest.mark.parametrize("overwrite", [False, True])
def test_file_without_rows_is_for_empty_tables_only(lake: Lake, overwrite: bool, options: dict[str, str]) -> None:
    """Where no task has rows one file keeps the schema; where another task has some, that file goes: no null folder."""
    empty = writer(overwrite=overwrite, **options)
    empty.commit([empty.write(iter([]))])
    assert len(files(lake)) == 1
    job = writer(overwrite=True, **options)
    messages = [job.write(iter([])), job.write(iter(batches(3)))]
    job.commit(messages)
    (file,) = list_table(lake.store, lake.table).files
    assert file.location == messages[1].files[0].upload.location
    assert not list(lake.store.list_uploads(lake.table))


def test_failed_task_takes_its_uploads_along(lake: Lake) -> None:
    """A task whose rows cannot be had to the end aborts what it staged, and passes the error on."""

    def broken() -> object:
        yield from batches(3)
        raise RuntimeError("the query failed")

    job = writer(partitionBy="k")
    with pytest.raises(RuntimeError, match="the query failed"):
        job.write(broken())  # type: ignore[arg-type]
    assert not list(lake.store.list_uploads(lake.table))


def test_empty_table_keeps_its_schema(lake: Lake) -> None:
    """The first of several empty tasks leaves one file without rows, in a partitioned table in the folder of null."""
    job = writer()
    message = job.write(iter([]))
    assert [file.rows for file in message.files] == [0]
    (file,) = writer(partitionBy="k").write(iter([])).files
    assert "/k=__HIVE_DEFAULT_PARTITION__/" in file.upload.location.key


def test_columns_of_the_files_are_nullable(lake: Lake) -> None:
    """Whether this data happens to have no nulls is not the table's promise, so the next append may have some."""
    job = writer()
    assert all(field.nullable for field in job._schema)


def test_names_are_unique_per_job_and_attempt(lake: Lake) -> None:
    """No two attempts of a task and no two jobs ever write the same name, and the codec shows."""
    one, two = writer(), writer(compression="none")
    names = {job._file_name(partition, attempt, count) for job in (one, two) for partition in (0, 1)
             for attempt in (0, 1, 10, 11) for count in (0, 1)}  # fmt: skip
    assert len(names) == 2 * 2 * 4 * 2
    assert one._file_name(0, 0, 0).endswith(".snappy.parquet")
    assert two._file_name(0, 0, 0).endswith("-000.parquet")
    assert one._job in one._file_name(0, 0, 0)


def test_nothing_secret_travels(lake: Lake) -> None:
    """Neither the writer nor a commit message holds a data key or a value of the data, before or after writing."""
    job = writer()
    message = job.write(iter(batches(3)))
    travelling = pickle.dumps(job) + pickle.dumps(message)
    assert len(lake.keyring.keys) == 1
    for secret in (*lake.keyring.keys.values(), MARKER.encode()):
        assert secret not in travelling
        assert secret.hex().encode() not in travelling


def test_messages_work_after_travelling(lake: Lake) -> None:
    """Commit runs in another process, on copies of the writer and of the messages."""
    job = writer(overwrite=True)
    message = job.write(iter(batches(3)))
    pickle.loads(pickle.dumps(job)).commit([pickle.loads(pickle.dumps(message))])
    assert len(files(lake)) == 1
    assert isinstance(message, Staged)


def test_overwrite_replaces(lake: Lake) -> None:
    """With overwrite only the new job's files are left; a repeated commit changes nothing."""
    first, second = writer(), writer(overwrite=True)
    first.commit([first.write(iter(batches(3)))])
    old = files(lake)
    message = second.write(iter(batches(2)))
    assert files(lake) == old
    for _ in range(2):
        second.commit([message])
        assert len(files(lake)) == 1
        assert files(lake) != old


def test_late_abort_of_an_overwrite_keeps_the_new_data(lake: Lake) -> None:
    """The writer tells abort that the old data is gone."""
    job = writer(overwrite=True)
    job.commit([job.write(iter(batches(3)))])
    job.abort([None])
    assert len(files(lake)) == 1


def test_second_attempt_of_a_task(lake: Lake) -> None:
    """Of two attempts that staged the same rows only the one that Spark reports shows; the other is aborted."""
    job = writer()
    job.write(iter(batches(3)))
    reported = job.write(iter(batches(3)))
    job.commit([reported])
    (file,) = list_table(lake.store, lake.table).files
    assert file.location == reported.files[0].upload.location
    assert not list(lake.store.list_uploads(lake.table))


def test_task_that_cannot_upload(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that S3 refuses ends with an error of ours and leaves no upload."""
    store = FailingStore(lake.store, 2)
    monkeypatch.setattr(writer_module, "session_for", lambda options: Session(store, lake.keyring))
    with pytest.raises(S3CSEError):
        writer().write(iter(batches(3)))
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
        writer(schema, **options)
