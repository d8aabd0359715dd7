"""Hadoop's S3A with client-side encryption in a real Spark, both ways: ``spark.read.parquet`` reads our tables."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import s3cse.local
from interop.drivers import RUN_TIMEOUT, UnavailableError
from interop.s3a import S3A, VERSIONS, v1_compatibility, without_retries
from interop.s3a_job import rows_of
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.objects.upload import complete
from s3cse.parquet import sink as sinks
from s3cse.spark import read, write
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fixtures import SETTINGS, spark_environment

pytestmark = [pytest.mark.heavy, pytest.mark.spark]

ROWS = 3000
ROW_GROUPS = 6
_INSTANT = dt.datetime(2026, 11, 25, 6, 30, 0, 123456, tzinfo=dt.timezone.utc)


def rows() -> pa.Table:
    """Return rows of the usual types, nulls among them; ``kind`` is a column to partition by."""
    ids = range(ROWS)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "text": [None if i % 7 == 0 else f"Grüße {i * i}" for i in ids],
            "amount": pa.array([i / 7 for i in ids]),
            "price": pa.array([decimal.Decimal(i).scaleb(-2) for i in ids], pa.decimal128(10, 2)),
            "day": pa.array([dt.date(2026, 1, 1) + dt.timedelta(days=i % 400) for i in ids]),
            "moment": pa.array([_INSTANT + dt.timedelta(seconds=i) for i in ids], pa.timestamp("us", "UTC")),
            "numbers": pa.array([list(range(i % 3)) for i in ids], pa.list_(pa.int32())),
            "kind": [f"kind {i % 3}" for i in ids],
        }
    )


#: What follows a bucket's name where S3A is set to something else: to give up at once, to expect CBC as of old.
REFUSED, CBC = "-refused", "-cbc"
#: What Spark's error says where it was the encryption client that did not open an object.
REFUSAL = "S3EncryptionClient"


@dataclass
class Lake:
    """Tables in buckets of their own, with what it takes to write and read them, and the rows that are right."""

    spark: SparkSession
    servers: s3cse.local.Servers
    s3a: S3A
    kms_key: str
    plain: str
    expected: list[str]
    bucket: str = field(default_factory=lambda: f"s3a-{uuid.uuid4().hex}")
    answers: dict[str, Any] = field(default_factory=dict)

    def uri(self, name: str, setting: str = "", scheme: str = "s3") -> str:
        """Return a table's address."""
        return f"{scheme}://{self.bucket}{setting}/{name}/"

    def s3a_read(self, name: str, setting: str = "") -> Any:
        """Return what S3A found in a table."""
        return self.answers[self.uri(name, setting, "s3a")]

    def we_read(self, name: str, setting: str = "", **options: str) -> list[str]:
        """Return the rows that our data source finds in a table."""
        return rows_of(read(self.spark, self.uri(name, setting), kmsKeyId=self.kms_key, **options))

    def write_ours(self) -> None:
        """Write the rows in several files, in folders, in one file of many row groups, and in other profiles."""
        for setting in ("", REFUSED, CBC):
            self.servers.create_bucket(self.bucket + setting)
        frame = self.spark.read.parquet(self.plain)
        options = {"kmsKeyId": self.kms_key, "profile": self.s3a.profile}
        write(frame.repartition(3), self.uri("ours"), **options)
        write(frame.repartition(2), self.uri("ours-parts"), partition_by=["kind"], **options)
        write_row_groups(self.servers, self.kms_key, Location(self.bucket, "ours-groups"), self.s3a.profile)
        for profile in {each.profile for each in VERSIONS} - {self.s3a.profile}:
            write(frame.coalesce(1), self.uri("other", REFUSED), kmsKeyId=self.kms_key, profile=profile)
        write(frame.coalesce(2), self.uri("ours", CBC), kmsKeyId=self.kms_key, profile="emrfs")

    def order(self) -> dict[str, Any]:
        """Return what S3A is to do."""
        wanted = [("ours", ""), ("ours-parts", ""), ("ours-groups", ""), ("theirs", ""), ("theirs-parts", "")]
        wanted += [("other", REFUSED), ("ours", CBC)]
        return {
            "settings": {
                **SETTINGS,
                **self.s3a.settings(self.servers.s3_url, self.kms_key, self.servers.region),
                **without_retries(self.bucket + REFUSED),
                **v1_compatibility(self.bucket + CBC),
                **({} if self.s3a.reads_cbc else without_retries(self.bucket + CBC)),
            },
            "write": {
                self.uri("theirs", scheme="s3a"): [self.plain, []],
                self.uri("theirs-parts", scheme="s3a"): [self.plain, ["kind"]],
            },
            "read": [self.uri(name, setting, "s3a") for name, setting in wanted],
        }


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda s3a: f"hadoop-{s3a.hadoop}-{s3a.profile}")
def lake(
    request: pytest.FixtureRequest,
    spark: SparkSession,
    servers: s3cse.local.Servers,
    kms_key: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Lake:
    """Let us write tables, then one Spark with S3A write its own and read all of them."""
    s3a: S3A = request.param
    try:
        s3a.jars()
    except UnavailableError as error:
        pytest.skip(f"S3A needs a JDK from 17 on, Maven with the Central repository and both Sparks: {error}")
    folder = tmp_path_factory.mktemp("s3a")
    plain = folder / "plain"
    plain.mkdir()
    pq.write_table(rows(), plain / "rows.parquet")
    lake = Lake(spark, servers, s3a, kms_key, str(plain), rows_of(spark.read.parquet(str(plain))))
    lake.write_ours()
    lake.answers = run(s3a, lake.order(), folder, spark_environment(servers))
    return lake


def write_row_groups(servers: s3cse.local.Servers, kms_key: str, table: Location, profile: str) -> None:
    """Write a file of several row groups as a task of the data source would, had it thousands of times the rows."""
    found = rows()
    store, keyring = S3Store(servers.s3_client()), KmsKeyring(servers.kms_client(), kms_key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sinks, "ROW_GROUP_ROWS", ROWS // ROW_GROUPS)
        sink = sinks.TableSink(
            store, keyring, find_profile(profile, "kms"), table, found.schema, name="part-{}.parquet".format
        )
        for batch in found.to_batches(max_chunksize=ROWS // ROW_GROUPS):
            sink.write(batch)
        for staged in sink.finish():
            complete(store, staged.upload)


def run(s3a: S3A, order: dict[str, Any], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Carry an order out in the Spark that has this S3A."""
    file = folder / "order.json"
    file.write_text(json.dumps(order))
    done = subprocess.run(
        [s3a.python, Path(__file__).with_name("s3a_job.py"), file],
        capture_output=True,
        text=True,
        env={**environment, "PYSPARK_PYTHON": str(s3a.python)},
        timeout=RUN_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


@pytest.mark.parametrize("name", ["ours", "ours-parts", "ours-groups"])
def test_s3a_reads_what_we_wrote(lake: Lake, name: str) -> None:
    """Spark's own reader over S3A finds exactly our rows: several files, folders, row groups before a segment index."""
    found = lake.s3a_read(name)
    assert "error" not in found, "\n".join(line for line in found["error"] if not line.startswith("\tat "))
    assert found == {"rows": lake.expected}


@pytest.mark.parametrize("name", ["theirs", "theirs-parts"])
def test_we_read_what_s3a_wrote(lake: Lake, name: str) -> None:
    """Our data source finds the rows that Spark wrote over S3A, with no option but the key; so does S3A itself."""
    assert lake.s3a_read(name) == {"rows": lake.expected}
    assert lake.we_read(name) == lake.expected


def test_s3a_refuses_the_other_profile(lake: Lake) -> None:
    """Each S3A reads GCM in one format only, and fails on the other: the profile has to be chosen for it."""
    assert REFUSAL in str(lake.s3a_read("other", REFUSED)["error"])
    assert lake.we_read("other", REFUSED) == lake.expected


def test_s3a_reads_cbc_with_v1_compatibility(lake: Lake) -> None:
    """S3A of Hadoop 3.4.2, told so, reads tables of the profile `emrfs`; that of 3.5.0 refuses them."""
    if lake.s3a.reads_cbc:
        assert lake.s3a_read("ours", CBC) == {"rows": lake.expected}
    else:
        assert REFUSAL in str(lake.s3a_read("ours", CBC)["error"])
    assert lake.we_read("ours", CBC, legacy="allow") == lake.expected
