"""Ciphertext that waits on this machine: some in memory, the rest in a nameless file on local disk.

Never plaintext, never keys. The file is unlinked as soon as it is open, so nothing stays behind however the process
ends.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from types import TracebackType

from s3cse.errors import TransferError


class SpoolFile:
    """A nameless file, written and read at any place by any number of threads.

    Args:
        directory: where it takes its room; None: the system's temporary directory.

    Raises:
        TransferError: it cannot be made there.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._directory = directory
        with self._disk_errors():
            # Unbuffered: what one thread has written another one must see.
            self._file = tempfile.TemporaryFile(buffering=0, prefix="s3cse-", dir=directory)  # noqa: SIM115

    def write_at(self, offset: int, data: memoryview) -> None:
        """Write all of ``data`` from byte ``offset`` on.

        Raises:
            TransferError: the disk is full or fails.
        """
        with self._disk_errors():
            while data:
                written = os.pwrite(self._file.fileno(), data, offset)
                data, offset = data[written:], offset + written

    def read_at(self, offset: int, out: memoryview) -> None:
        """Fill ``out`` with what was written from byte ``offset`` on.

        Raises:
            TransferError: the disk fails, or has less than was written.
        """
        done = 0
        with self._disk_errors():
            while done < len(out):
                count = os.preadv(self._file.fileno(), [out[done:]], offset + done)
                if not count:
                    raise OSError(f"{done} of {len(out)} bytes came back")
                done += count

    def close(self) -> None:
        """Give the room back; idempotent."""
        self._file.close()

    def __enter__(self) -> SpoolFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TransferError(
                "the ciphertext that waits on local disk could not be kept there",
                found=error.strerror or str(error),
                expected="room for the object",
                fix=f"free some space in {self._directory or tempfile.gettempdir()}, or name another spool directory",
            ) from error


class PartSpool:
    """Parts by number, put and read in any order, by any number of threads.

    Args:
        part_bytes: length of every part but the last, which may be longer.
        memory_bytes: bytes kept in memory before the disk is used; at least one part is.
        directory: where the file goes; None: the system's temporary directory.
    """

    def __init__(self, part_bytes: int, memory_bytes: int, directory: str | None = None) -> None:
        self._part_bytes = part_bytes
        self._memory_parts = max(memory_bytes // part_bytes, 1)
        self._directory = directory
        self._lock = Lock()
        self._kept: dict[int, bytearray] = {}
        self._lengths: dict[int, int] = {}
        self._file: SpoolFile | None = None

    @property
    def count(self) -> int:
        """Parts in the spool."""
        return len(self._lengths)

    def put(self, index: int, part: bytearray) -> bool:
        """Take part ``index`` (from 0), once.

        Returns:
            Whether the buffer itself is kept, as long as there is room in memory; if not, its bytes are on disk and the
            caller may use it again.

        Raises:
            TransferError: the disk is full or fails; the part is not in the spool then.
        """
        with self._lock:
            if len(self._kept) < self._memory_parts:
                self._kept[index] = part
                self._lengths[index] = len(part)
                return True
            if self._file is None:
                self._file = SpoolFile(self._directory)
            file = self._file
        with memoryview(part) as view:
            file.write_at(index * self._part_bytes, view)
        with self._lock:
            self._lengths[index] = len(part)
        return False

    def read(self, index: int) -> bytearray:
        """Return part ``index``; one in memory is not copied.

        Raises:
            TransferError: the disk fails.
            KeyError: there is no such part.
        """
        with self._lock:
            length, kept, file = self._lengths[index], self._kept.get(index), self._file
        if kept is not None or file is None:
            return self._kept[index]
        part = bytearray(length)
        with memoryview(part) as view:
            file.read_at(index * self._part_bytes, view)
        return part

    def close(self) -> None:
        """Drop everything; idempotent."""
        with self._lock:
            self._kept.clear()
            self._lengths.clear()
            if self._file is not None:
                self._file.close()
                self._file = None
