"""Tables of Encryption SDK messages, and under SSE-C, on Spark: what travels, what is fetched, what is said.

What needs no JVM is in tests/unit/spark/test_profiles.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pyspark.sql import SparkSession

from faults.kms_stub import KmsStub
from faults.s3_proxy import S3Proxy
from s3cse.keyrings.customer_keys import DerivedCustomerKeys
from s3cse.parquet.counts import collect
from s3cse.storage.customer_key_store import CustomerKeyStore, as_target
from spark.fixtures import Table

KEY = bytes(range(60, 92))
CONTEXT = {"team": "flights"}


@pytest.fixture
def sse_c(table: Table, tmp_path: Path) -> Table:
    """A table whose objects have keys derived from KEY."""
    (tmp_path / "root.key").write_bytes(KEY)
    table.options = {
        "profile": "sse-c",
        "keyring": "aes",
        "keyFile": str(tmp_path / "root.key"),
        "customerKeys": "derived",
    }
    return table


@pytest.fixture
def messages(table: Table, s3_proxy: S3Proxy, kms_stub: KmsStub) -> Table:
    """A table of messages under a KMS key, whose requests and calls are counted."""
    table.options = {
        "profile": "encryption-sdk",
        "kmsKeyId": kms_stub.create_key(),
        "context": json.dumps(CONTEXT),
        "endpointUrl": s3_proxy.url,
        "kmsEndpointUrl": kms_stub.url,
    }
    return table


def write_parts(spark: SparkSession, table: Table) -> None:
    """Append, then replace: 1000 rows in two partitions."""
    wide = ("id", "id % 2 AS part", "sha2(string(id), 512) AS text")
    table.write(spark.range(50).coalesce(1).selectExpr(*wide), partitionBy="part")
    table.write(spark.range(1000).coalesce(1).selectExpr(*wide), "overwrite", partitionBy="part")


def gets(proxy: S3Proxy, table: Table) -> list[Any]:
    """Return the requests for bodies of the table's files."""
    return proxy.find("GET", key=f"{table.location.key}/*.parquet")


def test_customer_keys(spark: SparkSession, sse_c: Table, s3_proxy: S3Proxy, tmp_path: Path) -> None:
    """Written, replaced and read by Spark; S3 has each file under its own key and sends it to nobody without; a read of
    one column fetches little; a wrong key names the file."""
    write_parts(spark, sse_c)
    assert sse_c.uploads() == []
    for name in (*sse_c.files(), "_SUCCESS"):
        place = {"Bucket": sse_c.location.bucket, "Key": sse_c.location.child(name).key}
        with pytest.raises(ClientError):
            sse_c.s3.get_object(**place)
        key = DerivedCustomerKeys(KEY).customer_key(sse_c.location.child(name))
        start = sse_c.s3.get_object(**place, **as_target(key))["Body"].read(4)
        assert start in (b"PAR1", b"")
    df = sse_c.read(endpointUrl=s3_proxy.url)
    s3_proxy.clear()
    assert sorted(row.id for row in df.where("part = 1").select("id").collect()) == list(range(1, 1000, 2))
    # One file for the schema was read before; both files now, in one request each.
    assert s3_proxy.count("HEAD") == 0
    assert len(gets(s3_proxy, sse_c)) == 2
    (tmp_path / "other.key").write_bytes(bytes(32))
    with pytest.raises(Exception, match=r"part-0.*refused access with this customer key") as caught:
        sse_c.read(keyFile=str(tmp_path / "other.key")).collect()
    for text in (df._jdf.queryExecution().toString(), str(caught.value)):
        assert KEY.hex() not in text


def test_customer_keys_in_ranges(spark: SparkSession, sse_c: Table, s3_proxy: S3Proxy) -> None:
    """Row groups go to several tasks, columns alone are fetched, and the report calls them S3's affair."""
    rows = spark.range(40_000).selectExpr("id", "sha2(string(id), 512) AS text")
    sse_c.write(rows.coalesce(1), rowGroupBytes="512k")
    report = sse_c.location.child("_report")
    df = sse_c.read(endpointUrl=s3_proxy.url, columns="id", splitBytes="256k", report=report.uri)
    s3_proxy.clear()
    assert df.rdd.getNumPartitions() > 2
    assert df.selectExpr("sum(id)").first()[0] == sum(range(40_000))
    (size,) = (row.size for row in sse_c.store.list(sse_c.location) if row.location.key.endswith(".parquet"))
    assert sum(get.bytes for get in gets(s3_proxy, sse_c)) < size
    found = collect(CustomerKeyStore(sse_c.s3, DerivedCustomerKeys(KEY)), report)
    assert (found.by_s3_files > 0, found.verified_files, found.unverified_files) == (True, 0, 0)


def test_messages(spark: SparkSession, messages: Table, s3_proxy: S3Proxy, kms_stub: KmsStub) -> None:
    """Written, replaced and read by Spark: every file is one message, which any Encryption SDK opens; a file costs its
    front, its end and one call of KMS."""
    write_parts(spark, messages)
    assert messages.uploads() == []
    assert len(messages.files()) == 2
    kms_stub.clear()
    df = messages.read()
    s3_proxy.clear()
    assert sorted(row.id for row in df.where("part = 1").select("id").collect()) == list(range(1, 1000, 2))
    assert s3_proxy.count("HEAD") == 0
    assert len(gets(s3_proxy, messages)) == 2 * 2
    assert kms_stub.count("Decrypt") <= 3
    # The message says itself what it is; finding out costs a request more.
    unnamed = {name: value for name, value in messages.options.items() if name != "profile"}
    messages.options = unnamed
    assert messages.read().count() == 1000


def test_messages_in_ranges(spark: SparkSession, messages: Table, s3_proxy: S3Proxy) -> None:
    """A read of one column fetches the frames it is in, each verified: the report says so."""
    rows = spark.range(40_000).selectExpr("id", "sha2(string(id), 512) AS text")
    messages.write(rows.coalesce(1), rowGroupBytes="1m")
    report = messages.location.child("_report")
    df = messages.read(columns="id", splitBytes="1m", report=report.uri)
    s3_proxy.clear()
    assert df.rdd.getNumPartitions() > 2
    assert df.selectExpr("sum(id)").first()[0] == sum(range(40_000))
    (size,) = (row.size for row in messages.store.list(messages.location) if row.location.key.endswith(".parquet"))
    assert sum(get.bytes for get in gets(s3_proxy, messages)) < size
    found = collect(messages.store, report)
    assert (found.verified_files > 0, found.unverified_files) == (True, 0)
