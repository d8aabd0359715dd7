"""A driver that is gone, with all its processes, between the last upload and the end of its commit."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyspark
import pytest
from pyspark.sql import SparkSession

import s3cse.local
from faults.s3_faults import Call, Fault
from faults.s3_proxy import S3Proxy
from spark.driver_job import FILES, FIRST, LAST
from spark.fixtures import SETTINGS, Table, spark_environment

JOB = Path(__file__).with_name("driver_job.py")
SUBMIT = Path(pyspark.__file__).with_name("bin") / "spark-submit"
OLD, NEW, NEXT = [1, 2], list(range(FIRST, LAST)), [7]
#: The requests before which the driver is killed: the first of a commit, the completion of a third file, the deletion
#: of what an overwrite replaced.
BEGIN = {"method": "HEAD", "key": "*/_SUCCESS", "nth": 1}
COMPLETE = {"method": "POST", "query": "uploadId", "nth": 3}
DELETE = {"method": "POST", "query": "delete", "nth": 1}


class Driver:
    """A spark-submit of the job, which a request through the proxy kills."""

    def __init__(self, table: Table, servers: s3cse.local.Servers, proxy: S3Proxy, key: str, mode: str) -> None:
        settings = [word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")]
        self._command = [SUBMIT, *settings, JOB, table.uri, key, proxy.url, mode]
        self._environment = spark_environment(servers)
        self._proxy = proxy
        self._lock = threading.Lock()
        self.killed = False

    def run_until(self, **request: Any) -> None:
        """Start the job and kill it before this request reaches S3."""
        self._proxy.fail(Fault(Call(before=self._kill), **request), Fault(Call(before=self._refuse_the_dead)))
        self._job = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            out, _ = self._job.communicate(timeout=300)
        finally:
            self._job.kill()
            self._proxy.clear()
        assert self.killed, out[-3000:]
        assert self._job.returncode == -signal.SIGKILL

    def _kill(self, request: Any) -> None:
        with self._lock:
            self.killed = True
            driver = psutil.Process(self._job.pid)
            for process in [driver, *driver.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self._refuse_the_dead(request)

    def _refuse_the_dead(self, request: Any) -> None:
        """What was on its way when the driver died is lost with it."""
        if self.killed:
            raise ConnectionAbortedError


def ids(table: Table) -> list[int]:
    """Return the table's numbers as a reader finds them."""
    return sorted(row.id for row in table.read("id bigint").collect())


def append(spark: SparkSession, table: Table) -> None:
    """Let the next writer come along."""
    table.write(spark.range(NEXT[0], NEXT[0] + 1, numPartitions=1))


@pytest.fixture
def old(table: Table) -> Table:
    """A table with rows."""
    table.put("old.parquet", pa.table({"id": OLD}))
    return table


@pytest.mark.heavy
def test_driver_lost_before_its_commit(
    spark: SparkSession, old: Table, servers: s3cse.local.Servers, s3_proxy: S3Proxy, kms_key: str
) -> None:
    """Everything is uploaded and nothing shows, to readers and to other tools; the next writer is not held up."""
    Driver(old, servers, s3_proxy, kms_key, "overwrite").run_until(**BEGIN)
    assert len(old.uploads()) == FILES
    assert old.names() == ["old.parquet"]
    append(spark, old)
    assert ids(old) == sorted([*OLD, *NEXT])


@pytest.mark.heavy
def test_driver_lost_in_the_commit_of_an_append(
    spark: SparkSession, old: Table, servers: s3cse.local.Servers, s3_proxy: S3Proxy, kms_key: str
) -> None:
    """Each of its files shows whole or not at all, the old rows are there, and the next writer takes nothing away."""
    Driver(old, servers, s3_proxy, kms_key, "append").run_until(**COMPLETE)
    shown = ids(old)
    of_a_file = (LAST - FIRST) // FILES
    new = [number for number in shown if number not in OLD]
    assert [number for number in shown if number in OLD] == OLD
    assert 0 < len(new) < len(NEW)
    assert {new.count(number) for number in NEW} == {0, 1}
    by_file = [
        sum(number // of_a_file == file for number in new) for file in range(FIRST // of_a_file, LAST // of_a_file)
    ]
    assert set(by_file) == {0, of_a_file}
    assert "_SUCCESS" not in old.names()
    append(spark, old)
    assert ids(old) == sorted([*shown, *NEXT])


@pytest.mark.heavy
def test_driver_lost_in_the_commit_of_an_overwrite(
    spark: SparkSession, old: Table, servers: s3cse.local.Servers, s3_proxy: S3Proxy, kms_key: str
) -> None:
    """Before the point of no return readers keep the old rows, though some new files are complete."""
    Driver(old, servers, s3_proxy, kms_key, "overwrite").run_until(**COMPLETE)
    assert 1 < len(old.files()) < 1 + FILES
    assert ids(old) == OLD
    append(spark, old)
    assert ids(old) == sorted([*OLD, *NEXT])
    old.write(spark.range(50, 53, numPartitions=1), "overwrite")
    assert ids(old) == [50, 51, 52]
    assert [name for name in old.names() if not name.startswith("part-")] == ["_SUCCESS"]


@pytest.mark.heavy
def test_driver_lost_behind_the_point_of_no_return(
    spark: SparkSession, old: Table, servers: s3cse.local.Servers, s3_proxy: S3Proxy, kms_key: str
) -> None:
    """The new rows are the table though the old file is still there; the next writer finishes its deletion."""
    Driver(old, servers, s3_proxy, kms_key, "overwrite").run_until(**DELETE)
    assert "old.parquet" in old.names()
    assert ids(old) == NEW
    append(spark, old)
    assert ids(old) == sorted([*NEW, *NEXT])
    assert [name for name in old.names() if not name.startswith("part-")] == ["_SUCCESS"]
