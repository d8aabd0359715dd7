"""Writes that leave registered tables, without Spark: refused early, done after the commit, kept when Glue refuses."""

from __future__ import annotations

import logging
import pickle
import shlex
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

import s3cse.local
from s3cse.errors import KeyringError, SettingsError, TransferError
from s3cse.options.table import parse_options
from s3cse.parquet.table import list_table
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.names import TableName
from s3cse.services.glue import CatalogTable, find_table
from s3cse.spark import registration
from s3cse.spark.staging import WriteJob
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

SCHEMA = StructType([StructField("x", LongType()), StructField("month", IntegerType())])


class Lake:
    """A place for a table, and the catalog that is to know it."""

    def __init__(self, servers: s3cse.local.Servers, place: Location, database: str, key: str) -> None:
        self.servers, self.place, self.database, self.key = servers, place, database, key
        self.glue = servers.glue_client()
        self.store = S3Store(servers.s3_client())

    def job(self, schema: StructType = SCHEMA, *, overwrite: bool = False, **more: str) -> WriteJob:
        """Return a job that registers its table."""
        given = {
            "path": self.place.uri,
            "kmsKeyId": self.key,
            "region": self.servers.region,
            "endpointUrl": self.servers.s3_url,
            "kmsEndpointUrl": self.servers.kms_url,
            "glueEndpointUrl": self.servers.kms_url,
            "registerAs": f"{self.database}.flights",
            "partitionBy": "month",
            **more,
        }
        return WriteJob(parse_options(given, {}, use="write"), schema, overwrite)

    def known(self) -> CatalogTable | None:
        """Return the table as the catalog has it."""
        return find_table(self.glue, TableName(self.database, "flights"))

    def partitions(self) -> set[tuple[str, ...]]:
        """Return the values of the partitions that the catalog has."""
        rows = self.glue.get_partitions(DatabaseName=self.database, TableName="flights")["Partitions"]
        return {tuple(row["Values"]) for row in rows}


@pytest.fixture
def lake(
    servers: s3cse.local.Servers, shared_bucket: str, kms_key: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lake]:
    """A lake of the test's own."""
    for name, value in servers.environment().items():
        if "ENDPOINT" not in name:
            monkeypatch.setenv(name, value)
    database = f"spark_{uuid.uuid4().hex}"
    lake = Lake(servers, Location(shared_bucket, f"registered/{uuid.uuid4().hex}"), database, kms_key)
    lake.glue.create_database(DatabaseInput={"Name": database})
    yield lake
    lake.glue.delete_database(Name=database)


def rows(*months: int | None) -> Iterator[pa.RecordBatch]:
    """Yield a batch with one row per month."""
    yield pa.RecordBatch.from_pydict(
        {"x": pa.array(range(len(months)), pa.int64()), "month": pa.array(months, pa.int32())}
    )


def test_a_write_leaves_a_registered_table(lake: Lake) -> None:
    """After the commit, and not before, the catalog knows the table, its key and the partitions that were written."""
    job = pickle.loads(pickle.dumps(lake.job()))
    staged = job.stage(rows(1, 2, None))
    assert lake.known() is None
    job.commit(staged)
    table = lake.known()
    assert table is not None
    assert table.columns == {"x": "bigint"}
    assert table.partition_columns == {"month": "int"}
    assert table.location == f"{lake.place.uri}/"
    assert table.encryption == TableEncryption(lake.key)
    assert lake.partitions() == {("1",), ("2",), ("__HIVE_DEFAULT_PARTITION__",)}


