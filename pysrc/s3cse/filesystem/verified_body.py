"""A GCM object without an index, verified as a whole once and read in ranges from then on.

Short ones are in memory, as plaintext. Of long ones the ciphertext waits on local disk, and each piece that is read is
compared again with what was verified: a disk is not trusted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial

import pyarrow as pa

from s3cse.crypto.memory import wipe
from s3cse.errors import IntegrityError
from s3cse.objects.fetch import fill, pieces
from s3cse.objects.gcm_body import GcmBody
from s3cse.objects.naming import naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import REQUEST_BYTES, Span
from s3cse.objects.streaming import WINDOW
from s3cse.objects.workers import Batch, results_in_order
from s3cse.storage.spool import SpoolFile

#: What is decrypted at least to read one byte from disk: 0.3 ms. 64 GiB have 65,536 of them.
PIECE_BYTES = 1 << 20


class SpooledBody:
    """A verified object whose ciphertext is on local disk. Several threads may read. Close it: it holds a key.

    Memory: WINDOW × REQUEST_BYTES while it is fetched, what is asked for while it is read. Disk: the object's length.

    Args:
        directory: where the ciphertext waits; None: the system's temporary directory.

    Raises:
        IntegrityError: the object does not verify, and nothing was released.
        TransferError: it could not be fetched, was replaced meanwhile, or the local disk has no room.
    """

    def __init__(self, opened: OpenObject, directory: str | None = None) -> None:
        self._location = opened.stored.location
        with ExitStack() as held, naming(self._location):
            self._spool = held.enter_context(SpoolFile(directory))
            self._body = held.enter_context(GcmBody(opened))
            work = (partial(self._bring, opened, piece) for piece in _pieces(opened))
            with closing(results_in_order(work, WINDOW)) as done:
                for _ in done:
                    pass
            self._body.verify()
            self._values = self._body.values()
            self._starts = [value.offset for value in self._values]
            self._held = held.pop_all()

    def _bring(self, opened: OpenObject, piece: Span) -> None:
        buffer = bytearray(len(piece))
        with memoryview(buffer) as view:
            fill(opened, piece, view)
            for at in range(0, len(view), PIECE_BYTES):
                with view[at : at + PIECE_BYTES] as part:
                    self._body.hash(piece.start + at, part)
            self._spool.write_at(piece.start, view)

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        """Return plaintext ranges, verified.

        Raises:
            IntegrityError: the local disk returned something else than it was given; nothing was released.
            TransferError: the local disk failed.
        """
        with naming(self._location):
            return [self._read(span) for span in spans]

    def _read(self, span: Span) -> pa.Buffer:
        if not span:
            return pa.py_buffer(b"")
        first = bisect_right(self._starts, span.start) - 1
        last = bisect_right(self._starts, span.end - 1) - 1
        start = self._starts[first]
        buffer = pa.allocate_buffer(self._starts[last] + self._values[last].length - start)
        view = memoryview(buffer).cast("B")
        try:
            with Batch() as batch:
                for number in range(first, last + 1):
                    value = self._values[number]
                    at = value.offset - start
                    batch.start(partial(self._decrypt, number, view[at : at + value.length]))
                batch.wait()
        except BaseException:
            wipe(view)
            raise
        return buffer.slice(span.start - start, len(span))

    def _decrypt(self, number: int, target: memoryview) -> None:
        value = self._values[number]
        self._spool.read_at(value.offset, target)
        try:
            self._body.decrypt_again(value, target)
        except IntegrityError:
            raise _disk_changed() from None

    def close(self) -> None:
        """Wipe the key and give the room on disk back; idempotent. No read is in progress."""
        self._held.close()


def _pieces(opened: OpenObject) -> list[Span]:
    return pieces(opened, Span(0, opened.plaintext_bytes), REQUEST_BYTES)


def _disk_changed() -> IntegrityError:
    return IntegrityError(
        "the ciphertext on local disk changed after it had been verified",
        found="other bytes than were put there",
        expected="the same bytes",
        fix="look after that disk or name another spoolDirectory, and open the file again",
    )
