"""Reading the rows of a table's files: pruned, filtered exactly, and in exactly the schema that was asked for."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from s3cse.errors import S3CSEError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import coalesce
from s3cse.parquet.conform import conform
from s3cse.parquet.counts import Counts, leave
from s3cse.parquet.expected import ANY, Expected
from s3cse.parquet.filter.binding import bind
from s3cse.parquet.filter.expression import Expression
from s3cse.parquet.filter.predicate import Predicate
from s3cse.parquet.filter.pruning import ColumnStats, may_match
from s3cse.parquet.filter.row_filter import predicate_to_arrow
from s3cse.parquet.filter.statistics import group_stats, partition_stats
from s3cse.parquet.input import ParquetInput, open_parquet, opening_bytes, unreadable
from s3cse.parquet.table import DataFile
from s3cse.storage.port import Location, ObjectStore

#: Rows per batch: the JVM holds a whole batch in direct memory, and each batch costs a fixed amount.
BATCH_ROWS = 64 << 10
#: A file or row group up to this stored size is fetched while the one before it is decoded.
AHEAD_BYTES = 64 << 20
_END: Final = object()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file to read, or only some of its row groups."""

    file: DataFile
    row_groups: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read from every file; picklable, holds no secret.

    Args:
        schema: what each batch is, exactly.
        wide: ``schema`` and, after it, the columns that only the filter needs.
        partition_schema: names and types of the partition columns.
        expression: rows for which it is TRUE pass; None: all.
        whole: most of every file is needed, so that small ones are fetched with the request that opens them.
        report: where to leave what was touched; None: nowhere.
        expected: how files are opened.
    """

    schema: pa.Schema
    wide: pa.Schema
    partition_schema: pa.Schema
    expression: Expression | None
    policy: Policy
    whole: bool = True
    report: Location | None = None
    expected: Expected = ANY

    def may_hold_rows(self, files: Iterable[DataFile]) -> tuple[DataFile, ...]:
        """Return the files that the filter does not rule out by their folders' values."""
        if self.expression is None:
            return tuple(files)
        predicate = bind(self.expression, self.wide)
        return tuple(
            file for file in files if may_match(predicate, partition_stats(self.partition_schema, file.partition))
        )

    def read(self, store: ObjectStore, keyring: Keyring | None, tasks: Sequence[FileTask]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of these files in order.

        Raises:
            S3CSEError: naming the file that could not be read; no row of a file that fails to verify is released under
                ``strict``.
        """
        return _Reading(self).rows(store, keyring, tasks)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A row group whose columns ``names`` are at hand."""

    source: ParquetInput
    file: DataFile
    row_group: int
    names: Sequence[str]


class _Reading:
    """One pass of a scan over some files: the filter is bound once, and what was touched is counted."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._predicate: Predicate | None = None
        self._condition: pc.Expression | None = None
        if scan.expression is not None:
            self._predicate = bind(scan.expression, scan.wide)
            self._condition = predicate_to_arrow(self._predicate)
        partitions = {column.name.lower() for column in scan.partition_schema}
        self._stored_columns = [name for name in scan.wide.names if name.lower() not in partitions]
        self._wanted = {name.lower() for name in scan.wide.names}
        self._counts = Counts()

    def rows(self, store: ObjectStore, keyring: Keyring | None, tasks: Sequence[FileTask]) -> Iterator[pa.RecordBatch]:
        try:
            with closing(self._pieces(store, keyring, tasks)) as pieces:
                for piece in _one_ahead(pieces):
                    for batch in self._decode(piece):
                        yield from self._project(batch)
        except BaseException:  # a query that stops early has released bytes too
            try:
                self._report(store)
            except S3CSEError as error:  # what stopped it matters more
                _log.error("the report of a scan that did not end is lost: %s", error)
            raise
        self._report(store)

    def _report(self, store: ObjectStore) -> None:
        self._counts.log(self._scan.policy)
        if self._scan.report is not None:
            leave(store, self._scan.report, self._counts)

    def _pieces(
        self, store: ObjectStore, keyring: Keyring | None, tasks: Sequence[FileTask]
    ) -> Generator[_Piece | None, None, None]:
        """Open file after file and fetch row group after row group; each step brings one.

        Before it holds something large it yields None: what was there before should be gone by then.
        """
        for task in tasks:
            if task.file.size > AHEAD_BYTES:
                yield None
            source = self._open(store, keyring, task)
            try:
                names = self._names_in(source)
                leaves = source.leaves(names)
                for group in self._groups(source, task):
                    chunks = source.chunks(group, leaves)
                    # Close chunks come with what is between them.
                    if sum(map(len, coalesce(chunks))) > AHEAD_BYTES:
                        yield None
                    source.preload(group, chunks)
                    yield _Piece(source, task.file, group, names)
            finally:
                self._counts.add(source)

    def _groups(self, source: ParquetInput, task: FileTask) -> list[int]:
        """Return the row groups of a file that may hold wanted rows."""
        metadata = source.file.metadata
        numbers = range(metadata.num_row_groups) if task.row_groups is None else task.row_groups
        return [
            number
            for number in numbers
            if metadata.row_group(number).num_rows and self._group_may_match(source, number, task.file)
        ]

    def _open(self, store: ObjectStore, keyring: Keyring | None, task: FileTask) -> ParquetInput:
        policy, whole = self._scan.policy, self._scan.whole and task.row_groups is None
        expected = self._scan.expected
        return open_parquet(open_listed(store, keyring, task.file, policy, whole=whole, expected=expected), policy)

    def _partition_stats(self, file: DataFile) -> dict[str, ColumnStats]:
        return partition_stats(self._scan.partition_schema, file.partition)

    def _decode(self, piece: _Piece) -> Iterator[pa.RecordBatch]:
        try:
            for batch in _batches(piece):
                yield conform(self._with_partition(batch, piece.file), self._scan.wide, uri=piece.source.uri)
        finally:
            piece.source.release(piece.row_group)

    def _group_may_match(self, source: ParquetInput, index: int, file: DataFile) -> bool:
        if self._predicate is None:
            return True
        stats = group_stats(source.file.metadata, index, self._stored_columns)
        return may_match(self._predicate, {**stats, **self._partition_stats(file)})

    def _names_in(self, source: ParquetInput) -> list[str]:
        """Return the names, as the file spells them, of the columns to read from it."""
        wanted = {name.lower() for name in self._stored_columns}
        return [name for name in source.schema.names if name.lower() in wanted]

    def _with_partition(self, batch: pa.RecordBatch, file: DataFile) -> pa.RecordBatch:
        for column, value in zip(self._scan.partition_schema, file.partition, strict=True):
            if column.name.lower() in self._wanted:
                batch = batch.append_column(column, pa.repeat(pa.scalar(value, column.type), batch.num_rows))
        return batch

    def _project(self, rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if self._condition is None:
            yield rows
            return
        schema = self._scan.schema
        passed = pa.Table.from_batches([rows]).filter(self._condition).select(schema.names)
        for batch in passed.combine_chunks().to_batches():
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)


def open_listed(
    store: ObjectStore,
    keyring: Keyring | None,
    file: DataFile,
    policy: Policy,
    *,
    whole: bool,
    expected: Expected = ANY,
) -> OpenObject:
    """Open a file that the planner listed.

    Args:
        keyring: None under SSE-C.
        whole: all of it will be read.

    Raises:
        TransferError: it is another one than was listed, or could not be fetched.
        EnvelopeError, PolicyError, KeyringError: as open_object.
    """
    tail = opening_bytes(file.size, policy, whole=whole)
    opened = expected.open(store, keyring, file.location, policy, tail)
    if opened.stored.etag != file.etag:
        raise TransferError(
            "the file was replaced after the table was listed",
            uri=opened.uri,
            found=opened.stored.etag,
            expected=file.etag,
            fix="load the table again",
        )
    return opened


def _one_ahead(pieces: Generator[_Piece | None, None, None]) -> Iterator[_Piece]:
    """Yield pieces; the next one, unless it is large, is being fetched meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="s3cse-ahead") as ahead:
        coming = ahead.submit(next, pieces, _END)
        while (piece := coming.result()) is not _END:
            coming = ahead.submit(next, pieces, _END)
            if isinstance(piece, _Piece):
                yield piece


def _batches(piece: _Piece) -> Iterator[pa.RecordBatch]:
    """Yield the stored columns of one row group in batches."""
    file, index = piece.source.file, piece.row_group
    if not piece.names:
        rows = file.metadata.row_group(index).num_rows
        for start in range(0, rows, BATCH_ROWS):
            yield _no_columns(min(BATCH_ROWS, rows - start))
        return
    try:
        # Two tasks share two cores already: more threads in each would only queue.
        yield from file.iter_batches(BATCH_ROWS, row_groups=[index], columns=list(piece.names), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(piece.source.opened, piece.source.verified, error) from error


def _no_columns(rows: int) -> pa.RecordBatch:
    """Return a batch of this many rows without columns, for scans that need partition columns only."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
