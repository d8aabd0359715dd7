"""Redshift's files, written and read by Spark's executors."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import importlib
import io
import json
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.errors import PySparkException
from pyspark.serializers import CloudPickleSerializer
from pyspark.sql import DataFrame, SparkSession

import s3cse.local
from s3cse.errors import PolicyError, SettingsError, TransferError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.objects.put import publish
from s3cse.options.table import parse_options
from s3cse.services.redshift import CopyLayout, Export, RootKey, ServerSide, UnloadLayout
from s3cse.services.redshift.data_files import new_upload
from s3cse.spark.explain import explain
from s3cse.spark.flags import given_options
from s3cse.spark.job import Job
from s3cse.spark.redshift import Connection, _ExportJob, _UnloadJob, export_table, read_unload
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fixtures import TESTS

RAW_KEY = bytes(range(32))
KEYRING = RootKey(RAW_KEY).keyring()
CSV = CopyLayout()


@pytest.fixture(autouse=True)
def planning(servers: s3cse.local.Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process see the servers: here the driver plans and publishes."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def key(tmp_path: Path) -> KeyringSettings:
    """Where the root key is, for driver and executors."""
    path = tmp_path / "redshift.key"
    path.write_bytes(RAW_KEY)
    return KeyringSettings(kind="aes", key_file=str(path))


@pytest.fixture
def place(shared_bucket: str) -> Location:
    """A folder of the test's own."""
    return Location(shared_bucket, f"redshift/{uuid.uuid4().hex}")


@pytest.fixture
def store(s3: Any) -> S3Store:
    """The S3 server as a store."""
    return S3Store(s3)


def put(store: S3Store, location: Location, body: bytes) -> None:
    """Store an object as Redshift encrypts."""
    upload = new_upload(store, location, KEYRING, 1)
    upload.write(body)
    publish(store, upload.finish())


def decrypted(s3: Any, location: Location) -> bytes:
    """Return an object's plaintext."""
    client = s3cse.Client(s3, KEYRING, legacy="allow")
    return bytes(client.get_object(Bucket=location.bucket, Key=location.key)["Body"].read())


def rows_of(s3: Any, export: Export) -> list[list[str]]:
    """Return the rows of all files of an export as CSV."""
    texts = [gzip.decompress(decrypted(s3, location)).decode() for location in export.files]
    return [row for text in texts for row in csv.reader(io.StringIO(text, newline=""))]


def numbers(spark: SparkSession, rows: int, partitions: int) -> DataFrame:
    """Return a frame of numbers and texts."""
    return spark.range(0, rows, 1, partitions).selectExpr("id", "IF(id % 5 = 0, NULL, concat('row \"', id)) AS text")


def left(store: S3Store, place: Location) -> tuple[list[str], list[str]]:
    """Return the objects and the uploads in a folder."""
    return [row.location.key for row in store.list(place)], [row.location.key for row in store.list_uploads(place)]


def test_executors_write_and_the_driver_lists(
    spark: SparkSession, s3: Any, store: S3Store, place: Location, key: KeyringSettings
) -> None:
    """A file a partition, every row once, and a manifest of them all; partitions without rows leave none."""
    made = export_table(numbers(spark, 1000, 3).where("id < 700"), place.uri, encryption=key)
    entries = json.loads(s3.get_object(Bucket=place.bucket, Key=made.manifest.key)["Body"].read())["entries"]
    assert [entry["url"] for entry in entries] == [location.uri for location in made.files]
    assert (len(made.files), made.rows, made.columns) == (3, 700, ("id", "text"))
    expected = [[str(n), "@NULL@" if n % 5 == 0 else f'row "{n}'] for n in range(700)]
    assert sorted(rows_of(s3, made), key=lambda row: int(row[0])) == expected
    assert left(store, place)[1] == []


def test_types_and_the_sessions_time_zone(spark: SparkSession, s3: Any, place: Location, key: KeyringSettings) -> None:
    """Instants are UTC whatever the session's zone is, other times as they stand; nested values are JSON."""
    frame = spark.sql(
        "SELECT TIMESTAMP '2024-02-29 07:00:00 America/New_York' AS instant, "
        "TIMESTAMP_NTZ '2024-02-29 12:00:00.5' AS at, DATE '1899-12-31' AS day, "
        "CAST(0.00000001 AS DECIMAL(20,8)) AS exact, true AS flag, X'00FF' AS bytes, "
        "named_struct('a', array(1, NULL)) AS nested"
    )
    (row,) = rows_of(s3, export_table(frame, place.uri, encryption=key))
    assert row == [
        "2024-02-29 12:00:00.000000+00", "2024-02-29 12:00:00.500000", "1899-12-31", "0.00000001", "true", "00ff",
        '{"a":[1,null]}',
    ]  # fmt: skip


