"""Reading an object into a file: verified before a byte of it is written, in constant memory.

The ciphertext goes to a nameless file on local disk while its tag is computed, in parallel. Only when the tag matches
are the segments decrypted from there, and each is compared with the value that it had before: not even the local disk
is trusted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

from s3cse.crypto.segments import SegmentValue
from s3cse.errors import IntegrityError
from s3cse.objects.fetch import fill, pieces
from s3cse.objects.gcm_body import GcmBody
from s3cse.objects.naming import naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import REQUEST_BYTES, Span
from s3cse.objects.reader import read_whole
from s3cse.objects.streaming import WINDOW, read_stream
from s3cse.objects.wiping import wipe
from s3cse.objects.workers import results_in_order
from s3cse.storage.spool import SpoolFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Objects up to this length need no more memory whole than in pieces: they are not spooled.
WHOLE_BYTES = WINDOW * REQUEST_BYTES

_Rooms = SimpleQueue[bytearray]


def read_to_file(
    opened: OpenObject, out: IO[bytes], *, spool_directory: str | None = None, whole_bytes: int = WHOLE_BYTES
) -> int:
    """Write the whole plaintext to ``out`` and return its length in bytes; of a GCM object only after it has verified.

    Nothing verifies CBC and plain objects: they are written while they arrive. Memory: WINDOW × REQUEST_BYTES, whatever
    the length; disk: the stored length, of GCM objects only.

    Args:
        out: a binary file open for writing, or anything with such a ``write``.
        spool_directory: where the ciphertext waits; None: the system's temporary directory.
        whole_bytes: objects up to this length wait in memory.

    Raises:
        IntegrityError: the object does not verify, and nothing was written; or the local disk returned something else
            than it was given, and what was written is right but not all.
        TransferError: it could not be fetched, was replaced meanwhile, or the local disk has no room.
    """
    if opened.envelope is None or not opened.envelope.authenticated:
        for buffer in read_stream(opened):
            _write_all(out, buffer)
    elif opened.plaintext_bytes <= whole_bytes:
        _write_all(out, read_whole(opened))
    else:
        with naming(opened.stored.location):
            _through_spool(opened, out, spool_directory)
    return opened.plaintext_bytes


def _through_spool(opened: OpenObject, out: IO[bytes], directory: str | None) -> None:
    spans = pieces(opened, Span(0, opened.plaintext_bytes), REQUEST_BYTES)
    with SpoolFile(directory) as spool, _rooms(max(map(len, spans), default=0)) as rooms, GcmBody(opened) as body:
        work = (partial(_take_in, opened, body, spool, rooms, piece) for piece in spans)
        with closing(results_in_order(work, WINDOW)) as taken:
            for _ in taken:
                pass
        body.verify()
        _release(body, spool, rooms, out)


@contextmanager
def _rooms(size: int) -> Iterator[_Rooms]:
    """Give WINDOW buffers to work in; they are wiped when nobody does any more."""
    rooms: _Rooms = SimpleQueue()
    made = [bytearray(size) for _ in range(WINDOW)]
    for room in made:
        rooms.put(room)
    try:
        yield rooms
    finally:
        for room in made:
            wipe(room)


def _take_in(opened: OpenObject, body: GcmBody, spool: SpoolFile, rooms: _Rooms, piece: Span) -> None:
    room = rooms.get_nowait()
    try:
        with memoryview(room)[: len(piece)] as view:
            fill(opened, piece, view)
            body.hash(piece.start, view)
            spool.write_at(piece.start, view)
    finally:
        rooms.put(room)


def _release(body: GcmBody, spool: SpoolFile, rooms: _Rooms, out: IO[bytes]) -> None:
    work = (partial(_decrypt, body, spool, rooms, value) for value in body.values())
    with closing(results_in_order(work, WINDOW)) as decrypted:
        for room, length in decrypted:
            with memoryview(room)[:length] as view:
                _write_all(out, view)
            rooms.put(room)


def _decrypt(body: GcmBody, spool: SpoolFile, rooms: _Rooms, value: SegmentValue) -> tuple[bytearray, int]:
    room = rooms.get_nowait()
    with memoryview(room)[: value.length] as view:
        spool.read_at(value.offset, view)
        try:
            body.decrypt_again(value, view)
        except IntegrityError:
            raise _disk_changed() from None
    return room, value.length


def _disk_changed() -> IntegrityError:
    return IntegrityError(
        "the ciphertext on local disk changed after it had been verified; the plaintext that was written is incomplete",
        found="other bytes than were put there",
        expected="the same bytes",
        fix="drop what was written, look after that disk or name another spool directory, and read again",
    )


def _write_all(out: IO[bytes], data: Buffer) -> None:
    """Write all of it also where ``write`` takes less at once, as raw files may."""
    with memoryview(data) as whole, whole.cast("B") as view:
        done = 0
        while done < len(view):
            with view[done:] as rest:
                written = out.write(rest)
            if written is None:  # by files that do not say, everything; by raw ones that would block, nothing
                if isinstance(out, io.RawIOBase):
                    raise BlockingIOError("the file to write to is in non-blocking mode")
                return
            done += written
