"""Reading messages: whole, as a stream, or in ranges, and what a signature at their end means for each.

Without a signature a frame that verifies is authentic by itself, and opening has authenticated how many there are: so
frames are released one by one, under every policy. What a signature covers is authentic when all of it was read:
``strict`` readers read the whole message first, and what does not fit into memory waits on local disk as ciphertext.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING

from s3cse.crypto.memory import wipe
from s3cse.errors import IntegrityError
from s3cse.message.input import BufferInput
from s3cse.message.opening import read_footer
from s3cse.message.ranges import Layout
from s3cse.message.signature import Verifier
from s3cse.objects.arrow_memory import new_buffer
from s3cse.objects.fetch import fill
from s3cse.objects.message_body import (
    bring,
    decrypt,
    fetch,
    layout_of,
    message_of,
    read_frames,
    read_single,
    runs,
)
from s3cse.objects.message_open import OpenMessage
from s3cse.objects.naming import naming, released_but_wrong
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span
from s3cse.objects.workers import WINDOW, results_in_order
from s3cse.storage.spool import SpoolFile

if TYPE_CHECKING:
    import pyarrow as pa

_Views = Generator[memoryview, None, None]


def read_whole_message(opened: OpenObject) -> pa.Buffer:
    """Return the whole plaintext, all of it verified, the signature too. Memory: one buffer of its length, and
    WORKERS × REQUEST_BYTES.

    Raises:
        IntegrityError, EnvelopeError: it does not verify; what was decrypted has been wiped.
        TransferError: it could not be fetched, or was replaced meanwhile.
    """
    message = message_of(opened)
    if message.layout is not None and not message.signed:
        return read_frames(opened, [Span(0, opened.plaintext_bytes)])[0]
    with naming(opened.stored.location):
        if message.layout is None:
            return _single(opened, message)
        buffer = new_buffer(opened.plaintext_bytes)
        view = memoryview(buffer).cast("B")
        try:
            _verify_signature(opened, partial(_into, message, view))
        except BaseException:
            wipe(view)
            raise
        return buffer


def stream_message(opened: OpenObject) -> Generator[pa.Buffer, None, None]:
    """Yield the plaintext in order while it arrives, each frame verified; a signature when all but the last is out.

    Memory: WINDOW × REQUEST_BYTES, twice, and what the caller keeps.

    Raises:
        IntegrityError: a frame does not verify, or the signature: **then what was released is not what was signed**.
        TransferError: it could not be fetched, or was replaced meanwhile.
    """
    message = message_of(opened)
    if message.layout is None:
        yield read_whole_message(opened)
        return
    verifier = message.verifier()
    work = (partial(_with_plaintext, opened, frames) for frames in _all_runs(message.layout))
    with closing(results_in_order(work, WINDOW)) as found:
        held: pa.Buffer | None = None
        for stored, plaintext in found:
            if held is not None:
                yield held
            if verifier is not None:
                verifier.update(stored)
            held = plaintext
        try:
            _check_footer(opened, verifier)
        except IntegrityError:
            raise released_but_wrong().at(opened.uri) from None
        if held is not None:
            yield held


def read_message_verified(opened: OpenObject, span: Span, spool_directory: str | None, memory_bytes: int) -> _Views:
    """Yield a plaintext range in order, every byte of it verified before it is released.

    Memory: WINDOW × REQUEST_BYTES, twice; of a signed message the range too where it is at most ``memory_bytes`` long,
    else it waits on disk as ciphertext.

    Yields:
        Views that are valid until the next one is asked for.
    """
    message = message_of(opened)
    if message.layout is None:
        with naming(opened.stored.location):
            whole = memoryview(_single(opened, message)).cast("B")
        yield whole[span.start : span.end]
        return
    frames = message.layout.frames(span.start, span.end)
    if not message.signed:
        found = _as_they_come(opened, message.layout, frames)
    elif len(span) <= memory_bytes:
        found = _signed_through_memory(opened, message, frames)
    else:
        found = _signed_through_spool(opened, message, frames, spool_directory)
    with closing(found):
        for start, view in found:
            yield view[max(span.start - start, 0) : span.end - start]


_Found = Generator[tuple[int, memoryview], None, None]


def _all_runs(layout: Layout) -> list[range]:
    return runs(layout, range(layout.num_regular + 1))


def _with_plaintext(opened: OpenObject, frames: range) -> tuple[memoryview, pa.Buffer]:
    with naming(opened.stored.location):
        start, end = layout_of(message_of(opened)).plaintext_of(frames)
        plaintext = new_buffer(end - start)
        view = memoryview(plaintext).cast("B")
        try:
            return bring(opened, frames, view), plaintext
        except BaseException:
            wipe(view)
            raise


def _as_they_come(opened: OpenObject, layout: Layout, frames: range) -> _Found:
    wanted = runs(layout, frames)
    work = (partial(_with_plaintext, opened, run) for run in wanted)
    with closing(results_in_order(work, WINDOW)) as found:
        for run, (_, plaintext) in zip(wanted, found, strict=True):
            yield layout.plaintext_of(run)[0], memoryview(plaintext).cast("B")


def _signed_through_memory(opened: OpenObject, message: OpenMessage, frames: range) -> _Found:
    layout = layout_of(message)
    start, end = layout.plaintext_of(frames)
    view = memoryview(new_buffer(end - start)).cast("B")
    with naming(opened.stored.location):
        try:
            _verify_signature(opened, partial(_into, message, view, wanted=frames))
        except BaseException:
            wipe(view)
            raise
    yield start, view


def _into(message: OpenMessage, view: memoryview, run: range, stored: memoryview, wanted: range | None = None) -> None:
    """Decrypt those frames of a run that are wanted to their place in the view."""
    layout = layout_of(message)
    inside = run if wanted is None else range(max(run.start, wanted.start), min(run.stop, wanted.stop))
    if not inside:
        return
    at = 0 if wanted is None else layout.plaintext_of(wanted)[0]
    start, end = layout.plaintext_of(inside)
    first, last = layout.stored_of(inside)
    origin = layout.stored_of(run)[0]
    with stored[first - origin : last - origin] as part, view[start - at : end - at] as out:
        decrypt(message, inside, part, out)


def _signed_through_spool(opened: OpenObject, message: OpenMessage, frames: range, directory: str | None) -> _Found:
    layout = layout_of(message)
    with ExitStack() as held:
        with naming(opened.stored.location):
            spool = held.enter_context(SpoolFile(directory))
            _verify_signature(opened, lambda run, stored: spool.write_at(layout.stored_of(run)[0], stored))
        wanted = runs(layout, frames)
        work = (partial(_from_spool, opened, message, spool, run) for run in wanted)
        decrypted = held.enter_context(closing(results_in_order(work, WINDOW)))
        for run, plaintext in zip(wanted, decrypted, strict=True):
            yield layout.plaintext_of(run)[0], memoryview(plaintext).cast("B")


def _from_spool(opened: OpenObject, message: OpenMessage, spool: SpoolFile, run: range) -> pa.Buffer:
    layout = layout_of(message)
    first, last = layout.stored_of(run)
    start, end = layout.plaintext_of(run)
    plaintext = new_buffer(end - start)
    with (
        naming(opened.stored.location),
        memoryview(bytearray(last - first)) as stored,
        memoryview(plaintext).cast("B") as out,
    ):
        spool.read_at(first, stored)
        try:
            decrypt(message, run, stored, out)
        except BaseException:
            wipe(out)
            raise
    return plaintext


def _verify_signature(opened: OpenObject, take: Callable[[range, memoryview], None]) -> None:
    """Fetch all frames in their order and verify the signature over them.

    Args:
        take: gets each run of frames, and its stored bytes.
    """
    message = message_of(opened)
    verifier = message.verifier()
    wanted = _all_runs(layout_of(message))
    work = (partial(fetch, opened, run) for run in wanted)
    with closing(results_in_order(work, WINDOW)) as found:
        for run, stored in zip(wanted, found, strict=True):
            if verifier is not None:
                verifier.update(stored)
            take(run, stored)
    _check_footer(opened, verifier)


def _check_footer(opened: OpenObject, verifier: Verifier | None) -> None:
    message = message_of(opened)
    if verifier is None:
        return
    with naming(opened.stored.location):
        footer = bytearray(message.footer_bytes)
        fill(opened, Span(opened.stored.size - len(footer), opened.stored.size), footer)
        read_footer(BufferInput(footer), message.header.suite, verifier)


def _single(opened: OpenObject, message: OpenMessage) -> pa.Buffer:
    def verify(stored: memoryview) -> None:
        verifier, at = message.verifier(), len(stored) - message.footer_bytes
        if verifier is not None:
            verifier.update(stored[:at])
        read_footer(BufferInput(stored[at:]), message.header.suite, verifier)

    return read_single(opened, verify)