def test_no_rows(spark: SparkSession, s3: Any, place: Location, key: KeyringSettings) -> None:
    """An empty DataFrame leaves one empty file, so that COPY loads nothing rather than fail."""
    made = export_table(numbers(spark, 10, 2).where("false"), place.uri, encryption=key)
    assert (len(made.files), made.rows, rows_of(s3, made)) == (1, 0, [])


def test_a_failed_job_leaves_nothing(
    spark: SparkSession, store: S3Store, place: Location, key: KeyringSettings
) -> None:
    """The error names column, partition and row, and neither manifest, file nor upload is there."""
    frame = spark.range(0, 100, 1, 2).selectExpr("IF(id = 77, repeat('x', 65536), 'fine') AS text")
    with pytest.raises(PySparkException) as caught:
        export_table(frame, place.uri, encryption=key, file_bytes=1)
    assert "partition 1: column 'text', row 27: the value is longer than a VARCHAR" in (explain(caught.value) or "")
    assert left(store, place) == ([], [])


def test_what_is_wrong_is_found_before_anything_runs(
    spark: SparkSession, store: S3Store, place: Location, key: KeyringSettings, tmp_path: Path
) -> None:
    """A key of another length, a column that Redshift has not, a folder that is taken."""
    short = tmp_path / "short.key"
    short.write_bytes(bytes(16))
    frame = numbers(spark, 10, 1)
    with pytest.raises(SettingsError, match="256-bit keys only"):
        export_table(frame, place.uri, encryption=KeyringSettings(kind="aes", key_file=str(short)))
    binary, layout = spark.sql("SELECT X'00' AS x"), CopyLayout(format="json")
    with pytest.raises(SettingsError, match="column 'x' is binary"):
        export_table(binary, place.uri, encryption=key, layout=layout)
    assert left(store, place) == ([], [])
    export_table(frame, place.uri, encryption=key)
    with pytest.raises(SettingsError, match="an export already"):
        export_table(frame, place.uri, encryption=key)


def test_the_plan_holds_no_key(spark: SparkSession, key: KeyringSettings) -> None:
    """What travels to executors names the key's file."""
    schema = pa.schema([("x", pa.int8())]).serialize().to_pybytes()
    common: dict[str, Any] = {"connection": Connection(), "key": key, "schema": schema}
    export = _ExportJob(**common, server_side=None, layout=CSV, target=Location("b", "x"), id="0" * 32, file_bytes=1)
    unload = _UnloadJob(**common, policy=None, layout=UnloadLayout(), files=())  # type: ignore[arg-type]
    for job in (export, unload):
        assert RAW_KEY not in CloudPickleSerializer().dumps(job)


def test_what_s3_encrypts(spark: SparkSession, s3: Any, place: Location) -> None:
    """ServerSide files need no key: they are plain to whoever may read them."""
    made = export_table(numbers(spark, 10, 1), place.uri, encryption=ServerSide(algorithm="AES256"))
    answer = s3.get_object(Bucket=place.bucket, Key=made.files[0].key)
    assert gzip.decompress(answer["Body"].read()).count(b"\n") == 10


UNLOADED = pa.schema(
    [
        ("id", pa.int32()),
        ("name", pa.string()),
        ("price", pa.decimal128(18, 2)),
        ("instant", pa.timestamp("us", "UTC")),
        ("clock", pa.time64("us")),
    ]
)
FIRST = b'1,"a ""q""",1.50,2024-02-29 12:00:00+00,12:00:00\n2,,,,\n'
SECOND = b"3,c,-0.01,1969-12-31 23:59:59.999999+00,00:00:00.5\n"


def unloaded(store: S3Store, place: Location, bodies: dict[str, bytes]) -> Location:
    """Store the files of an UNLOAD and its manifest, and return its prefix."""
    prefix = place.child("u_")
    for name, body in bodies.items():
        put(store, Location(prefix.bucket, prefix.key + name), body)
    entries = [{"url": prefix.uri + name} for name in bodies]
    put(store, Location(prefix.bucket, f"{prefix.key}manifest"), json.dumps({"entries": entries}).encode())
    return prefix