def test_the_next_write_adds_its_partitions(lake: Lake) -> None:
    """An append adds new partitions and columns to what is registered; a repeated commit adds nothing twice."""
    first = lake.job()
    first.commit(first.stage(rows(1)))
    wider = StructType([*SCHEMA, StructField("gate", StringType())])
    job = lake.job(wider)
    batch = next(rows(1, 3)).append_column("gate", pa.array(["a", "b"]))
    staged = job.stage([batch])
    job.commit(staged)
    job.commit(staged)
    assert lake.partitions() == {("1",), ("3",)}
    table = lake.known()
    assert table is not None
    assert list(table.columns) == ["x", "gate"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"profile": "s3ec-v4"}, "profile=s3ec-v4"),
        ({"storage": "instruction-file"}, "storage=instruction-file"),
        ({"context": '{"team": "flights"}'}, "expected context=none"),
        ({"keyring": "provider", "provider": "a:B", "kmsKeyId": ""}, "no use for|kmsKeyId"),
        ({"registerAs": "flights"}, r"database\.table"),
        ({"registerAs": "nobody_made_this.flights"}, "no such database"),
        (
            {"region": "eu-west-1", "kmsRegion": "us-east-1", "kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/1"},
            "key in us-east-1, catalog in eu-west-1",
        ),
    ],
)
def test_refused_before_the_write(lake: Lake, options: dict[str, str], said: str) -> None:
    """What Athena could not read, and what the catalog would refuse, is refused before anything is written."""
    with pytest.raises(SettingsError, match=said):
        lake.job(**options)
    assert list(lake.store.list(lake.place)) == []


def test_unknown_alias_is_refused_before_the_write(lake: Lake) -> None:
    """So is a key that is not there."""
    with pytest.raises(KeyringError, match="alias/nobody-made-this"):
        lake.job(kmsKeyId="alias/nobody-made-this")


@pytest.mark.parametrize("change", [{"path": "elsewhere"}, {"key": "other"}, {"partitionBy": "x"}])
def test_a_contradiction_is_refused_before_the_write(lake: Lake, change: dict[str, str]) -> None:
    """A table that the catalog knows elsewhere, under another key or with other partitions is refused early."""
    first = lake.job()
    first.commit(first.stage(rows(1)))
    before = lake.partitions()
    options = dict(change)
    if "key" in options:
        options = {"kmsKeyId": lake.servers.create_key()}
    if "path" in options:
        options = {"path": lake.place.child("elsewhere").uri}
    with pytest.raises(SettingsError, match="in the catalog"):
        lake.job(**options)
    assert lake.partitions() == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_rows_stay_when_glue_refuses(
    lake: Lake, overwrite: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal after the commit says that the rows are there and how to register them; the abort removes nothing."""
    job = lake.job(overwrite=overwrite)
    staged = job.stage(rows(1))

    def refuse(*_: Any, **__: Any) -> Any:
        raise TransferError("Glue did not create the table", found="ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(registration, "register", refuse)
        with pytest.raises(TransferError, match="rows are written and in force") as caught:
            job.commit(staged)
    message = str(caught.value)
    assert "ThrottlingException" in message
    command = f"jobs/register_table.py {lake.place.uri} {lake.database}.flights --kms-key-id {lake.key}"
    assert f"{command} --partition-type month=int" in message
    with caplog.at_level(logging.WARNING):
        pickle.loads(pickle.dumps(job)).abort()
    assert "nothing was removed" in caplog.text
    assert len(list_table(lake.store, lake.place).files) == 1
    job.commit(staged)
    assert lake.partitions() == {("1",)}


def test_how_to_register_is_for_a_shell(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd addresses are quoted, and texts that look like numbers are to stay texts."""
    schema = StructType([StructField("x", LongType()), StructField("code", StringType())])
    job = lake.job(schema, path=f"{lake.place.uri}/it's here", partitionBy="code")
    batch = pa.RecordBatch.from_pydict({"x": pa.array([1], pa.int64()), "code": ["007"]})
    staged = job.stage(iter([batch]))

    def refuse(*_: Any, **__: Any) -> Any:
        raise TransferError("Glue did not create the table")

    monkeypatch.setattr(registration, "register", refuse)
    with pytest.raises(TransferError) as caught:
        job.commit(staged)
    words = shlex.split(str(caught.value.fix).partition("jobs/register_table.py ")[2])
    assert words[0].endswith("/it's here")
    assert words[-2:] == ["--partition-type", "code=string"]


def test_abort_before_the_commit_removes_everything(lake: Lake) -> None:
    """An abort of a job that never came to its commit leaves nothing, registered or not."""
    job = lake.job()
    job.stage(rows(1))
    job.abort()
    assert list(lake.store.list(lake.place)) == []
    assert lake.known() is None
