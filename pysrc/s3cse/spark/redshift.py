"""Redshift's files and Spark: executors write files for COPY in parallel, and read those of UNLOAD.

Over ``mapInArrow``, so the same on every Spark. Only the driver makes files visible, and the manifest comes last: a job
that fails leaves none. Raw keys travel by reference.
"""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.types as pat
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession

from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.keyrings.configured import KeyringSettings
from s3cse.objects.policy import Policy
from s3cse.parquet.sink import StagedFile
from s3cse.services.redshift.data_files import FILE_BYTES, DataFiles
from s3cse.services.redshift.encryption import ServerSide
from s3cse.services.redshift.exporting import Export, exported
from s3cse.services.redshift.layout import CopyLayout, UnloadLayout
from s3cse.services.redshift.lines import check_columns
from s3cse.services.redshift.manifest import ManifestFile
from s3cse.services.redshift.publishing import check_free, file_place, folder, publish, take_back
from s3cse.services.redshift.root_key import RootKey
from s3cse.services.redshift.unload import NoKey, open_unload, rows_of
from s3cse.spark.session import spare_collections
from s3cse.spark.types import spark_ready, to_arrow, to_spark
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client

_STAGED = pa.schema([pa.field("staged", pa.binary(), nullable=False)])
_DEFAULT_COPY, _DEFAULT_UNLOAD = CopyLayout(), UnloadLayout()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How tasks reach S3. Holds no secret: it travels in Spark's plan.

    Args:
        region: AWS Region of the bucket; None: as boto3 finds it.
        endpoint_url: another S3 server than AWS; None: as boto3 finds it.
    """

    region: str | None = None
    endpoint_url: str | None = None

    def store(self, server_side: ServerSide | None = None) -> S3Store:
        """Return a store of this process."""
        client = _client(os.getpid(), self.region, self.endpoint_url)
        return S3Store(client, None if server_side is None else server_side.arguments())


@cache
def _client(process: int, region: str | None, endpoint_url: str | None) -> Any:  # noqa: ARG001 - a fork has its own
    return s3_client(region, endpoint_url)


_HERE = Connection()


def export_table(
    df: DataFrame,
    target: str,
    *,
    encryption: KeyringSettings | ServerSide,
    layout: CopyLayout = _DEFAULT_COPY,
    file_bytes: int = FILE_BYTES,
    connection: Connection = _HERE,
) -> Export:
    """Write a DataFrame as files for COPY: one for each partition, or more.

    ``df.repartition(n)`` sets how many, best a multiple of the cluster's slices.

    Args:
        target: ``s3://bucket/folder/``, of this export's own.
        encryption: where driver and executors find the root key (``KeyringSettings(kind="aes", key_file=…)``), or
            ServerSide.
        layout: format, compression, NULL.
        file_bytes: compressed bytes of a file after which another begins.

    Raises:
        SettingsError: no key, a column that Redshift cannot have, or the folder has an export; nothing was done.
        TransferError: S3 refused a file or the manifest; nothing of this export is left, and there is no manifest.
        PySparkException: a task failed; its text holds the error of ours. Of a value that Redshift cannot hold it names
            column, partition and row.
    """
    place = folder(target)
    schema = to_arrow(df.schema)
    check_columns(schema, layout)
    server_side = encryption if isinstance(encryption, ServerSide) else None
    job = _ExportJob(
        connection=connection,
        key=None if isinstance(encryption, ServerSide) else encryption,
        server_side=server_side,
        layout=layout,
        target=place,
        id=uuid.uuid4().hex,
        file_bytes=file_bytes,
        schema=schema.serialize().to_pybytes(),
    )
    job.keyring()  # a wrong key is found before anything runs
    store = connection.store(server_side)
    check_free(store, place)
    try:
        rows = df.mapInArrow(job.run, "staged binary").collect()
        # Spark reports one attempt of each task: what others staged, publish aborts.
        staged = [file for row in rows for file in pickle.loads(row.staged)]  # noqa: S301 - our own tasks' answer
        if not staged:
            staged = list(job.stage((), at_least_one=True))
    except BaseException:
        take_back(store, place, job.id)
        raise
    return exported(publish(store, place, job.id, staged), schema.names, layout)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _ExportJob:
    """One export; pickled to every task."""

    connection: Connection
    key: KeyringSettings | None
    server_side: ServerSide | None
    layout: CopyLayout
    target: Location
    id: str
    file_bytes: int
    schema: bytes

    def keyring(self) -> Keyring | None:
        return None if self.key is None else RootKey.from_settings(self.key).keyring()

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Turn a task's rows into one row: the files that it staged."""
        staged = pickle.dumps(self.stage(batches))
        yield pa.RecordBatch.from_arrays([pa.array([staged], pa.binary())], schema=_STAGED)

    def stage(self, batches: Iterable[pa.RecordBatch], *, at_least_one: bool = False) -> tuple[StagedFile, ...]:
        spare_collections()
        context = TaskContext.get()
        task, attempt = (0, 0) if context is None else (context.partitionId(), context.taskAttemptId())
        files = DataFiles(
            self.connection.store(self.server_side),
            self.keyring(),
            pa.ipc.read_schema(pa.py_buffer(self.schema)),
            self.layout,
            lambda count: file_place(self.target, self.id, task, attempt, count, self.layout.ending),
            file_bytes=self.file_bytes,
        )
        try:
            for batch in batches:
                files.write(batch)
            return tuple(files.finish(at_least_one=at_least_one))
        except SettingsError as error:
            files.abort()
            error.problem = f"partition {task}: {error.problem}"
            raise
        except BaseException:
            files.abort()
            raise


