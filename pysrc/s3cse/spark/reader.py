"""The read half of the data source: Spark's interface to a ReadJob."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql.datasource import DataSourceReader, InputPartition

from s3cse.spark.partitions import SplitPartition
from s3cse.spark.planning import ReadJob


class TableReader(DataSourceReader):
    """Reads one table; pickled by Spark to the planner and to every task."""

    def __init__(self, job: ReadJob) -> None:
        self._job = job

    def partitions(self) -> list[InputPartition]:
        """List the table and distribute its files; runs once, in the planner."""
        return [SplitPartition(split) for split in self._job.splits()]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Yield a split's rows; runs on an executor."""
        assert isinstance(partition, SplitPartition)  # noqa: S101 - Spark hands back what partitions() returned
        return self._job.read(partition.split)
