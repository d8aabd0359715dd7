"""The files of one writer (a process, or a Spark task): rows in, staged uploads out, nothing visible yet.

``slices`` files are written at a time, rows dealt to them in turn, and all are finished together, so that they are
alike in size: Redshift loads as many files at once as its cluster has slices
(https://docs.aws.amazon.com/redshift/latest/dg/c_best-practices-use-multiple-files.html).

Memory: one piece of rows and its text, and per open file a compressor and what its writer takes.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from s3cse.envelope.profiles import find_s3_profile
from s3cse.errors import SettingsError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.streamed_upload import PlainWriter
from s3cse.objects.upload import PART_BYTES, ObjectWriter
from s3cse.objects.writer import Writer
from s3cse.parquet.sink import StagedFile
from s3cse.services.redshift.layout import CopyLayout
from s3cse.services.redshift.lines import check_columns, pieces, rendered
from s3cse.storage.port import Location, ObjectStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Stored bytes after which a file is finished: within Redshift's advice of 1 MB to 1 GB, compressed.
FILE_BYTES = 256 << 20
_GZIP = zlib.MAX_WBITS | 16
_GZIP_LEVEL = 6
_DEAL_ROWS = 8192


def new_upload(store: ObjectStore, location: Location, keyring: Keyring | None, slices: int) -> Writer:
    """Begin an object: profile ``redshift`` under this keyring, or plain for S3 to encrypt where there is none."""
    if keyring is None:
        # One part at a time: others share the memory.
        return PlainWriter(
            store, location, length=None, storage=EnvelopeStorage(), part_bytes=PART_BYTES, parts_in_flight=1
        )
    profile = find_s3_profile("redshift", keyring.kind)
    if slices == 1:
        return ObjectWriter(store, location, keyring, profile)
    return ObjectWriter(store, location, keyring, profile, memory_bytes=PART_BYTES)  # others share the memory


class _Compressor(Protocol):
    def compress(self, data: Buffer, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Verbatim:
    def compress(self, data: Buffer, /) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""


def _compressor(kind: str) -> _Compressor:
    if kind == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP)
    return bz2.BZ2Compressor() if kind == "bzip2" else _Verbatim()


class _DataFile:
    """One file: lines are compressed, and the upload encrypts them."""

    def __init__(self, upload: Writer, compression: str) -> None:
        self.upload = upload
        self._compressor = _compressor(compression)
        self.rows = 0
        self.bytes = 0

    def write(self, lines: pa.Buffer, rows: int) -> None:
        self._send(self._compressor.compress(lines))
        self.rows += rows

    def finish(self) -> StagedFile:
        self._send(self._compressor.flush())
        return StagedFile(self.upload.finish(), self.rows)

    def _send(self, data: bytes) -> None:
        self.bytes += self.upload.write(data) if data else 0


class DataFiles:
    """Takes record batches and leaves staged files.

    Args:
        store: where they go.
        keyring: of the root key; None: the files are plain, for S3 to encrypt.
        schema: of the batches.
        place: gives the location of the n-th file.
        slices: files written at a time.
        file_bytes: compressed bytes after which a file is finished.

    Raises:
        SettingsError: a column that Redshift cannot have, or a number below 1.
    """

    def __init__(
        self,
        store: ObjectStore,
        keyring: Keyring | None,
        schema: pa.Schema,
        layout: CopyLayout,
        place: Callable[[int], Location],
        *,
        slices: int = 1,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        if slices < 1 or file_bytes < 1:
            raise SettingsError("slices and file_bytes are numbers from 1 on", found=f"{slices} and {file_bytes}")
        check_columns(schema, layout)
        self._store, self._keyring, self._layout, self._place = store, keyring, layout, place
        self._slices, self._file_bytes = slices, file_bytes
        self._open: list[_DataFile] = []
        self._turn = 0
        self._count = 0
        self._rows = 0
        self._staged: list[StagedFile] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch; render, compress and encrypt it.

        Raises:
            SettingsError: a value that Redshift cannot hold; names column and row, the row as counted here.
            KeyringError, TransferError: as ObjectWriter.
        """
        for piece in pieces(batch):
            for start in range(0, piece.num_rows, self._deal(piece.num_rows)):
                self._write(piece.slice(start, self._deal(piece.num_rows)))

    def _deal(self, rows: int) -> int:
        return rows if self._slices == 1 else max(1, min(_DEAL_ROWS, -(-rows // self._slices)))

    def _write(self, rows: pa.RecordBatch) -> None:
        lines = rendered(rows, self._layout, self._rows)
        self._next().write(lines, rows.num_rows)
        self._rows += rows.num_rows
        if sum(file.bytes for file in self._open) >= self._slices * self._file_bytes:
            self._finish_open()

    def _next(self) -> _DataFile:
        if len(self._open) < self._slices:
            upload = new_upload(self._store, self._place(self._count), self._keyring, self._slices)
            self._open.append(_DataFile(upload, self._layout.compression))
            self._count += 1
            return self._open[-1]
        self._turn = (self._turn + 1) % self._slices
        return self._open[self._turn]

    def _finish_open(self) -> None:
        while self._open:
            self._staged.append(self._open[0].finish())
            del self._open[0]  # not before: abort() drops what is still in here

    def finish(self, *, at_least_one: bool = False) -> list[StagedFile]:
        """Finish all files and return them.

        Args:
            at_least_one: leave a file without rows where none came: COPY fails where a manifest names no file.
        """
        if at_least_one and not self._staged and not self._open:
            self._next()
        self._finish_open()
        return self._staged

    def abort(self) -> None:
        """Drop what is open and abort what is staged."""
        for file in self._open:
            file.upload.abort()
        for staged in self._staged:
            with suppress(TransferError):  # it stays listed then; the error that led here matters more
                self._store.abort_upload(staged.upload.location, staged.upload.upload_id)
        self._open.clear()
        self._staged.clear()
