"""Reading plaintext into memory: whole and verified, or in ranges that nothing verifies.

Copies on these paths: none but the one from the connection into the destination buffer, where a piece is decrypted in
place by the worker that fetched it. Fetches run in parallel in the process's pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.crypto.memory import wipe
from s3cse.envelope.model import Envelope
from s3cse.objects.arrow_memory import new_buffer
from s3cse.objects.fetch import fill, is_here, pieces
from s3cse.objects.gcm_body import GcmBody
from s3cse.objects.message_body import read_frames
from s3cse.objects.message_reading import read_whole_message
from s3cse.objects.naming import naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span, coalesce, widen
from s3cse.objects.workers import WORKERS, Batch, results_in_order

if TYPE_CHECKING:
    import pyarrow as pa


def read_whole(opened: OpenObject) -> pa.Buffer:
    """Return the whole plaintext, authenticated before any of it is released where the format allows that.

    GCM: the tag is checked first. Messages: every frame, and the signature. CBC: nothing can be checked but the
    padding. Plain objects: as stored. Memory: one buffer of the stored length, at most 1.1 times that with all that
    connections hold; of messages that, and WORKERS × REQUEST_BYTES.

    Raises:
        IntegrityError: the object does not verify; what was decrypted has been wiped.
        TransferError: it could not be fetched, or was replaced meanwhile.
    """
    if opened.message is not None:
        return read_whole_message(opened)
    with naming(opened.stored.location):
        buffer = new_buffer(opened.plaintext_bytes if opened.authenticated else opened.stored.size)
        view = memoryview(buffer).cast("B")
        try:
            _read_into(opened, view)
        except BaseException:
            wipe(view)
            raise
        return buffer.slice(0, opened.plaintext_bytes)


def _read_into(opened: OpenObject, view: memoryview) -> None:
    if opened.envelope is None:
        _read_plain(opened, view)
    elif opened.envelope.authenticated:
        _read_gcm(opened, view)
    else:
        _read_cbc(opened, opened.envelope, view)


def _read_plain(opened: OpenObject, view: memoryview) -> None:
    with Batch() as batch:
        for piece in pieces(opened, Span(0, len(view))):
            batch.start(partial(fill, opened, piece, view[piece.start : piece.end]))
        batch.wait()


def _read_gcm(opened: OpenObject, view: memoryview) -> None:
    with GcmBody(opened) as body, Batch() as batch:
        for piece in pieces(opened, Span(0, len(view))):
            target = view[piece.start : piece.end]
            if is_here(opened, piece):
                _decrypt(opened, body, piece, target)
            else:
                batch.start(partial(_decrypt, opened, body, piece, target))
        batch.wait()
        body.verify()


def _decrypt(opened: OpenObject, body: GcmBody, piece: Span, target: memoryview) -> None:
    fill(opened, piece, target)
    body.decrypt(piece.start, target)


def _read_cbc(opened: OpenObject, envelope: Envelope, view: memoryview) -> None:
    """Decrypt in order, because the cipher carries on from block to block, while later pieces arrive."""
    _, key = opened.cipher()
    work = (partial(_fetch, opened, piece, view) for piece in pieces(opened, Span(0, len(view))))
    # The padding was checked when the object was opened: it gave plaintext_bytes.
    with (
        opened.backend.cbc_decryptor(key.view(), envelope.iv, padding=False) as cipher,
        closing(results_in_order(work, WORKERS)) as fetched,
    ):
        for target in fetched:
            cipher.update_into(target, target)


def _fetch(opened: OpenObject, piece: Span, view: memoryview) -> memoryview:
    target = view[piece.start : piece.end]
    fill(opened, piece, target)
    return target


def read_unverified_ranges(opened: OpenObject, spans: Sequence[Span]) -> list[pa.Buffer]:
    """Return plaintext ranges that **nothing authenticates**: whoever can change the object can change what comes back.

    Of a message frames are verified all the same, but a signature is not looked at.

    Close ranges share a request; bytes that came with the opening are not fetched again.

    Args:
        spans: plaintext ranges inside [0, plaintext_bytes).

    Returns:
        One buffer per span, in the given order; spans that share a request share memory.
    """
    if opened.message is not None:
        return _of_message(opened, spans)
    for span in spans:
        if not 0 <= span.start <= span.end <= opened.plaintext_bytes:
            raise ValueError(f"range [{span.start}, {span.end}) is outside [0, {opened.plaintext_bytes})")
    with naming(opened.stored.location):
        runs = [_Run(opened, widen(run, opened.plaintext_bytes)) for run in coalesce(spans)]
        try:
            _fetch_and_decrypt(runs)
        except BaseException:
            for run in runs:
                run.wipe()
            raise
        return [_pick(runs, span) for span in spans]


def _of_message(opened: OpenObject, spans: Sequence[Span]) -> list[pa.Buffer]:
    if opened.message is not None and opened.message.layout is not None:
        return read_frames(opened, spans)
    whole = read_whole_message(opened)
    return [whole.slice(span.start, len(span)) for span in spans]


def _fetch_and_decrypt(runs: Sequence[_Run]) -> None:
    with Batch() as batch:
        for run in runs:
            run.start(batch)
        batch.wait()
    for run in runs:
        run.finish()


def _pick(runs: Sequence[_Run], span: Span) -> pa.Buffer:
    for run in runs:
        if run.span.start <= span.start and span.end <= run.span.end:
            return run.plaintext.slice(span.start - run.span.start, len(span))
    return new_buffer(0)  # an empty span


class _Run:
    """One run of whole plaintext blocks: fetched together, decrypted in place; ``span`` is in plaintext bytes."""

    def __init__(self, opened: OpenObject, span: Span) -> None:
        self._opened = opened
        self.span = span
        self._stored = _stored_span(opened, span)
        self._buffer = new_buffer(len(self._stored))
        self._view = memoryview(self._buffer).cast("B")

    def start(self, batch: Batch) -> None:
        """Ask for the bytes that are not there yet."""
        for piece in pieces(self._opened, self._stored):
            if is_here(self._opened, piece):
                self._bring(piece)
            else:
                batch.start(partial(self._bring, piece))

    def _bring(self, piece: Span) -> None:
        target = self._view[piece.start - self._stored.start : piece.end - self._stored.start]
        fill(self._opened, piece, target)
        if self._opened.envelope is not None and self._opened.envelope.authenticated:
            envelope, key = self._opened.cipher()
            with self._opened.backend.ctr_cipher(key.view(), envelope.iv, piece.start // BLOCK_BYTES) as ctr:
                ctr.update_into(target, target)

    def finish(self) -> None:
        """Decrypt what could not be decrypted piece by piece, now that all is there."""
        if self._opened.envelope is None or self._opened.envelope.authenticated:
            return
        envelope, key = self._opened.cipher()
        iv, body = bytes(self._view[: self._before]) or envelope.iv, self._view[self._before :]
        with self._opened.backend.cbc_decryptor(key.view(), iv, padding=False) as cbc:
            cbc.update_into(body, body)

    @property
    def _before(self) -> int:
        """Length of the block before the run, which CBC needs as its IV; 0 where there is none."""
        return self.span.start - self._stored.start

    @property
    def plaintext(self) -> pa.Buffer:
        """The run's plaintext."""
        return self._buffer.slice(self._before, len(self.span))

    def wipe(self) -> None:
        """Leave nothing in the buffer that was given up."""
        wipe(self._view)


def _stored_span(opened: OpenObject, run: Span) -> Span:
    """Return the stored bytes that a run of whole plaintext blocks needs; CBC needs the block before it too."""
    if opened.envelope is None or opened.envelope.authenticated:
        return run
    return Span(max(run.start - BLOCK_BYTES, 0), -(-run.end // BLOCK_BYTES) * BLOCK_BYTES)
