"""Writing a table's rows as encrypted Parquet files, staged but not visible.

Rows wait, per partition, until one row group is full or all that wait exceed the memory limit; then the largest waiting
partition is encoded and goes to its file. At most ``max_open_files`` files are open; the least recently used one is
finished to make room, and its partition gets another file later.

Memory: FileTargets.pending_bytes (rows that wait) + one encoded row group + open files × (a spool and a part).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from s3cse.crypto.index import SEGMENT_BYTES
from s3cse.envelope.profiles import AnyProfile
from s3cse.keyrings.base import Keyring
from s3cse.message.options import MessageOptions
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.new_object import new_object
from s3cse.objects.staged import StagedUpload
from s3cse.objects.upload import PART_BYTES, SPOOL_MEMORY_BYTES
from s3cse.objects.writer import Writer
from s3cse.parquet.conform import conform
from s3cse.parquet.encrypted_file import EncryptedFile
from s3cse.parquet.file_targets import FileTargets
from s3cse.parquet.hive import partition_path
from s3cse.storage.port import Location, ObjectStore

ROW_GROUP_ROWS = 1 << 20
MAX_OPEN_FILES = 8
_DEFAULT_TARGETS = FileTargets()
_DEFAULT_MESSAGE = MessageOptions()
_SHARED_SPOOL_BYTES = PART_BYTES  # per file, where several may be open

PartitionKey = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A data file that waits for the job's commit."""

    upload: StagedUpload
    rows: int


@dataclass(slots=True)
class _Waiting:
    batches: list[pa.RecordBatch] = field(default_factory=list)
    nbytes: int = 0
    rows: int = 0


@dataclass(slots=True)
class _OpenFile:
    upload: Writer
    target: EncryptedFile
    parquet: pq.ParquetWriter
    rows: int = 0


