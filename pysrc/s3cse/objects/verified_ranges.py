"""Reading a range of a GCM object, or all of it, verified before a byte of it is released, in bounded memory.

Messages have a tag for each frame, see :mod:`s3cse.objects.message_reading`. Else the tag covers the whole object, so
the whole ciphertext is fetched and hashed whatever is asked for. What is asked for is either decrypted into memory, and
handed out when the tag has matched, or it waits as ciphertext in a nameless file on local disk. From there each segment
is decrypted later and compared with the value that it had before: not even the local disk is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from s3cse.crypto.memory import wipe
from s3cse.crypto.segments import SegmentValue
from s3cse.errors import IntegrityError
from s3cse.objects.arrow_memory import new_buffer
from s3cse.objects.fetch import fill, pieces
from s3cse.objects.gcm_body import GcmBody
from s3cse.objects.message_reading import read_message_verified
from s3cse.objects.naming import naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import REQUEST_BYTES, Span, widen
from s3cse.objects.workers import WINDOW, results_in_order
from s3cse.storage.spool import SpoolFile

#: Ranges up to this length need no more memory whole than in pieces: they are not spooled.
WHOLE_BYTES = WINDOW * REQUEST_BYTES

_Rooms = SimpleQueue[bytearray]
_T = TypeVar("_T")


def read_verified(
    opened: OpenObject, span: Span, *, spool_directory: str | None = None, memory_bytes: int = WHOLE_BYTES
) -> Generator[memoryview, None, None]:
    """Yield the plaintext of a range of a GCM object, in order, after the tag of the whole object has matched.

    Of a message each frame is verified before it is yielded, and a signature before the first one is.

    Memory: the range where it is at most ``memory_bytes`` long, and WINDOW × REQUEST_BYTES. Disk: the range's length
    where it is longer. Close the iterator when it is left early.

    Args:
        span: plaintext bytes inside [0, plaintext_bytes]; may be empty, the object is verified all the same.
        spool_directory: where the ciphertext waits; None: the system's temporary directory.
        memory_bytes: ranges up to this length wait in memory.

    Yields:
        Views that are valid until the next one is asked for.

    Raises:
        IntegrityError: the object does not verify, and nothing was released; or the local disk returned something else
            than it was given, and what was released is right but not all.
        TransferError: it could not be fetched, was replaced meanwhile, or the local disk has no room.
    """
    if not 0 <= span.start <= span.end <= opened.plaintext_bytes:
        raise ValueError(f"range [{span.start}, {span.end}) is outside [0, {opened.plaintext_bytes})")
    if opened.message is not None:
        with closing(read_message_verified(opened, span, spool_directory, memory_bytes)) as views:
            yield from views
        return
    inside = widen(span, opened.plaintext_bytes)
    if len(inside) <= memory_bytes:
        found = _through_memory(opened, inside)
    else:
        found = _through_spool(opened, inside, spool_directory)
    with closing(found):
        for start, view in found:
            with view[max(span.start - start, 0) : span.end - start] as wanted:
                yield wanted


def _pieces(opened: OpenObject, span: Span) -> list[Span]:
    return pieces(opened, span, REQUEST_BYTES)


def _outside(opened: OpenObject, inside: Span) -> list[Span]:
    after = Span(inside.end, opened.plaintext_bytes)
    return _pieces(opened, Span(0, inside.start)) + _pieces(opened, after)


def _through_memory(opened: OpenObject, inside: Span) -> Generator[tuple[int, memoryview], None, None]:
    with naming(opened.stored.location):
        buffer = new_buffer(len(inside))
        view = memoryview(buffer).cast("B")
        try:
            _verify_into(opened, inside, view)
        except BaseException:
            wipe(view)
            raise
    yield inside.start, view


def _verify_into(opened: OpenObject, inside: Span, view: memoryview) -> None:
    outside = _outside(opened, inside)
    with _rooms(outside) as rooms, GcmBody(opened) as body:
        _do_all(
            [
                *(partial(_hash, opened, body, rooms, piece) for piece in outside),
                *(partial(_decrypt, opened, body, inside, view, piece) for piece in _pieces(opened, inside)),
            ]
        )
        body.verify()


def _decrypt(opened: OpenObject, body: GcmBody, inside: Span, view: memoryview, piece: Span) -> None:
    with view[piece.start - inside.start : piece.end - inside.start] as target:
        fill(opened, piece, target)
        body.decrypt(piece.start, target)


def _through_spool(
    opened: OpenObject, inside: Span, directory: str | None
) -> Generator[tuple[int, memoryview], None, None]:
    kept, outside = _pieces(opened, inside), _outside(opened, inside)
    with ExitStack() as held:
        with naming(opened.stored.location):
            spool = held.enter_context(SpoolFile(directory))
            rooms = held.enter_context(_rooms([*kept, *outside]))
            body = held.enter_context(GcmBody(opened))
            _do_all(
                [
                    *(partial(_hash, opened, body, rooms, piece) for piece in outside),
                    *(partial(_hash, opened, body, rooms, piece, spool) for piece in kept),
                ]
            )
            body.verify()
        values = [value for value in body.values() if inside.start <= value.offset < inside.end]
        work = (partial(_decrypt_again, body, spool, rooms, value) for value in values)
        decrypted = held.enter_context(closing(results_in_order(work, WINDOW)))
        while True:
            with naming(opened.stored.location):  # and not around the yield: errors of the caller are none of ours
                result = next(decrypted, None)
            if result is None:
                return
            room, value = result
            with memoryview(room)[: value.length] as view:
                yield value.offset, view
            rooms.put(room)


def _hash(opened: OpenObject, body: GcmBody, rooms: _Rooms, piece: Span, spool: SpoolFile | None = None) -> None:
    room = rooms.get_nowait()
    try:
        with memoryview(room)[: len(piece)] as view:
            fill(opened, piece, view)
            body.hash(piece.start, view)
            if spool is not None:
                spool.write_at(piece.start, view)
    finally:
        rooms.put(room)


def _decrypt_again(
    body: GcmBody, spool: SpoolFile, rooms: _Rooms, value: SegmentValue
) -> tuple[bytearray, SegmentValue]:
    room = rooms.get_nowait()
    with memoryview(room)[: value.length] as view:
        spool.read_at(value.offset, view)
        try:
            body.decrypt_again(value, view)
        except IntegrityError:
            raise _disk_changed() from None
    return room, value


def _do_all(work: Iterable[Callable[[], _T]]) -> None:
    """Run all of it, WINDOW pieces at once: there are as many rooms."""
    with closing(results_in_order(work, WINDOW)) as results:
        for _ in results:
            pass


@contextmanager
def _rooms(spans: Iterable[Span]) -> Iterator[_Rooms]:
    """Give WINDOW buffers to work in, for these pieces; they are wiped when nobody does any more."""
    size = max(map(len, spans), default=0)
    rooms: _Rooms = SimpleQueue()
    made = [bytearray(size) for _ in range(WINDOW)]
    for room in made:
        rooms.put(room)
    try:
        yield rooms
    finally:
        for room in made:
            wipe(room)


def _disk_changed() -> IntegrityError:
    return IntegrityError(
        "the ciphertext on local disk changed after it had been verified; the plaintext that was written is incomplete",
        found="other bytes than were put there",
        expected="the same bytes",
        fix="drop what was written, look after that disk or name another spool directory, and read again",
    )
