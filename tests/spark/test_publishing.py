"""Writes that fail on the way: all or nothing for append, old or new for overwrite, and nobody's uploads left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from faults.s3_faults import Answer, Call, Fault, LoseAnswer
from faults.s3_proxy import S3Proxy
from s3cse.spark.explain import explain
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client
from spark.fixtures import Table

REFUSED = Answer.error(403, "AccessDenied")


def ids(table: Table) -> list[int]:
    """Return the table's numbers."""
    return sorted(row.id for row in table.read("id bigint").collect())


def failing_write(table: Table, df: Any, mode: str, **options: str) -> str:
    """Write what has to fail; return the line that a job would print."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks into it
        table.write(df, mode, **options)
    return explain(caught.value) or str(caught.value)


def fails_at_the_end(location: Location, fate: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return a function that passes rows on, and breaks or kills the task of the last ones when the others are done."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        last = 0
        for batch in batches:
            yield batch
            last = batch.column(0)[-1].as_py()
        if last != 29:
            return
        # Not before: a task that goes on after the driver's abort leaves an upload for the bucket's own clean-up.
        store = S3Store(s3_client())
        while len(list(store.list_uploads(location))) < 2:
            time.sleep(0.05)
        if fate == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("the query failed late")

    return run


@pytest.mark.parametrize("fate", ["broken", "killed"])
@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_failed_task_leaves_nothing(spark: SparkSession, table: Table, mode: str, fate: str) -> None:
    """A task that fails, or whose worker is killed, leaves the table as it was: no file, and no upload."""
    table.put("old.parquet", pa.table({"id": [1, 2]}))
    df = spark.range(0, 30, numPartitions=3).mapInArrow(fails_at_the_end(table.location, fate), "id bigint")
    with pytest.raises(Exception, match=r"the query failed late|crashed|EOF|exited"):
        table.write(df, mode)
    assert table.names() == ["old.parquet"]
    assert table.uploads() == []
    assert ids(table) == [1, 2]


def clients_of(proxy: S3Proxy) -> set[int]:
    """Return the ids of the processes that talk to a proxy: the Python workers that were given its address."""
    port = urlsplit(proxy.url).port
    rows = psutil.net_connections("tcp")
    return {row.pid for row in rows if row.raddr and row.raddr.port == port and row.pid} - {os.getpid()}


def test_worker_killed_in_its_upload(spark: SparkSession, table: Table, s3_proxy: S3Proxy) -> None:
    """A worker killed while it sends a part cannot clean up; abort finds its upload, and no file shows."""
    killed: list[int] = []

    def kill(request: Any) -> None:
        if not killed:
            killed.extend(clients_of(s3_proxy))
            assert table.uploads(), "the upload has begun"
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    s3_proxy.fail(Fault(Call(before=kill), method="PUT", query="partNumber"))
    failing_write(table, spark.range(0, 10, numPartitions=1), "append", endpointUrl=s3_proxy.url)
    assert killed
    assert table.names() == []
    assert table.uploads() == []


def test_upload_that_its_task_could_not_abort(spark: SparkSession, table: Table, s3_proxy: S3Proxy) -> None:
    """A task whose part and whose abort are refused leaves an upload; the driver's abort removes it."""
    s3_proxy.fail(
        Fault(REFUSED, method="PUT", query="partNumber"), Fault(REFUSED, method="DELETE", query="uploadId", nth=1)
    )
    line = failing_write(table, spark.range(0, 10, numPartitions=1), "append", endpointUrl=s3_proxy.url)
    assert line.startswith(f"TransferError: {table.uri}part-")
    assert s3_proxy.count("DELETE", query="uploadId") >= 2
    assert table.names() == []
    assert table.uploads() == []


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_refused_complete_shows_nothing(spark: SparkSession, table: Table, s3_proxy: S3Proxy, mode: str) -> None:
    """When S3 completes some uploads and refuses one, abort takes all of the job back; the old rows are there."""
    table.put("old.parquet", pa.table({"id": [1, 2]}))
    s3_proxy.fail(Fault(REFUSED, method="POST", query="uploadId", nth=2))
    line = failing_write(table, spark.range(10, 40, numPartitions=3), mode, endpointUrl=s3_proxy.url)
    assert line.startswith(f"TransferError: {table.uri}part-")
    assert table.names() == ["old.parquet"]
    assert table.uploads() == []
    assert ids(table) == [1, 2]


def test_overwrite_behind_its_journal_goes_forward(spark: SparkSession, table: Table, s3_proxy: S3Proxy) -> None:
    """When the old files cannot be deleted, readers see only the new rows, and the next writer finishes the work."""
    table.put("old.parquet", pa.table({"id": [1, 2]}))
    s3_proxy.fail(Fault(REFUSED, method="POST", query="delete"))
    line = failing_write(table, spark.range(10, 13, numPartitions=1), "overwrite", endpointUrl=s3_proxy.url)
    assert line.startswith("TransferError: ")
    assert "old.parquet" in table.names()
    assert any(name.startswith("_s3cse_overwrite_") for name in table.names())
    assert ids(table) == [10, 11, 12]
    table.write(spark.range(20, 22, numPartitions=1))
    assert ids(table) == [10, 11, 12, 20, 21]
    assert [name for name in table.names() if not name.startswith("part-")] == ["_SUCCESS"]


