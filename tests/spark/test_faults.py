"""Spark jobs while S3 and KMS are busy: they take longer, or fail with an error that says what and where."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import s3cse.local
from faults.kms_stub import KmsFault, KmsStub
from faults.s3_faults import SLOW_DOWN, Call, Fault, Flip, Stall, Truncate
from faults.s3_proxy import S3Proxy
from s3cse.keyrings import KmsKeyring
from s3cse.spark.explain import explain
from spark.fixtures import Table

THROTTLED = "ThrottlingException"
ROWS = 50_000


@pytest.fixture
def watched(table: Table, servers: s3cse.local.Servers, s3_proxy: S3Proxy, kms_stub: KmsStub) -> Table:
    """A table whose readers and writers go through the proxy and the KMS stub."""
    key = kms_stub.create_key()
    table.keyring = KmsKeyring(servers.kms_client(kms_stub.url), key)
    table.options = {"kmsKeyId": key, "endpointUrl": s3_proxy.url, "kmsEndpointUrl": kms_stub.url}
    return table


def sums(table: Table, **options: str) -> tuple[Any, ...]:
    """Return the number of rows, and the sum of their numbers."""
    found = table.read(**options).selectExpr("count(*)", "sum(id)").first()
    assert found is not None
    return tuple(found)


RIGHT = (ROWS, ROWS * (ROWS - 1) // 2)


def test_busy_kms_delays_writing_and_reading(spark: SparkSession, watched: Table, kms_stub: KmsStub) -> None:
    """Throttled calls of tasks that write, of the planner, and of tasks that read are made again."""
    kms_stub.fail(KmsFault(THROTTLED, operation="GenerateDataKey", times=2))
    watched.write(spark.range(0, ROWS, numPartitions=2))
    assert kms_stub.count("GenerateDataKey") == 4
    assert len(watched.files()) == 2
    kms_stub.fail(KmsFault(THROTTLED, operation="Decrypt", times=2))
    assert sums(watched) == RIGHT
    assert sum(call.error == THROTTLED for call in kms_stub.calls) == 4


@pytest.mark.heavy
def test_kms_that_stays_busy_fails_the_query(watched: Table, s3_proxy: S3Proxy, kms_stub: KmsStub) -> None:
    """KMS begins to throttle when a task opens the file that the planner did not need: the error is KMS's own word."""
    watched.put("small.parquet", pa.table({"id": [0]}))
    watched.put("later.parquet", pa.table({"id": range(1, ROWS)}))
    throttle = Call(before=lambda request: kms_stub.fail(KmsFault(THROTTLED, operation="Decrypt")))
    s3_proxy.fail(Fault(throttle, method="GET", key="*/later.parquet"))
    with pytest.raises(Exception, match=THROTTLED) as caught:
        sums(watched)
    line = explain(caught.value) or ""
    assert line.startswith("KeyringError: ")
    assert "later.parquet" in line
    assert "run fewer tasks at once" in line


@pytest.mark.parametrize("integrity", ["strict", "verify-indexed"])
def test_busy_s3_delays_reading_in_ranges(
    spark: SparkSession, watched: Table, s3_proxy: S3Proxy, integrity: str
) -> None:
    """Refused, slow and short answers within the files change no sum."""
    rows = spark.range(0, ROWS, numPartitions=2).selectExpr("id", "rand(7) x", "sha2(string(id), 256) text")
    watched.write(rows, compression="none")
    files = {"method": "GET", "key": f"{watched.location.key}/*.parquet"}
    s3_proxy.fail(
        *(Fault(SLOW_DOWN, nth=nth, **files) for nth in (2, 5)),
        *(Fault(Truncate(after=5000), nth=nth, **files) for nth in (3, 6)),
        Fault(Stall(0.5, after=5000), nth=4, **files),
    )
    assert sums(watched, columns="id", integrity=integrity) == RIGHT
    assert s3_proxy.count(**files) > 6
    s3_proxy.fail(Fault(Flip(at=5000), **files))
    with pytest.raises(Exception, match="IntegrityError") as caught:
        sums(watched, columns="id", integrity=integrity)
    assert f"IntegrityError: {watched.uri}part-" in (explain(caught.value) or "")
