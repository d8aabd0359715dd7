"""Tables by ``mapInArrow``, for Spark 3.5, which has no Python data sources.

A read is planned on the driver, when it is asked for; one task per split turns it into batches. A write stages each
task's rows and brings one row per task back to the driver, with the pickled files that wait for the commit. Everything
that matters is a ReadJob's and a WriteJob's, as for the data source.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from s3cse.errors import S3CSEError
from s3cse.options.table import Options, parse_options
from s3cse.parquet.sink import StagedFile
from s3cse.spark.planning import ReadJob, refuse_contradiction, select, table_schema
from s3cse.spark.staging import WriteJob
from s3cse.spark.types import to_spark

_STAGED = pa.schema([pa.field("staged", pa.binary(), nullable=False)])
_log = logging.getLogger(__name__)


def schema(path: str, given: Mapping[str, str]) -> StructType:
    """Return the columns that a read with these options has.

    Raises:
        S3CSEError: as the data source's ``schema``.
    """
    options = _options_of_read(path, given)
    return to_spark(select(table_schema(options), options.columns))


def read(spark: SparkSession, path: str, given: Mapping[str, str], schema: StructType | str | None = None) -> DataFrame:
    """Return an encrypted table as a DataFrame; the table is listed now, and only now.

    Args:
        path: ``s3://bucket/table/``.
        given: options, not validated yet.
        schema: the columns wanted with their types, or as DDL; None: those of the table, or of the option ``columns``.

    Raises:
        S3CSEError: as the data source when it plans.
    """
    options = _options_of_read(path, given)
    known = None
    if schema is None:
        known = table_schema(options)
        wanted = to_spark(select(known, options.columns))
    else:
        wanted = _parsed(spark, schema)
        if any(name.lower() == "columns" for name in given):
            refuse_contradiction(options.columns or (), wanted.names)
    job = ReadJob(options, wanted, known)
    splits = tuple(pickle.dumps(split) for split in job.splits())
    # A range has exactly one number per partition; rows that are repartitioned may meet in one task.
    numbers = spark.range(0, len(splits), 1, max(len(splits), 1))
    return numbers.mapInArrow(_SplitReader(job, splits).read, wanted)


def write(df: DataFrame, path: str, given: Mapping[str, str], *, overwrite: bool) -> None:
    """Encrypt a DataFrame into a table.

    Args:
        path: ``s3://bucket/table/``.
        given: options, not validated yet.
        overwrite: replace the table's content, else add to it.

    Raises:
        SettingsError: options or columns that cannot be; nothing was done.
        TransferError: S3 refused a part of the commit; see s3cse.spark.commit.
        PySparkException: a task failed; its text holds the error of ours where there is one.
    """
    job = WriteJob(parse_options({**given, "path": path}, use="write"), df.schema, overwrite)
    try:
        job.commit(_stage(df, job))
    except BaseException:
        _take_back(job)
        raise


def _stage(df: DataFrame, job: WriteJob) -> Sequence[StagedFile]:
    rows = df.mapInArrow(_TaskWriter(job).write, "staged binary").collect()
    if not rows:
        return job.stage(())  # no partitions, so no task: the file that keeps an empty table's columns is made here
    # Spark reports one attempt of each task: what others staged, commit aborts.
    return [file for row in rows for file in pickle.loads(row.staged)]  # noqa: S301 - our own tasks' answer


def _take_back(job: WriteJob) -> None:
    """Abort a job after an error, which a second one must not hide."""
    try:
        job.abort()
    except S3CSEError as error:
        _log.error("%s: what the failed job left could not all be removed: %s", job.table, error)


def _options_of_read(path: str, given: Mapping[str, str]) -> Options:
    return parse_options({**given, "path": path}, use="read")


def _parsed(spark: SparkSession, schema: StructType | str) -> StructType:
    """Return a schema that may be DDL, which only a session can parse before Spark 4."""
    return schema if isinstance(schema, StructType) else spark.createDataFrame([], schema).schema


@dataclass(frozen=True, slots=True, repr=False)
class _SplitReader:
    """Turns numbers of splits into the splits' rows.

    Splits are pickled one by one: a task that gets them all unpickles only its own.
    """

    job: ReadJob
    splits: tuple[bytes, ...]

    def read(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield from self.job.read(pickle.loads(self.splits[number]))  # noqa: S301 - what read() pickled


@dataclass(frozen=True, slots=True, repr=False)
class _TaskWriter:
    """Turns a task's rows into one row: the files that it staged."""

    job: WriteJob

    def write(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        staged = pickle.dumps(self.job.stage(batches))
        yield pa.RecordBatch.from_arrays([pa.array([staged], pa.binary())], schema=_STAGED)
