"""Text and compression over a file that is open for writing, which they close as it wants to be closed."""

from __future__ import annotations

import io
from types import TracebackType
from typing import TYPE_CHECKING, Any

from s3cse.filesystem.unwinding import Unwinding
from s3cse.filesystem.writing import EncryptedWriteFile

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self


class CompressedWriteFile(io.BufferedIOBase):
    """Closes the object after the compressor: fsspec's compressors leave it open.

    Args:
        compressor: writes to ``file``.
        file: the object.
    """

    def __init__(self, compressor: Any, file: EncryptedWriteFile) -> None:
        super().__init__()
        self._compressor = compressor
        self._file = file
        self._around = Unwinding()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Buffer) -> int:
        """Take what is to be compressed."""
        self._compressor.write(data)
        return memoryview(data).nbytes

    def close(self) -> None:
        """End the compressed stream, then the object; an error that is on its way drops it."""
        if self.closed:
            return
        if self._around.error() is not None:
            self.discard()
            return
        super().close()
        try:
            self._compressor.close()
        except BaseException:
            self._file.discard()
            raise
        self._file.close()

    def discard(self) -> None:
        """Drop everything; idempotent."""
        self._file.discard()
        super().close()

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


class TextWriteFile(io.TextIOWrapper):
    """Text over either of them: an error in its ``with`` block drops the object, as does nobody closing it."""

    def __init__(self, file: EncryptedWriteFile | CompressedWriteFile, **text: Any) -> None:
        super().__init__(file, **text)  # type: ignore[arg-type]  # what it needs of a file to write to, they have
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._file.discard()
            return
        self.close()

    def __del__(self) -> None:
        if not self._file.closed:
            self._file.discard()