def test_unload_becomes_a_dataframe(spark: SparkSession, store: S3Store, place: Location, key: KeyringSettings) -> None:
    """A task a file; types as UNLOAD had them, times of day as text."""
    prefix = unloaded(store, place, {"0000_part_00": FIRST, "0001_part_00.gz": gzip.compress(SECOND)})
    frame = read_unload(spark, prefix.uri, key=key, legacy="allow", columns=UNLOADED)
    assert frame.rdd.getNumPartitions() == 2
    assert (
        frame.schema.simpleString() == "struct<id:int,name:string,price:decimal(18,2),instant:timestamp,clock:string>"
    )
    rows = sorted(frame.selectExpr("id", "name", "price", "unix_micros(instant) AS at", "clock").collect())
    noon = int(dt.datetime(2024, 2, 29, 12, tzinfo=dt.timezone.utc).timestamp()) * 1_000_000
    assert [tuple(row) for row in rows] == [
        (1, 'a "q"', Decimal("1.50"), noon, "12:00:00"),
        (2, None, None, None, None),
        (3, "c", Decimal("-0.01"), -1, "00:00:00.5"),
    ]


def test_unload_is_checked_on_the_driver(
    spark: SparkSession, store: S3Store, place: Location, key: KeyringSettings
) -> None:
    """Policy, manifest and missing files are looked at before a task runs."""
    prefix = unloaded(store, place, {"0000_part_00": FIRST, "0001_part_00": SECOND})
    with pytest.raises(PolicyError, match="legacy=allow"):
        read_unload(spark, prefix.uri, key=key, columns=UNLOADED)
    store.delete([Location(prefix.bucket, f"{prefix.key}0001_part_00")])
    with pytest.raises(TransferError, match="1 of 2 missing"):
        read_unload(spark, prefix.uri, key=key, legacy="allow", columns=UNLOADED)


def test_a_damaged_file_fails_the_query(
    spark: SparkSession, store: S3Store, place: Location, key: KeyringSettings
) -> None:
    """The error names the file, column and row."""
    prefix = unloaded(store, place, {"0000_part_00": FIRST, "0001_part_00": b"x,c,,,\n"})
    frame = read_unload(spark, prefix.uri, key=key, legacy="allow", columns=UNLOADED)
    with pytest.raises(PySparkException) as caught:
        frame.write.format("noop").mode("overwrite").save()
    said = explain(caught.value) or ""
    assert said.startswith(f"IntegrityError: {prefix.uri}0001_part_00: column 'id', row 0")


def test_jobs_with_plain_tables(
    spark: SparkSession,
    place: Location,
    key: KeyringSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Plain Parquet goes out under the root key and comes back as plain Parquet; no KMS key is needed for that."""

    def here(name: str, table: str, arguments: Any, work: Any) -> int:
        given = given_options(arguments)
        return int(work(Job(spark, given, parse_options({"path": table, **given}))))

    def run(name: str, *arguments: str) -> dict[str, Any]:
        job = importlib.import_module(name)
        monkeypatch.setattr(job, "run_job", here)
        monkeypatch.setattr(sys, "argv", [name, *arguments, "--redshift-key-file", str(key.key_file), "--json"])
        assert job.main() == 0
        return dict(json.loads(capsys.readouterr().out.splitlines()[-1]))

    monkeypatch.syspath_prepend(str(TESTS.parent / "jobs"))
    before, after = str(tmp_path / "before"), str(tmp_path / "after")
    numbers(spark, 300, 2).write.parquet(before)
    done = run("redshift_export", before, place.uri, "--plain", "--format", "json", "--files", "3")
    assert (done["files"], done["rows"], done["statement"]) == (3, 300, None)
    flags = ["--format", "json", "--columns", "id BIGINT, text STRING", "--legacy", "allow", "--plaintext", "pass"]
    run("redshift_import", done["manifest"], after, "--plain-target", *flags)
    assert sorted(spark.read.parquet(after).collect()) == sorted(spark.read.parquet(before).collect())


def test_there_and_back(spark: SparkSession, place: Location, key: KeyringSettings) -> None:
    """What one job exports another imports, row by row."""
    frame = numbers(spark, 500, 2)
    made = export_table(frame, place.uri, encryption=key, layout=CopyLayout(format="json"))
    columns = pa.schema([("id", pa.int64()), ("text", pa.string())])
    back = read_unload(
        spark, made.manifest.uri, key=key, legacy="allow", plaintext="pass", layout=UnloadLayout(format="json"),
        columns=columns,
    )  # fmt: skip
    assert sorted(back.collect()) == sorted(frame.collect())
