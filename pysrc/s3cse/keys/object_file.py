"""A stored object as a binary file: what readers of CSV and Parquet want, in blocks of bounded size."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from s3cse.storage.port import ObjectStore, StoredObject

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BLOCK_BYTES = 4 << 20


class ObjectFile(io.RawIOBase):
    """Reads an object as it is stored, a block at a time; one that is replaced meanwhile is an error."""

    def __init__(self, store: ObjectStore, stored: StoredObject) -> None:
        self._store = store
        self._stored = stored
        self._at = 0
        self._block_at = 0
        self._block = b""

    def readable(self) -> bool:
        """See RawIOBase."""
        return True

    def seekable(self) -> bool:
        """See RawIOBase."""
        return True

    def tell(self) -> int:
        """See RawIOBase."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See RawIOBase."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stored.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        """See RawIOBase.

        Raises:
            TransferError: S3 did not send it, or it is another object by now.
        """
        with memoryview(buffer).cast("B") as view:
            wanted = min(len(view), self._stored.size - self._at)
            if wanted <= 0:
                return 0
            if not self._block_at <= self._at < self._block_at + len(self._block):
                self._fetch()
            start = self._at - self._block_at
            piece = self._block[start : start + wanted]
            view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _fetch(self) -> None:
        block = bytearray(min(_BLOCK_BYTES, self._stored.size - self._at))
        self._store.get_into(self._stored.location, self._at, block, self._stored.etag)
        self._block_at, self._block = self._at, bytes(block)
