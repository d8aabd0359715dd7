"""A split as a Python data source hands it to Spark."""

from __future__ import annotations

from pyspark.sql.datasource import InputPartition

from s3cse.spark.planning import Split


class SplitPartition(InputPartition):
    """One task's split."""

    def __init__(self, split: Split) -> None:
        super().__init__(None)
        self.split = split

    def __repr__(self) -> str:
        return repr(self.split)
