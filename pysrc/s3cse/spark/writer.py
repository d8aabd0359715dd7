"""The write half of the data source: Spark's interface to a WriteJob."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql.datasource import DataSourceArrowWriter, WriterCommitMessage

from s3cse.parquet.sink import StagedFile
from s3cse.spark.staging import WriteJob


@dataclass
class Staged(WriterCommitMessage):
    """What one task leaves for the commit: places, part ETags and metadata with wrapped keys. No secret."""

    files: tuple[StagedFile, ...]


class TableWriter(DataSourceArrowWriter):
    """Writes one DataFrame; pickled by Spark to every task and to the commit process."""

    def __init__(self, job: WriteJob) -> None:
        self._job = job

    def write(self, iterator: Iterator[pa.RecordBatch]) -> Staged:
        """Encrypt and upload one task's rows; runs on an executor."""
        return Staged(self._job.stage(iterator))

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Publish all tasks' files; runs on the driver, perhaps more than once."""
        self._job.commit([file for message in messages if isinstance(message, Staged) for file in message.files])

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:  # noqa: ARG002 - Spark does not name all
        """Remove what the job left; runs on the driver, in another process than commit."""
        self._job.abort()
