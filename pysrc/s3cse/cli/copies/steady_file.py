"""A local file that is read from begin to end, and must be the same file all the while."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from s3cse.errors import TransferError, printable

if TYPE_CHECKING:
    from typing_extensions import Buffer


class SteadyFile(io.FileIO):
    """Raises where the file was changed since it was opened: half of one state and half of another is none.

    An upload is published after the last read only, so nothing of such a mixture becomes visible.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self._path = path
        self._before = self._state()

    def _state(self) -> tuple[int, int]:
        status = os.fstat(self.fileno())
        return status.st_size, status.st_mtime_ns

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and look."""
        data = super().read(-1 if size is None else size)
        self._check()
        return data or b""

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into a buffer, and look."""
        count = super().readinto(buffer)
        self._check()
        return count or 0

    def _check(self) -> None:
        after = self._state()
        if after != self._before:
            raise TransferError(
                f"{printable(str(self._path))} was changed while it was read",
                found=f"{after[0]} bytes, changed since",
                expected=f"{self._before[0]} bytes, as at the beginning",
                fix="nothing was written; do it again when nobody writes to it",
            )