def read_unload(
    spark: SparkSession,
    uri: str,
    *,
    key: KeyringSettings | None,
    legacy: str = "refuse",
    plaintext: str = "refuse",
    layout: UnloadLayout = _DEFAULT_UNLOAD,
    columns: pa.Schema | None = None,
    without_manifest: bool = False,
    connection: Connection = _HERE,
) -> DataFrame:
    """Return what an UNLOAD left as a DataFrame: a task for each file, which nothing can split.

    Times of day become text: Spark's older versions have no such type.

    Args:
        key: where driver and executors find the root key; None where S3 encrypted (``plaintext="pass"``).

    The others as for s3cse.services.redshift.read_unload.

    Raises:
        S3CSEError: as s3cse.services.redshift.read_unload: manifest, missing files and columns are looked at now.
    """
    policy = Policy(legacy=legacy, plaintext=plaintext)
    keyring = _unload_keyring(key)
    found = open_unload(
        connection.store(), keyring, Location.parse(uri), policy, layout, columns, without_manifest=without_manifest
    )
    schema = spark_ready(_times_as_text(found.schema))
    job = _UnloadJob(
        connection=connection,
        key=key,
        policy=policy,
        layout=layout,
        files=found.files,
        schema=schema.serialize().to_pybytes(),
    )
    numbers = spark.range(0, len(found.files), 1, len(found.files))
    return numbers.mapInArrow(job.read, to_spark(schema))


def _times_as_text(schema: pa.Schema) -> pa.Schema:
    return pa.schema([column.with_type(pa.string()) if pat.is_time(column.type) else column for column in schema])


def _unload_keyring(key: KeyringSettings | None) -> Keyring:
    return NoKey() if key is None else RootKey.from_settings(key).keyring()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _UnloadJob:
    """Turns numbers of files into the files' rows; pickled to every task."""

    connection: Connection
    key: KeyringSettings | None
    policy: Policy
    layout: UnloadLayout
    files: tuple[ManifestFile, ...]
    schema: bytes

    def read(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        spare_collections()
        store, keyring = self.connection.store(), _unload_keyring(self.key)
        schema = pa.ipc.read_schema(pa.py_buffer(self.schema))
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield from rows_of(store, keyring, self.files[number], self.policy, self.layout, schema)
