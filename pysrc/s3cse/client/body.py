"""The Body of a get_object: what botocore's StreamingBody does, over plaintext."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from s3cse.errors import TransferError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_CHUNK_BYTES = 1024  # botocore's


class PlaintextBody(io.IOBase):
    """A readable stream of plaintext, used by one thread at a time.

    Nothing is fetched before the first read. What a read may raise depends on the client's ``integrity``: under
    ``strict`` the first read raises IntegrityError if the object does not verify, and not a byte is released; under
    ``stream`` the last one does, in place of the last bytes. Of an Encryption SDK message without a signature the read
    does that comes to a frame which does not verify, under every policy: what came before is a true beginning. After an
    error every read raises it again.

    Args:
        chunks: the plaintext, in buffers that are valid until the next one is asked for.
        length: of all of them in bytes.
    """

    def __init__(self, chunks: Generator[Buffer, None, None], length: int) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = length
        self._given = 0
        self._chunk = memoryview(b"")
        self._ended = False
        self._error: BaseException | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._given

    def read(self, amt: int | None = None) -> bytes:
        """Return the next ``amt`` bytes, fewer only at the end; all that is left if ``amt`` is None or negative."""
        out = io.BytesIO()
        for piece in self._pieces(self._left if amt is None or amt < 0 else amt, everything=amt is None or amt < 0):
            out.write(piece)
        return out.getvalue()

    def readinto(self, out: Buffer) -> int:
        """Fill ``out`` and return how many bytes that took, fewer than it has only at the end. Copies once."""
        done = 0
        with memoryview(out) as whole, whole.cast("B") as view:
            for piece in self._pieces(len(view)):
                view[done : done + len(piece)] = piece
                done += len(piece)
        return done

    def read1(self, amt: int = -1) -> bytes:
        """Return as ``read`` does, at most what comes at once; for io.TextIOWrapper."""
        return self.read(io.DEFAULT_BUFFER_SIZE if amt < 0 else amt)

    readinto1 = readinto

    def _pieces(self, amount: int, *, everything: bool = False) -> Iterator[memoryview]:
        """Yield the next bytes; the object's verdict, where it comes last, is heard before its last bytes go."""
        self._check_usable()
        wanted = min(amount, self._left)
        while wanted:
            if not self._chunk:
                self._chunk = self._next_chunk()
            with self._chunk[:wanted] as piece:
                self._chunk = self._chunk[len(piece) :]
                self._left -= len(piece)
                self._given += len(piece)
                wanted -= len(piece)
                yield piece
        if not self._left and (amount or everything):
            self._end()

    def _next_chunk(self) -> memoryview:
        chunk = self._pull()
        if chunk is None:
            self._error = TransferError(
                "the body ended early", found=f"{self._left} bytes too few", expected="all of it", fix="read again"
            )
            raise self._error
        return memoryview(chunk).cast("B")

    def _pull(self) -> Buffer | None:
        try:
            return next(self._chunks, None)
        except BaseException as error:
            self._error = error
            raise

    def _end(self) -> None:
        if not self._ended:
            while self._pull() is not None:  # only empty ones can come now
                pass
            self._ended = True

    def _check_usable(self) -> None:
        if self.closed:
            raise ValueError("the body is closed")
        if self._error is not None:
            raise self._error

    def iter_chunks(self, chunk_size: int = _CHUNK_BYTES) -> Iterator[bytes]:
        """Yield what is left in pieces of ``chunk_size`` bytes."""
        while chunk := self.read(chunk_size):
            yield chunk

    def iter_lines(self, chunk_size: int = _CHUNK_BYTES, keepends: bool = False) -> Iterator[bytes]:
        """Yield what is left line by line."""
        pending = b""
        for chunk in self.iter_chunks(chunk_size):
            *lines, pending = (pending + chunk).splitlines(keepends=True)
            for line in lines:
                yield line if keepends else line.splitlines()[0]
        if pending:
            yield pending if keepends else pending.splitlines()[0]

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces of 1024 bytes, as botocore's does."""
        return self.iter_chunks()

    def __next__(self) -> bytes:
        chunk = self.read(_CHUNK_BYTES)
        if not chunk:
            raise StopIteration
        return chunk

    next = __next__

    def __enter__(self) -> PlaintextBody:
        self._check_usable()
        return self

    def close(self) -> None:
        """Give up what has not been read, after waiting for the requests in flight; idempotent."""
        if not self.closed:
            self._chunk = memoryview(b"")
            self._chunks.close()
        super().close()
