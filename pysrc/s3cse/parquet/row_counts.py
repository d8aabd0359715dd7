"""Counting the rows of files from their footers, which the integrity policy covers as it does everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from s3cse.keyrings.base import Keyring
from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.parquet.counts import Counts, leave
from s3cse.parquet.expected import ANY, Expected
from s3cse.parquet.input import ParquetInput, open_in_ranges, open_whole
from s3cse.parquet.scan import FileTask, open_listed
from s3cse.storage.port import Location, ObjectStore

#: One row per file.
SCHEMA = pa.schema([pa.field("file", pa.string()), pa.field("rows", pa.int64())])
#: Ends of files that are fetched at once.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What to count; takes a scan's place in a split. Picklable, holds no secret.

    Args:
        report: where to leave what was touched; None: nowhere.
        expected: how files are opened.
    """

    policy: Policy
    report: Location | None = None
    expected: Expected = ANY

    def read(self, store: ObjectStore, keyring: Keyring | None, tasks: Sequence[FileTask]) -> Iterator[pa.RecordBatch]:
        """Yield one batch of SCHEMA: a row for each file.

        A file that only its own tag can verify is fetched whole under ``strict``, one after the other.

        Raises:
            S3CSEError: naming the file that could not be read.
        """
        counts, rows = Counts(), []
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="s3cse-count") as threads:
            ends = threads.map(partial(self._open_end, store, keyring), tasks)
            for task, end in zip(tasks, ends, strict=True):
                source = end
                if source is None:
                    source = open_whole(self._open(store, keyring, task, whole=True))
                rows.append(_rows(source, counts))
        counts.log(self.policy)
        if self.report is not None:
            leave(store, self.report, counts)
        uris = [task.file.location.uri for task in tasks]
        yield pa.RecordBatch.from_arrays([pa.array(uris), pa.array(rows, pa.int64())], schema=SCHEMA)

    def _open_end(self, store: ObjectStore, keyring: Keyring | None, task: FileTask) -> ParquetInput | None:
        return open_in_ranges(self._open(store, keyring, task, whole=False), self.policy)

    def _open(self, store: ObjectStore, keyring: Keyring | None, task: FileTask, *, whole: bool) -> OpenObject:
        return open_listed(store, keyring, task.file, self.policy, whole=whole, expected=self.expected)


def _rows(source: ParquetInput, counts: Counts) -> int:
    with closing(source.file):
        counts.add(source)
        return int(source.file.metadata.num_rows)
