"""One Spark session and tables of their own for the tests that need them."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

import s3cse.local
import s3cse.spark
from s3cse.envelope.profiles import Profile
from s3cse.keyrings import KmsKeyring
from s3cse.local.java import java_home
from s3cse.objects.put import put_object
from s3cse.spark.api import DATA_SOURCES
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fakes import GCM, parquet

TESTS = Path(__file__).resolve().parents[1]
#: Not UTC, and with local mean time before 1883.
SESSION_ZONE = "America/New_York"
SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "1g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": SESSION_ZONE,
    "spark.ui.showConsoleProgress": "false",
    # Short jobs: less compilation by the JVM is less time.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto",
}


def spark_environment(servers: s3cse.local.Servers) -> dict[str, str]:
    """Return the environment of processes that run Spark against the servers."""
    environment = {**os.environ, **servers.environment(), "PYSPARK_PYTHON": sys.executable}
    home = java_home()
    if home is not None:
        environment["JAVA_HOME"] = str(home)
    return environment


@pytest.fixture(scope="session")
def spark(servers: s3cse.local.Servers) -> Iterator[SparkSession]:
    """The one Spark session of the run; its processes see the servers, this one only where it plans (Spark 3.5)."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in spark_environment(servers).items():
            patch.setenv(name, value)
        # Functions of test modules travel by name.
        patch.setenv("PYTHONPATH", str(TESTS))
        builder = SparkSession.builder.appName("s3cse tests")
        for name, value in SETTINGS.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        if DATA_SOURCES:
            patch.undo()
        yield session
    session.stop()


@dataclass
class Table:
    """A table in the S3 server, and short words for what tests do with it."""

    spark: SparkSession
    s3: Any
    location: Location
    keyring: KmsKeyring
    options: dict[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """The table's address."""
        return f"{self.location.uri}/"

    @property
    def store(self) -> S3Store:
        """The S3 server as a store."""
        return S3Store(self.s3)

    def write(self, df: DataFrame, mode: str = "append", **options: str) -> None:
        """Write through ``df.write.format("s3cse")``, or as Spark 3.5 can."""
        given = {**self.options, **options}
        if DATA_SOURCES:
            df.write.format("s3cse").mode(mode).options(**given).save(self.uri)
        else:
            s3cse.spark.write(df, self.uri, mode, **given)

    def read(self, schema: str | None = None, **options: str) -> DataFrame:
        """Read through ``spark.read.format("s3cse")``, or as Spark 3.5 can."""
        given = {**self.options, **options}
        if not DATA_SOURCES:
            return s3cse.spark.read(self.spark, self.uri, schema=schema, **given)
        reader = self.spark.read.format("s3cse").options(**given)
        return (reader if schema is None else reader.schema(schema)).load(self.uri)

    def put(self, name: str, rows: pa.Table | bytes, profile: Profile | None = GCM, **writing: Any) -> Location:
        """Store a file without Spark: rows as Parquet, or bytes as they are; encrypted, or plain (None)."""
        body = rows if isinstance(rows, bytes) else parquet(rows, **writing)
        location = self.location.child(name)
        if profile is None:
            self.store.put(location, body)
        else:
            put_object(self.store, location, self.keyring, profile, body)
        return location

    def names(self) -> list[str]:
        """Return the names of all objects below the table."""
        prefix = f"{self.location.key}/"
        return [
            row.location.key.removeprefix(prefix) for row in self.store.list(Location(self.location.bucket, prefix))
        ]

    def files(self) -> list[str]:
        """Return the names of the data files."""
        return [name for name in self.names() if name.endswith(".parquet")]

    def uploads(self) -> list[str]:
        """Return the keys of unfinished uploads."""
        return [row.location.key for row in self.store.list_uploads(self.location)]

    def body(self, name: str) -> tuple[bytes, dict[str, str]]:
        """Return an object as it is stored, with its metadata."""
        answer = self.s3.get_object(Bucket=self.location.bucket, Key=self.location.child(name).key)
        return answer["Body"].read(), answer["Metadata"]

    def replace(self, name: str, body: bytes, metadata: dict[str, str]) -> None:
        """Store an object as it is given."""
        self.s3.put_object(Bucket=self.location.bucket, Key=self.location.child(name).key, Body=body, Metadata=metadata)


@pytest.fixture
def table(
    spark: SparkSession, servers: s3cse.local.Servers, s3: Any, kms: Any, kms_key: str, shared_bucket: str
) -> Table:
    """An address where nothing is yet."""
    return new_table(spark, s3, kms, kms_key, shared_bucket)


def new_table(spark: SparkSession, s3: Any, kms: Any, kms_key: str, bucket: str) -> Table:
    """Return a table at an address of its own."""
    location = Location(bucket, f"lake/{uuid.uuid4().hex}")
    return Table(spark, s3, location, KmsKeyring(kms, kms_key), {"kmsKeyId": kms_key})
