"""A spool for ciphertext: the first parts stay in memory, the rest goes to a nameless file on local disk.

Never plaintext, never keys. The file is unlinked as soon as it is open, so nothing stays behind however the process
ends.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from s3cse.errors import TransferError


class PartSpool:
    """Equal parts, appended in order and read back in any.

    Args:
        part_bytes: length of every part but the last.
        memory_bytes: bytes kept in memory before the disk is used.
        directory: where the file goes; None: the system's temporary directory.
    """

    def __init__(self, part_bytes: int, memory_bytes: int, directory: str | None = None) -> None:
        self._part_bytes = part_bytes
        self._memory_parts = max(memory_bytes // part_bytes, 1)
        self._directory = directory
        self._kept: list[bytearray] = []
        self._file: IO[bytes] | None = None
        self._on_disk = 0
        self.count = 0

    def take(self, part: bytearray, length: int) -> bytearray:
        """Append the first ``length`` bytes of ``part`` and return a buffer of part_bytes for the next one.

        The spool keeps ``part`` itself while it has room in memory, and gives it back once its bytes are on disk.

        Raises:
            TransferError: the disk is full or fails; the part is not in the spool then.
        """
        if len(self._kept) < self._memory_parts:
            del part[length:]
            self._kept.append(part)
            self.count += 1
            return bytearray(self._part_bytes)
        with _disk_errors(self._directory):
            if self._file is None:
                # Unbuffered: a part is one write, and reading it back must see it.
                self._file = tempfile.TemporaryFile(buffering=0, prefix="s3cse-", dir=self._directory)  # noqa: SIM115
            _write_all(self._file, memoryview(part)[:length])
        self._on_disk += length
        self.count += 1
        return part

    def read(self, index: int) -> bytes | bytearray:
        """Return part ``index`` (from 0); a part in memory is not copied. Safe to call from several threads.

        Raises:
            TransferError: the disk fails.
        """
        if index < len(self._kept):
            return self._kept[index]
        if self._file is None:
            raise IndexError(index)
        start = (index - len(self._kept)) * self._part_bytes
        length = min(self._part_bytes, self._on_disk - start)
        with _disk_errors(self._directory):
            piece = os.pread(self._file.fileno(), length, start)
            if len(piece) != length:
                raise OSError(f"{len(piece)} of {length} bytes came back")
        return piece

    def close(self) -> None:
        """Drop everything; idempotent."""
        self._kept.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


def _write_all(file: IO[bytes], view: memoryview) -> None:
    while view:
        view = view[file.write(view) :]


@contextmanager
def _disk_errors(directory: str | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransferError(
            "the ciphertext that waits for its upload could not be kept on local disk",
            found=error.strerror or str(error),
            expected="room for the object",
            fix=f"free some space in {directory or tempfile.gettempdir()}, or name another spool directory",
        ) from error
