"""How the work is split over tasks, and what it costs in requests to S3 and calls of KMS."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name

import s3cse.local
from faults.kms_stub import KmsStub
from faults.s3_proxy import S3Proxy
from s3cse.keyrings import KmsKeyring
from spark.fixtures import Table, new_table

#: Processes that may open a file: two workers, and the planner's.
WORKERS = 2


@pytest.fixture
def watched(table: Table, servers: s3cse.local.Servers, s3_proxy: S3Proxy, kms_stub: KmsStub) -> Table:
    """A table whose readers and writers go through the proxy and the KMS stub."""
    key = kms_stub.create_key()
    table.keyring = KmsKeyring(servers.kms_client(kms_stub.url), key)
    table.options = {"kmsKeyId": key, "endpointUrl": s3_proxy.url, "kmsEndpointUrl": kms_stub.url}
    return table


def rows(count: int, seed: int = 1) -> pa.Table:
    """Return ascending numbers, and 64 random characters each."""
    generator = random.Random(seed)
    return pa.table({"id": range(count), "text": [generator.randbytes(32).hex() for _ in range(count)]})


def data_gets(proxy: S3Proxy, table: Table) -> list[Any]:
    """Return the requests for bodies of the table's files."""
    return proxy.find("GET", key=f"{table.location.key}/*")


def test_small_files_cost_one_request_and_one_call_each(watched: Table, s3_proxy: S3Proxy, kms_stub: KmsStub) -> None:
    """Reading a table of small files: one suffix GET and one Decrypt per file, no HEAD; one more for the schema."""
    for number in range(5):
        watched.put(f"{number}.parquet", rows(10))
    kms_stub.clear()
    s3_proxy.clear()
    df = watched.read()
    assert df.count() == 50
    gets = data_gets(s3_proxy, watched)
    assert s3_proxy.count("HEAD") == 0
    assert all((get.range or "").startswith("bytes=-") for get in gets)
    assert len(gets) == 5 + 1
    assert kms_stub.count("Decrypt") == 5 + 1
    # The second action finds the keys that its process knows already.
    assert df.agg(F.sum("id")).first()[0] == 5 * 45
    assert kms_stub.count("Decrypt") <= WORKERS * 5 + 1


def test_ranges_of_a_large_file_share_one_key_per_process(
    spark: SparkSession, watched: Table, s3_proxy: S3Proxy, kms_stub: KmsStub
) -> None:
    """Row groups go to several tasks, each fetches its ranges, and still each process asks KMS once."""
    watched.put("big.parquet", rows(40_000), row_group_size=2500)
    kms_stub.clear()
    df = watched.read(integrity="verify-indexed", splitBytes="256k")
    assert df.rdd.getNumPartitions() >= 6
    assert df.agg(F.count("id"), F.countDistinct("text"), F.sum("id")).first()[:] == (40_000, 40_000, 799_980_000)
    assert len(data_gets(s3_proxy, watched)) > 12
    assert s3_proxy.count("HEAD") == 0
    # schema() and the planner of partitions may be two processes.
    assert kms_stub.count("Decrypt") <= WORKERS + 2


def test_strict_keeps_a_file_in_one_task(watched: Table) -> None:
    """Under strict a file is verified as a whole, so it is one task's, however small the splits."""
    watched.put("big.parquet", rows(5000), row_group_size=500)
    watched.put("small.parquet", rows(10))
    df = watched.read(splitBytes="16k")
    assert df.rdd.getNumPartitions() == 2
    assert df.count() == 5010


def test_many_small_files_share_tasks(watched: Table) -> None:
    """Files are packed into splits of the size asked for: each task has a fixed cost."""
    for number in range(30):
        watched.put(f"{number:02}.parquet", rows(1, seed=number))
    size = sum(row.size for row in watched.store.list(watched.location))
    assert watched.read().rdd.getNumPartitions() == 1
    third = watched.read(splitBytes=str(size // 3 + 100))
    assert 3 <= third.rdd.getNumPartitions() <= 4
    assert third.count() == 30


@pytest.fixture(scope="module")
def sorted_table(spark: SparkSession, s3: Any, kms: Any, kms_key: str, shared_bucket: str) -> Table:
    """Two files of 1.4 MB in eight row groups each, sorted by id."""
    table = new_table(spark, s3, kms, kms_key, shared_bucket)
    both = rows(40_000)
    for number in range(2):
        table.put(f"{number}.parquet", both.slice(number * 20_000, 20_000), row_group_size=2500)
    return table


def fetched(proxy: S3Proxy, table: Table, **options: str) -> tuple[int, list[Any]]:
    """Read a table through a proxy; return the bytes of its files that came, and the rows."""
    df = table.read(endpointUrl=proxy.url, **options)
    proxy.clear()
    found = df.collect()
    return sum(get.bytes for get in data_gets(proxy, table)), found


def test_filter_and_columns_save_bytes(sorted_table: Table, s3_proxy: S3Proxy) -> None:
    """Where ranges may be read, a filter skips row groups and a projection skips columns; the rows are exact."""
    lax = {"integrity": "none"}
    everything, all_rows = fetched(s3_proxy, sorted_table, **lax)
    assert len(all_rows) == 40_000
    narrow, ids = fetched(s3_proxy, sorted_table, columns="id", **lax)
    assert sorted(row.id for row in ids) == list(range(40_000))
    pruned, few = fetched(s3_proxy, sorted_table, filter="id BETWEEN 30100 AND 30104", **lax)
    assert sorted(few) == sorted(row for row in all_rows if 30_100 <= row.id <= 30_104)
    assert narrow < everything / 2
    assert pruned < everything / 5


def test_filter_on_folders_opens_no_other_file(watched: Table, s3_proxy: S3Proxy, kms_stub: KmsStub) -> None:
    """Under strict, too, files of other partitions cost neither a request nor a call."""
    for number in range(4):
        watched.put(f"p={number}/f.parquet", rows(10))
    df = watched.read("id bigint, p int", filter="p = 2")
    kms_stub.clear()
    s3_proxy.clear()
    assert df.count() == 10
    opened = {get.key.rpartition("/p=")[2] for get in data_gets(s3_proxy, watched)}
    # One file may be opened for the table's columns.
    assert "2/f.parquet" in opened
    assert len(opened) <= 2
    assert kms_stub.count("Decrypt") <= 2


def test_writing_costs_one_data_key_per_file(spark: SparkSession, watched: Table, kms_stub: KmsStub) -> None:
    """Every file has a data key of its own, made by one call."""
    watched.write(spark.range(0, 30, numPartitions=3))
    assert len(watched.files()) == 3
    assert kms_stub.count("GenerateDataKey") == 3
    assert kms_stub.count("Decrypt") == 0
    keys = {watched.body(name)[1]["x-amz-key-v2"] for name in watched.files()}
    ivs = {watched.body(name)[1]["x-amz-iv"] for name in watched.files()}
    assert (len(keys), len(ivs)) == (3, 3)
