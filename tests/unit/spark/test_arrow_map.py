"""Tables by mapInArrow, without Spark: what travels, attempts that run twice, failures on the driver."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql.types import LongType, StringType, StructField, StructType

from s3cse.errors import SettingsError, TransferError
from s3cse.parquet.table import list_table
from s3cse.spark import arrow_map, planning, staging
from s3cse.spark.session import Session
from spark.fakes import FailingStore, Lake

URI = "s3://bucket/lake/table"
GIVEN = {"kmskeyid": "k"}
SCHEMA = StructType([StructField("k", StringType()), StructField("x", LongType())])
MARKER = "marker-value-in-the-data"


def use(monkeypatch: pytest.MonkeyPatch, lake: Lake, store: Any = None) -> None:
    """Let every session reach the lake, or another store with its keys."""
    for module in (planning, staging):
        monkeypatch.setattr(module, "session_for", lambda options: Session(store or lake.store, lake.keyring))


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A table in memory."""
    lake = Lake()
    use(monkeypatch, lake)
    monkeypatch.setattr(staging, "TaskContext", SimpleNamespace(get=lambda: Frame.task))
    monkeypatch.setattr(Frame, "task", None)
    return lake


@dataclass(frozen=True)
class Task:
    """As much of a TaskContext as a write asks."""

    partition: int
    attempt: int

    def partitionId(self) -> int:  # noqa: N802 - Spark's name
        """See TaskContext."""
        return self.partition

    def taskAttemptId(self) -> int:  # noqa: N802 - Spark's name
        """See TaskContext."""
        return self.attempt


class Frame:
    """As much of a DataFrame as mapInArrow needs: each partition's task runs after a trip through pickle.

    Args:
        partitions: the batches of each.
        attempts: how often each task runs; the last one's rows count, as with Spark.
    """

    #: What runs now; None: the driver.
    task: Task | None = None

    def __init__(self, partitions: list[list[pa.RecordBatch]], attempts: int = 1) -> None:
        self.schema = SCHEMA
        self.partitions = partitions
        self.attempts = attempts
        self.travelled = b""
        self.results: list[list[pa.RecordBatch]] = []

    def mapInArrow(self, work: Callable[..., Any], schema: Any) -> Frame:  # noqa: N802 - Spark's name
        """Run the tasks."""
        self.travelled = pickle.dumps(work)
        self.results = []
        for number, batches in enumerate(self.partitions):
            for attempt in range(self.attempts):
                Frame.task = Task(number, number * self.attempts + attempt)
                rows = list(pickle.loads(self.travelled)(iter(batches)))
            self.results.append(rows)
        Frame.task = None
        return self

    def collect(self) -> list[Any]:
        """Return the rows."""
        return [SimpleNamespace(**row) for batches in self.results for batch in batches for row in batch.to_pylist()]


class Sessions:
    """As much of a SparkSession as a read needs: a range has one number per partition."""

    def range(self, start: int, end: int, step: int, partitions: int) -> Frame:
        """See SparkSession."""
        assert partitions == end - start
        return Frame([[pa.record_batch({"id": [number]})] for number in range(start, end)])


def batches(rows: int) -> list[pa.RecordBatch]:
    """Return some rows."""
    return [pa.record_batch({"k": [MARKER] * rows, "x": list(range(rows))})]


def write(frame: Any, *, overwrite: bool = False, **options: str) -> None:
    """Write to the lake's table."""
    arrow_map.write(frame, URI, {**GIVEN, **options}, overwrite=overwrite)


def read(**options: str) -> list[Any]:
    """Read the lake's table."""
    spark: Any = Sessions()
    found: Any = arrow_map.read(spark, URI, {**GIVEN, **options})
    return sorted(row.x for row in found.collect())


def files(lake: Lake) -> list[Any]:
    """Return the visible files."""
    return list(list_table(lake.store, lake.table).files)


def test_write_and_read(lake: Lake) -> None:
    """Each partition becomes a file, each split a task, and every row comes once."""
    write(Frame([batches(3), batches(2)]))
    assert len(files(lake)) == 2
    assert read() == [0, 0, 1, 1, 2]
    assert read(splitBytes="1", filter="x > 0", columns="x") == [1, 1, 2]
    assert arrow_map.schema(URI, {**GIVEN, "columns": "x"}).names == ["x"]


def test_second_attempts_show_once(lake: Lake) -> None:
    """Of two attempts of every task the reported ones show; what the others uploaded is aborted."""
    write(Frame([batches(3), batches(2)], attempts=2))
    assert len(files(lake)) == 2
    assert not list(lake.store.list_uploads(lake.table))


def test_no_partitions(lake: Lake) -> None:
    """Without a single task one file keeps the columns."""
    write(Frame([]))
    assert len(files(lake)) == 1
    assert read() == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_failing_task(lake: Lake, overwrite: bool) -> None:
    """When a task fails the job is taken back, the other tasks' uploads too."""
    write(Frame([batches(1)]))
    old = lake.names()

    def broken() -> Any:
        yield from batches(3)
        raise RuntimeError("the query failed")

    partitions: Any = [batches(2), broken()]
    with pytest.raises(RuntimeError, match="the query failed"):
        write(Frame(partitions), overwrite=overwrite)
    assert lake.names() == old
    assert not list(lake.store.list_uploads(lake.table))


def test_error_of_the_commit_is_not_hidden(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where S3 refuses the commit and the clean-up as well, the first error is the one that is raised."""
    counting = FailingStore(lake.store)
    use(monkeypatch, lake, counting)
    write(Frame([batches(1)]))
    # Every call from the last but one on: completing the upload is among the calls before the last put.
    use(monkeypatch, lake, FailingStore(lake.store, counting.calls - 1, dead=True))
    with pytest.raises(TransferError, match="failed on demand"):
        write(Frame([batches(1)]))


def test_nothing_secret_travels(lake: Lake) -> None:
    """What goes to the tasks of a write and of a read holds no data key and no value."""
    frame = Frame([batches(3)])
    write(frame)
    spark: Any = Sessions()
    found: Any = arrow_map.read(spark, URI, GIVEN)
    travelling = frame.travelled + found.travelled + pickle.dumps(frame.results)
    assert lake.keyring.keys
    for secret in (*lake.keyring.keys.values(), MARKER.encode()):
        assert secret not in travelling
        assert secret.hex().encode() not in travelling


def test_options_of_the_other_use(lake: Lake) -> None:
    """A read refuses a write's options before it asks S3 anything, and the other way round."""
    spark: Any = Sessions()
    with pytest.raises(SettingsError, match="partitionBy"):
        arrow_map.read(spark, URI, {**GIVEN, "partitionBy": "k"})
    with pytest.raises(SettingsError, match="filter"):
        write(Frame([]), filter="x > 1")
    assert lake.names() == set()
