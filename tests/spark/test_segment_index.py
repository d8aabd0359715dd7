"""Tables that Spark wrote carry segment indexes: narrow reads under `strict` are cheap, and changes are noticed."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import s3cse.local
from faults.s3_proxy import S3Proxy
from s3cse.crypto.index import MAGIC
from s3cse.envelope.profiles import find_profile
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.objects.upload import complete
from s3cse.parquet import sink as sink_module
from s3cse.parquet.input import TAIL_BYTES
from s3cse.parquet.sink import TableSink
from s3cse.spark import count, read, read_report
from spark.fixtures import Table, new_table

ROWS = 60_000


@pytest.fixture(scope="module")
def written(spark: SparkSession, s3: Any, kms: Any, kms_key: str, shared_bucket: str) -> Table:
    """Two files of 3 MB that Spark wrote."""
    table = new_table(spark, s3, kms, kms_key, shared_bucket)
    rows = spark.range(0, ROWS, numPartitions=2).selectExpr("id", "rand(7) x", "sha2(string(id), 256) text")
    table.write(rows, compression="none")
    return table


def plaintext(table: Table, name: str) -> bytes:
    """Return a file as other readers see it."""
    opened = open_object(table.store, table.keyring, table.location.child(name), Policy())
    return read_whole(opened).to_pybytes()


def test_files_are_ordinary_parquet_with_an_index(written: Table) -> None:
    """pyarrow reads what is decrypted; the index is in the gap before the footer."""
    rows = 0
    for name in written.files():
        body = plaintext(written, name)
        footer = int.from_bytes(body[-8:-4], "little") + 8
        assert body[-footer - 64 :].startswith(MAGIC)

        rows += pq.read_table(pa.BufferReader(body)).num_rows
    assert rows == ROWS


def fetched(table: Table, proxy: S3Proxy) -> tuple[int, int]:
    """Return the number of requests for files' bodies and their bytes."""
    gets = proxy.find("GET", key=f"{table.location.key}/*.parquet")
    return len(gets), sum(get.bytes for get in gets)


def test_strict_fetches_one_column(written: Table, s3_proxy: S3Proxy) -> None:
    """Verified, and still only the segments of the column: one request to open, one for the data."""
    df = written.read(columns="x", endpointUrl=s3_proxy.url)
    s3_proxy.clear()
    assert df.selectExpr("count(x)").first()[0] == ROWS
    requests, size = fetched(written, s3_proxy)
    # 8 bytes a row, widened to segments of 256 KiB at both ends, and the ends of two files.
    assert size <= 8 * ROWS + 2 * (2 * (256 << 10) + TAIL_BYTES)
    assert requests <= 2 * 2
    assert s3_proxy.count("HEAD") == 0


def test_count_reads_ends_only(spark: SparkSession, written: Table, s3_proxy: S3Proxy) -> None:
    """One request of 64 KiB for each file, and the rows of the table."""
    s3_proxy.clear()
    assert count(spark, written.uri, **{**written.options, "endpointUrl": s3_proxy.url}) == ROWS
    requests, size = fetched(written, s3_proxy)
    assert requests == 2
    assert size <= 2 * TAIL_BYTES


def test_row_counts_by_file(written: Table) -> None:
    """The option gives a row for each file."""
    found = {row.file: row.rows for row in written.read(rowCounts="true").collect()}
    assert found == {f"{written.uri}{name}": ROWS // 2 for name in written.files()}


def test_report_reaches_the_driver(
    spark: SparkSession, servers: s3cse.local.Servers, s3: Any, written: Table, kms_key: str, shared_bucket: str
) -> None:
    """What tasks verified, and what they released unverified, summed up where it was asked for."""
    for integrity, verified in (("strict", 2), ("none", 0)):
        folder = f"s3://{shared_bucket}/reports/{written.location.key}/{integrity}/"
        table = written.read(integrity=integrity, report=folder)
        assert table.selectExpr("count(x)").first()[0] == ROWS
        with pytest.MonkeyPatch.context() as patch:
            for name, value in servers.environment().items():
                patch.setenv(name, value)
            report = read_report(folder)
        assert (report.verified_files, report.unverified_files) == (verified, 2 - verified)
        assert len(report.unverified) == 2 - verified
        assert report.verified_bytes + report.unverified_bytes > 8 * ROWS


@pytest.mark.parametrize("columns", ["x", "id,x,text"])
def test_a_flipped_bit_fails_the_query(
    spark: SparkSession, s3: Any, kms: Any, kms_key: str, shared_bucket: str, columns: str
) -> None:
    """In the middle of the data, whether ranges are read or all: the error names the file, and there is no result."""
    table = new_table(spark, s3, kms, kms_key, shared_bucket)
    table.write(spark.range(0, 40_000, numPartitions=1).selectExpr("id", "rand(7) x", "sha2(string(id), 256) text"))
    (name,) = table.files()
    body, metadata = table.body(name)

    chunk = pq.read_metadata(pa.BufferReader(plaintext(table, name))).row_group(0).column(1)
    changed = bytearray(body)
    changed[chunk.data_page_offset + 1000] ^= 4
    table.replace(name, bytes(changed), metadata)
    with pytest.raises(Exception, match=rf"IntegrityError.*{name}"):
        read(spark, table.uri, columns.split(","), **table.options).collect()


def test_large_indexed_files_are_split_under_strict(spark: SparkSession, table: Table) -> None:
    """A file larger than a split goes to several tasks, verified in each."""
    schema = pa.schema([("id", pa.int64())])
    sink = TableSink(
        table.store, table.keyring, find_profile("emrfs-v2", "kms"), table.location, schema, name="f{}.parquet".format
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sink_module, "ROW_GROUP_ROWS", 20_000)
        for start in range(0, 100_000, 10_000):
            sink.write(pa.record_batch([pa.array(range(start, start + 10_000), pa.int64())], schema=schema))
        for staged in sink.finish():
            complete(table.store, staged.upload)
    df = table.read(splitBytes="200k")
    assert df.rdd.getNumPartitions() >= 3
    assert df.selectExpr("count(id)", "sum(id)").first()[:] == (100_000, 100_000 * 99_999 // 2)
    assert count(spark, table.uri, splitBytes="200k", **table.options) == 100_000


def test_a_filter_on_folders_that_leaves_nothing_is_empty(spark: SparkSession, table: Table) -> None:
    """No file is left: no rows, and no error."""
    table.write(spark.range(10).selectExpr("id", "id % 2 p"), partitionBy="p")
    assert table.read(filter="p = 7").count() == 0
    assert table.read(filter="p = 1").count() == 5
