"""Frames of an open message, from S3 to plaintext: runs of whole frames, fetched and decrypted by the workers.

Every frame is verified by its own tag, with its number, before a byte of it is released. Copies: one, out of the buffer
of a request, as the cipher writes the plaintext where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import GCM_IV_BYTES, GCM_TAG_BYTES
from s3cse.crypto.memory import wipe
from s3cse.message.frames import Kind, Piece
from s3cse.message.ranges import Layout
from s3cse.objects.arrow_memory import new_buffer
from s3cse.objects.fetch import fill
from s3cse.objects.message_open import OpenMessage, final_piece
from s3cse.objects.naming import naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import REQUEST_BYTES, Span, coalesce, request_bytes
from s3cse.objects.workers import WORKERS, Batch

if TYPE_CHECKING:
    import pyarrow as pa


def message_of(opened: OpenObject) -> OpenMessage:
    """Return the message that an object is.

    Raises:
        ValueError: it is none.
    """
    if opened.message is None:
        raise ValueError(f"{opened.uri} is no Encryption SDK message")
    return opened.message


def layout_of(message: OpenMessage) -> Layout:
    """Return where the frames are.

    Raises:
        ValueError: the message has none.
    """
    if message.layout is None:
        raise ValueError("the message is in one piece")
    return message.layout


def runs(layout: Layout, frames: range) -> list[range]:
    """Cut consecutive frames into runs that are fetched in one request each, in parallel where there are many."""
    start, end = layout.stored_of(frames)
    most = min(request_bytes(end - start, WORKERS), REQUEST_BYTES)
    step = max(1, most // layout.stride)
    return [range(at, min(at + step, frames.stop)) for at in range(frames.start, frames.stop, step)]


def read_frames(opened: OpenObject, spans: Sequence[Span]) -> list[pa.Buffer]:
    """Return plaintext ranges of a message in frames, each frame verified; a signature is not looked at.

    Close ranges share a request; all are widened to frames. Memory: the runs of frames, and WORKERS × REQUEST_BYTES.

    Args:
        spans: plaintext ranges inside [0, plaintext_bytes].

    Returns:
        One buffer per span, in the given order; spans that share a request share memory.

    Raises:
        IntegrityError: a frame does not verify; nothing was released.
        TransferError: it could not be fetched, or the object was replaced meanwhile.
    """
    message = message_of(opened)
    layout = layout_of(message)
    for span in spans:
        layout.frames(span.start, span.end)  # refuses what is outside
    widened = [Span(*layout.plaintext_of(layout.frames(span.start, span.end))) for span in spans if span]
    with naming(opened.stored.location):
        found = [(run, new_buffer(len(run))) for run in coalesce(widened)]
        try:
            with Batch() as batch:
                for run, buffer in found:
                    _start(batch, opened, layout, run, memoryview(buffer).cast("B"))
                batch.wait()
        except BaseException:
            for _, buffer in found:
                wipe(memoryview(buffer).cast("B"))
            raise
    return [_cut_out(found, span) for span in spans]


def _start(batch: Batch, opened: OpenObject, layout: Layout, run: Span, view: memoryview) -> None:
    for frames in runs(layout, layout.frames(run.start, run.end)):
        start, end = layout.plaintext_of(frames)
        batch.start(partial(_bring, opened, frames, view[start - run.start : end - run.start]))


def _bring(opened: OpenObject, frames: range, out: memoryview) -> None:
    bring(opened, frames, out)


def _cut_out(found: Sequence[tuple[Span, pa.Buffer]], span: Span) -> pa.Buffer:
    for run, buffer in found:
        if run.start <= span.start and span.end <= run.end:
            return buffer.slice(span.start - run.start, len(span))
    return new_buffer(0)  # an empty span


def bring(opened: OpenObject, frames: range, out: memoryview) -> memoryview:
    """Fetch a run of frames, decrypt it to ``out`` and return its stored bytes.

    Raises:
        IntegrityError: one does not verify; ``out`` is to be wiped.
        TransferError: they could not be fetched, or the object was replaced meanwhile.
    """
    stored = fetch(opened, frames)
    decrypt(message_of(opened), frames, stored, out)
    return stored


def fetch(opened: OpenObject, frames: range) -> memoryview:
    """Return the stored bytes of a run of frames, in memory that Arrow's pool has used before."""
    start, end = layout_of(message_of(opened)).stored_of(frames)
    stored = memoryview(new_buffer(end - start)).cast("B")
    fill(opened, Span(start, end), stored)
    return stored


def decrypt(message: OpenMessage, frames: range, stored: memoryview, out: memoryview) -> None:
    """Decrypt a run of frames from its stored bytes to ``out``, which is as long as their plaintext.

    Raises:
        IntegrityError, EnvelopeError: one does not verify, or is none; ``out`` is to be wiped.
    """
    layout = layout_of(message)
    regular = max(0, min(frames.stop, layout.num_regular) - frames.start)
    at, done = regular * layout.stride, regular * layout.frame_length
    if regular:
        with stored[:at] as whole, out[:done] as plaintext:
            message.cipher.open_frames(frames.start + 1, layout.frame_length, whole, plaintext)
    if frames.stop > layout.num_regular:
        with stored[at:] as rest, out[done:] as plaintext:
            message.cipher.open(final_piece(message.header, layout, rest), plaintext)


def read_single(opened: OpenObject, before: Callable[[memoryview], None]) -> pa.Buffer:
    """Return the plaintext of an old message whose body is in one piece, which verifies as a whole only.

    Args:
        before: gets the stored bytes that follow the header before they are decrypted.
    """
    message, length = message_of(opened), opened.plaintext_bytes
    start = len(message.raw_header)
    stored = bytearray(opened.stored.size - start)
    fill(opened, Span(start, opened.stored.size), stored)
    buffer = new_buffer(length)
    with memoryview(stored) as view, memoryview(buffer).cast("B") as out:
        before(view)
        at = GCM_IV_BYTES + 8
        with view[at : at + length] as ciphertext:
            front, tag = bytes(view[:at]), bytes(view[at + length : at + length + GCM_TAG_BYTES])
            message.cipher.open(Piece(Kind.SINGLE, 1, front[:GCM_IV_BYTES], front, ciphertext, tag), out)
    return buffer
