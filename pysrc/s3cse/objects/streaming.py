"""Reading a whole object as a stream: in constant memory, and released before the tag has been seen."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from s3cse.crypto.memory import wipe
from s3cse.errors import IntegrityError
from s3cse.objects.arrow_memory import new_buffer
from s3cse.objects.fetch import fill, is_here, pieces
from s3cse.objects.gcm_body import GcmBody
from s3cse.objects.message_reading import stream_message
from s3cse.objects.naming import naming, released_but_wrong
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import REQUEST_BYTES, Span
from s3cse.objects.workers import WINDOW, results_in_order
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["WINDOW", "read_stream"]


def read_stream(opened: OpenObject) -> Generator[Buffer, None, None]:
    """Yield the plaintext in order while it arrives: ``integrity="stream"``.

    **Unverified**: a GCM object's tag is compared when all plaintext has been taken. Whoever does not take the iterator
    to its end, where it raises, or acts on the plaintext before, has read unauthenticated bytes. Nothing ever verifies
    CBC and plain objects. An iterator that is left early is best closed (``contextlib.closing``); that waits for the
    requests in flight. Frames of messages are verified before they are yielded, a signature when all but the last are.

    Memory: WINDOW × REQUEST_BYTES, of messages twice that, and what the caller keeps.

    Raises:
        IntegrityError: at the end, if the object does not verify.
        TransferError: it could not be fetched, or was replaced meanwhile.
    """
    if opened.message is not None:
        found = stream_message(opened)
    elif opened.envelope is None:
        found = _plain(opened)
    elif opened.envelope.authenticated:
        found = _gcm(opened)
    else:
        found = _cbc(opened)
    return _named(opened.stored.location, found)


def _named(location: Location, found: Generator[Buffer, None, None]) -> Generator[Buffer, None, None]:
    with closing(found):
        while True:
            with naming(location):  # and not around the yield: errors of the caller are none of ours
                buffer = next(found, None)
            if buffer is None:
                return
            yield buffer


def _pieces(opened: OpenObject, end: int) -> list[Span]:
    return pieces(opened, Span(0, end), REQUEST_BYTES)


def _plain(opened: OpenObject) -> Generator[Buffer, None, None]:
    work = (partial(_fetch, opened, piece) for piece in _pieces(opened, opened.stored.size))
    with closing(results_in_order(work, WINDOW)) as fetched:
        for _, buffer in fetched:
            yield buffer


def _fetch(opened: OpenObject, piece: Span) -> tuple[int, Buffer]:
    # What came with the opening is short: a command that copies a thousand small files never imports Arrow.
    buffer: Buffer = bytearray(len(piece)) if is_here(opened, piece) else new_buffer(len(piece))
    fill(opened, piece, memoryview(buffer).cast("B"))
    return piece.start, buffer


def _gcm(opened: OpenObject) -> Generator[Buffer, None, None]:
    with GcmBody(opened) as body:
        work = (partial(_decrypt, opened, body, piece) for piece in _pieces(opened, opened.plaintext_bytes))
        with closing(results_in_order(work, WINDOW, discard=wipe)) as decrypted:
            yield from decrypted
        try:
            body.verify()
        except IntegrityError:
            raise released_but_wrong() from None


def _decrypt(opened: OpenObject, body: GcmBody, piece: Span) -> Buffer:
    _, buffer = _fetch(opened, piece)
    body.decrypt(piece.start, memoryview(buffer).cast("B"))
    return buffer


def _cbc(opened: OpenObject) -> Generator[Buffer, None, None]:
    envelope, key = opened.cipher()
    work = (partial(_fetch, opened, piece) for piece in _pieces(opened, opened.stored.size))
    with (
        opened.backend.cbc_decryptor(key.view(), envelope.iv, padding=False) as cipher,
        closing(results_in_order(work, WINDOW)) as fetched,
    ):
        for start, buffer in fetched:
            view = memoryview(buffer).cast("B")
            cipher.update_into(view, view)
            if start < opened.plaintext_bytes:
                yield view[: opened.plaintext_bytes - start]  # what follows is padding