class TableSink:
    """Takes record batches of one task and leaves staged files.

    Args:
        table: the table's folder.
        schema: of the batches, partition columns included.
        partition_by: names of the partition columns; they go into the path and not into the files.
        name: gives the file name for the n-th file of this task.
        compression: Parquet codec.
        keyring: None under SSE-C, where the store sends the key.
        storage: where envelopes go: ``metadata`` | ``instruction-file``.
        targets: how large row groups and files get.
        message: of Encryption SDK messages.
    """

    def __init__(
        self,
        store: ObjectStore,
        keyring: Keyring | None,
        profile: AnyProfile,
        table: Location,
        schema: pa.Schema,
        *,
        partition_by: Sequence[str] = (),
        name: Callable[[int], str],
        compression: str = "snappy",
        storage: str = "metadata",
        targets: FileTargets = _DEFAULT_TARGETS,
        max_open_files: int = MAX_OPEN_FILES,
        message: MessageOptions = _DEFAULT_MESSAGE,
    ) -> None:
        self._store, self._keyring, self._profile, self._table = store, keyring, profile, table
        self._partition_by = tuple(partition_by)
        self._schema = schema
        self._file_schema = pa.schema([column for column in schema if column.name not in self._partition_by])
        self._name = name
        self._compression = compression
        self._storage = storage
        self._targets = targets
        self._max_open_files = max_open_files
        self._message = message
        self._waiting: dict[PartitionKey, _Waiting] = {}
        self._pending_bytes = 0
        self._open: OrderedDict[PartitionKey, _OpenFile] = OrderedDict()
        self._count = 0
        self._staged: list[StagedFile] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch; encodes and encrypts when enough has come together."""
        for key, rows in self._by_partition(batch):
            waiting = self._waiting.setdefault(key, _Waiting())
            waiting.batches.append(rows)
            # Not nbytes: it reads the offsets of nested columns, which Spark 4.1 leaves out of empty ones (a crash).
            nbytes = rows.get_total_buffer_size()
            waiting.nbytes += nbytes
            waiting.rows += rows.num_rows
            self._pending_bytes += nbytes
            if waiting.nbytes >= self._targets.flush_bytes or waiting.rows >= ROW_GROUP_ROWS:
                self._flush(key)
        while self._pending_bytes > self._targets.pending_bytes:
            self._flush(max(self._waiting, key=lambda key: self._waiting[key].nbytes))

    def _by_partition(self, batch: pa.RecordBatch) -> Iterator[tuple[PartitionKey, pa.RecordBatch]]:
        if batch.num_rows == 0:
            return
        batch = conform(batch, self._schema, uri=self._table.uri)
        rows = batch.select(self._file_schema.names)
        if not self._partition_by:
            yield (), rows
            return
        for key, indices in _groups(batch.select(list(self._partition_by))):
            yield key, rows.take(indices)

    def _flush(self, key: PartitionKey) -> None:
        waiting = self._waiting.pop(key)
        self._pending_bytes -= waiting.nbytes
        table = pa.Table.from_batches(waiting.batches, self._file_schema)
        done = self._append(key, table)
        while done < table.num_rows:
            done += self._append(key, table.slice(done))

    def _append(self, key: PartitionKey, table: pa.Table) -> int:
        """Write what the partition's file still takes as one row group; return the number of rows."""
        file = self._file_for(key)
        limit = self._targets.rows
        taken = table if limit is None else table.slice(0, limit - file.rows)
        file.parquet.write_table(taken, row_group_size=max(taken.num_rows, 1))
        file.rows += taken.num_rows
        if file.rows == limit or file.upload.plaintext_bytes >= self._targets.file_bytes:
            self._finish_file(key)
        return int(taken.num_rows)

    def _file_for(self, key: PartitionKey) -> _OpenFile:
        if key not in self._open:
            while len(self._open) >= self._max_open_files:
                self._finish_file(next(iter(self._open)))
            self._open[key] = self._create(key)
        self._open.move_to_end(key)
        return self._open[key]

    def _create(self, key: PartitionKey) -> _OpenFile:
        folder = partition_path(list(zip(self._partition_by, key, strict=True)))
        name = self._name(self._count)
        self._count += 1
        upload = new_object(
            self._store,
            self._table.child(f"{folder}/{name}" if folder else name),
            self._keyring,
            self._profile,
            storage=EnvelopeStorage(kind=self._storage),
            memory_bytes=_SHARED_SPOOL_BYTES if self._partition_by else SPOOL_MEMORY_BYTES,
            segment_bytes=SEGMENT_BYTES,
            message=self._message,
        )
        target = EncryptedFile(upload)
        parquet = pq.ParquetWriter(
            pa.PythonFile(target, mode="w"),
            self._file_schema,
            compression=self._compression,
            coerce_timestamps="us",
            store_schema=False,
            write_page_index=True,
        )
        return _OpenFile(upload, target, parquet)

    def _finish_file(self, key: PartitionKey) -> None:
        file = self._open[key]
        file.target.end(file.parquet)
        self._staged.append(StagedFile(file.upload.finish(), file.rows))
        del self._open[key]  # not before: abort() drops what is still in here

    def finish(self, *, at_least_one: bool = False) -> list[StagedFile]:
        """Write what waits, finish all files and return them.

        Args:
            at_least_one: leave a file without rows where none came, so that an empty table keeps its schema. With
                partition columns it lies in the folders of their nulls; these tell no type, so that the columns come
                back as strings until there are rows.
        """
        for key in list(self._waiting):
            self._flush(key)
        if at_least_one and not self._open and not self._staged:
            nulls = tuple(pa.scalar(None, self._schema.field(name).type) for name in self._partition_by)
            self._waiting[nulls] = _Waiting()
            self._flush(nulls)
        for key in list(self._open):
            self._finish_file(key)
        return self._staged

    def abort(self) -> None:
        """Drop what is open and abort what is staged."""
        for file in self._open.values():
            file.target.drop()
        for staged in self._staged:
            self._store.abort_upload(staged.upload.location, staged.upload.upload_id)
        self._open.clear()
        self._waiting.clear()
        self._staged.clear()


def _groups(keys: pa.RecordBatch) -> Iterator[tuple[PartitionKey, pa.Array]]:
    """Yield each distinct row of partition values (as Arrow scalars) with the indices of the rows that have it."""
    code = pa.repeat(pa.scalar(0, pa.int64()), keys.num_rows)
    for column in keys.columns:
        encoded = column.dictionary_encode(null_encoding="encode")
        code = pc.add(pc.multiply(code, len(encoded.dictionary)), encoded.indices.cast(pa.int64()))
        code = code.dictionary_encode().indices.cast(pa.int64())  # stays below the number of rows
    order = pc.sort_indices(code)
    runs = pc.run_end_encode(code.take(order))
    start = 0
    for end in runs.run_ends.to_pylist():
        indices = order.slice(start, end - start)
        yield tuple(column[indices[0].as_py()] for column in keys.columns), indices
        start = end