def test_lost_answer_to_complete_is_no_failure(spark: SparkSession, table: Table, s3_proxy: S3Proxy) -> None:
    """When S3 completes an upload and the answer gets lost, the job notices that it worked."""
    s3_proxy.fail(Fault(LoseAnswer(), method="POST", query="uploadId", nth=1))
    table.write(spark.range(0, 3, numPartitions=1), endpointUrl=s3_proxy.url)
    assert s3_proxy.count("POST", query="uploadId") >= 2
    assert ids(table) == [0, 1, 2]


def test_upload_of_a_failed_attempt_is_aborted_by_the_commit(
    spark: SparkSession, table: Table, s3_proxy: S3Proxy
) -> None:
    """An upload that an attempt left and nobody reported is gone after the commit of its job; another job's is not."""
    store = table.store
    seen: list[str] = []

    def leave_uploads(request: Any) -> None:
        # The job's id is in the name of the first upload it starts; a failed attempt's names differ in the rest.
        job = request.key.rpartition("/")[2].split("-")[2]
        if not seen:
            seen.append(job)
            store.create_upload(table.location.child(f"part-00000-{job}-a999-000.parquet"), {})
            store.create_upload(table.location.child("part-00000-otherjob-a1-000.parquet"), {})

    s3_proxy.fail(Fault(Call(before=leave_uploads), method="POST", query="uploads"))
    table.write(spark.range(0, 3, numPartitions=1), endpointUrl=s3_proxy.url)
    assert ids(table) == [0, 1, 2]
    assert [key.rpartition("/")[2] for key in table.uploads()] == ["part-00000-otherjob-a1-000.parquet"]
    for row in store.list_uploads(table.location):
        store.abort_upload(row.location, row.upload_id)


def month(table: Table) -> dict[str, list[int]]:
    """Return the table's numbers by the text of their partition."""
    found: dict[str, list[int]] = {}
    for row in table.read("id bigint, m string").orderBy("id").collect():
        found.setdefault(row.m, []).append(row.id)
    return found


def test_overwrite_of_partitions_keeps_the_others(spark: SparkSession, table: Table) -> None:
    """With partitionOverwrite=dynamic only the partitions that the new rows have are replaced; no rows replace none."""
    options = {"partitionBy": "m", "partitionOverwrite": "dynamic"}
    table.write(spark.range(0, 9, numPartitions=2).selectExpr("id", "cast(id % 3 as string) as m"), partitionBy="m")
    table.write(spark.sql("select 100L as id, '1' as m union all select 101L, 'new'"), "overwrite", **options)
    expected = {"0": [0, 3, 6], "1": [100], "2": [2, 5, 8], "new": [101]}
    assert month(table) == expected
    table.write(spark.sql("select 1L as id, '1' as m where false"), "overwrite", **options)
    assert month(table) == expected
    assert [name for name in table.names() if "/" not in name] == ["_SUCCESS"]
    assert table.uploads() == []


def test_failed_overwrite_of_partitions_keeps_all(spark: SparkSession, table: Table, s3_proxy: S3Proxy) -> None:
    """When S3 refuses to complete one of its uploads, every partition is as it was."""
    table.write(spark.range(0, 9, numPartitions=1).selectExpr("id", "cast(id % 3 as string) as m"), partitionBy="m")
    before = table.names()
    s3_proxy.fail(Fault(REFUSED, method="POST", query="uploadId", nth=2))
    rows = spark.sql("select 100L as id, '1' as m union all select 101L, '2'")
    line = failing_write(
        table, rows, "overwrite", partitionBy="m", partitionOverwrite="dynamic", endpointUrl=s3_proxy.url
    )
    assert line.startswith("TransferError: ")
    assert table.names() == before
    assert table.uploads() == []
    assert month(table) == {"0": [0, 3, 6], "1": [1, 4, 7], "2": [2, 5, 8]}


def test_overwrite_of_partitions_without_partitions_is_refused(spark: SparkSession, table: Table) -> None:
    """It would replace the whole table, which nobody asked for."""
    table.write(spark.range(3))
    assert "needs partitionBy" in failing_write(table, spark.range(5), "overwrite", partitionOverwrite="dynamic")
    assert ids(table) == [0, 1, 2]


def test_files_end_at_a_number_of_rows(spark: SparkSession, table: Table) -> None:
    """maxRecordsPerFile is per file and task, as for Spark's own files."""
    table.write(spark.range(0, 10, numPartitions=1), maxRecordsPerFile="4")
    assert len(table.files()) == 3
    assert ids(table) == list(range(10))
