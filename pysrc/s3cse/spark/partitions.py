"""The picklable plan of a read: what travels to the tasks. Wrapped keys at most; no data key, no plaintext."""

from __future__ import annotations

from pyspark.sql.datasource import InputPartition

from s3cse.parquet.scan import FileTask, Scan


class Split(InputPartition):
    """The files, or row groups of files, that one task reads."""

    def __init__(self, scan: Scan, tasks: list[FileTask]) -> None:
        super().__init__(None)
        self.scan = scan
        self.tasks = tasks

    def __repr__(self) -> str:
        return f"Split({len(self.tasks)} files)"
