"""A file that is open for writing: nothing of it is visible before it is closed, and nothing is if that fails.

Up to PART_BYTES it is one PUT when it is closed; what is longer goes through the object writer, in bounded memory.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from s3cse.client.setup import Setup
from s3cse.crypto.index import SEGMENT_BYTES
from s3cse.errors import SettingsError
from s3cse.filesystem.os_errors import as_os_errors
from s3cse.filesystem.parquet_end import ParquetEnd, begins_parquet
from s3cse.filesystem.unwinding import Unwinding
from s3cse.objects.new_object import new_object
from s3cse.objects.put import publish, put_object
from s3cse.objects.staged import StagedUpload
from s3cse.objects.upload import PART_BYTES
from s3cse.objects.writer import Writer
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a new object goes and how it is written.

    ``store`` says what the caller wants S3 to be told; ``new``: the object must not exist yet. ``indexed``: a Parquet
    file gets a segment index.
    """

    setup: Setup
    store: S3Store
    location: Location
    metadata: Mapping[str, str] = field(default_factory=dict)
    new: bool = False
    indexed: bool = False
    spool_directory: str | None = None

    @property
    def path(self) -> str:
        """bucket/key."""
        return f"{self.location.bucket}/{self.location.key}"

    def put(self, plaintext: Buffer) -> None:
        """Write what is in memory."""
        keyring, profile = self.setup.wrapping(self.location)
        storage = self.setup.envelope_storage(self.metadata)
        message = self.setup.message
        put_object(self.store, self.location, keyring, profile, plaintext, storage=storage, message=message)

    def writer(self, *, indexed: bool) -> Writer:
        """Begin what is longer."""
        keyring, profile = self.setup.wrapping(self.location)
        return new_object(
            self.store,
            self.location,
            keyring,
            profile,
            storage=self.setup.envelope_storage(self.metadata),
            spool_directory=self.spool_directory,
            segment_bytes=SEGMENT_BYTES if indexed else None,
            message=self.setup.message,
        )


class EncryptedWriteFile(io.BufferedIOBase):
    """What ``fs.open(path, "wb")`` returns. Used by one thread at a time.

    ``close`` makes the object visible; in a transaction its commit does. An error in the ``with`` block, or one that is
    on its way while somebody closes the file, drops it, and so does a file that nobody closes.

    Args:
        autocommit: whether ``close`` is enough; else ``commit`` or ``discard`` follows.
    """

    def __init__(self, fs: Any, target: Target, mode: str, *, autocommit: bool = True) -> None:
        super().__init__()
        self.fs, self.path, self.mode, self.autocommit = fs, target.path, mode, autocommit
        self._target = target
        self._around = Unwinding()
        self._begun: bytearray | None = bytearray()
        self._writer: Writer | None = None
        self._end: ParquetEnd | None = None
        self._staged: StagedUpload | None = None
        self._position = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return how many bytes have been written."""
        return self._position

    @property
    def size(self) -> int:
        """How many bytes have been written."""
        return self._position

    def write(self, data: Buffer) -> int:
        """Take plaintext; an error drops the file.

        Raises:
            TransferError: S3 or the local disk did not take what was written before.
        """
        if self.closed:
            raise ValueError("the file is closed")
        with memoryview(data) as given, given.cast("B") as view:
            try:
                with as_os_errors(self.path):
                    self._take(view)
            except BaseException:
                self.discard()
                raise
            self._position += len(view)
            return len(view)

    def _take(self, view: memoryview) -> None:
        if self._begun is not None:
            if len(self._begun) + len(view) <= PART_BYTES:
                self._begun += view
                return
            begun = self._start()
            self._pass_on(begun)
        self._pass_on(view)

    def _start(self) -> bytearray:
        """Begin an upload, and return what waits for it."""
        begun, self._begun = self._begun or bytearray(), None
        indexed = self._target.indexed and begins_parquet(begun)
        self._writer = self._target.writer(indexed=indexed)
        self._end = ParquetEnd(self._writer) if self._writer.indexed else None
        return begun

    def _pass_on(self, data: Buffer) -> None:
        if self._end is not None:
            self._end.write(data)
        elif self._writer is not None:
            self._writer.write(data)

    def close(self) -> None:
        """Make the object visible, or get it ready for ``commit``; idempotent.

        Raises:
            FileExistsError: it was to be new, and is there.
            TransferError: S3 did not take it; nothing of it is visible.
        """
        if self.closed:
            return
        error = self._around.error()
        if error is not None:
            _log.warning("s3cse://%s: not written, because of %s", self.path, type(error).__name__)
            self.discard()
            return
        try:
            with as_os_errors(self.path, creating=self._target.new):
                if self.autocommit and self._begun is not None:
                    self._target.put(self._begun)
                    self._begun = None
                else:
                    self._stage()
                    if self.autocommit:
                        self.commit()
        except BaseException:
            self.discard()
            raise
        super().close()

    def _stage(self) -> None:
        if self._begun is not None:
            self._pass_on(self._start())
        if self._end is not None:
            self._end.end()
        if self._writer is not None:
            self._staged = self._writer.finish()

    def commit(self) -> None:
        """Make visible what was closed in a transaction; what was not closed is closed first.

        Raises:
            FileExistsError, TransferError: as close.
        """
        if not self.closed and self._staged is None:
            self._stage()
        staged, self._staged = self._staged, None
        if staged is not None:
            with as_os_errors(self.path, creating=self._target.new):
                publish(self._target.store, staged)
        self._writer = None
        super().close()

    def discard(self) -> None:
        """Drop everything, in S3 too; idempotent. What is visible already stays."""
        writer, self._writer = self._writer, None
        self._begun, self._end, self._staged = None, None, None
        super().close()
        if writer is not None:
            writer.abort()

    def __repr__(self) -> str:
        return f"<EncryptedWriteFile s3cse://{self.path}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if not self.closed:
            self.discard()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a file that is open for writing belongs to its process and cannot be pickled")


def refuse_appending(path: str) -> SettingsError:
    """Return the error for modes that change an object in place."""
    return SettingsError(
        "an encrypted object cannot be appended to or changed in place",
        uri=f"s3://{path}",
        expected="mode 'rb', 'wb' or 'xb'",
        fix="write the object again as a whole, or another one beside it",
    )
