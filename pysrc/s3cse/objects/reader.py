"""Reading plaintext out of an open object: whole and verified, or in ranges that nothing verifies.

Copies on these paths: the body arrives through urllib3 (one copy into the destination buffer, which is also where it is
decrypted in place); nothing else. Fetches run in parallel in the process's pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress

import pyarrow as pa

from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_TAG_BYTES
from s3cse.errors import IntegrityError
from s3cse.objects.naming import does_not_verify, naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span, coalesce, cut, widen
from s3cse.objects.workers import pool

#: A piece of a fetch and the request that brings it, or None where the bytes are already there.
Piece = tuple[Span, "Future[None] | None"]


def read_whole(opened: OpenObject) -> pa.Buffer:
    """Return the whole plaintext, authenticated before any of it is released where the format allows that.

    GCM: the tag is checked first. CBC: nothing can be checked but the padding. Plain objects: as stored. The peak is
    one buffer of the stored length.

    Raises:
        IntegrityError: the object does not verify; what was decrypted has been wiped.
        TransferError: it could not be fetched, or was replaced meanwhile.
    """
    with naming(opened.stored.location):
        buffer = pa.allocate_buffer(opened.stored.size)
        view = memoryview(buffer).cast("B")
        pieces: list[Piece] = []
        try:
            _start_fetch(opened, Span(0, opened.stored.size), view, pieces)
            return buffer.slice(0, _decrypt_whole(opened, pieces, view))
        except BaseException:
            _abandon(pieces)
            _wipe(view)
            raise


def _decrypt_whole(opened: OpenObject, pieces: Sequence[Piece], view: memoryview) -> int:
    if opened.envelope is None:
        return _wait(pieces)
    if opened.envelope.authenticated:
        return _decrypt_gcm(opened, pieces, view)
    return _decrypt_cbc(opened, pieces, view)


def read_unverified_ranges(opened: OpenObject, spans: Sequence[Span]) -> list[pa.Buffer]:
    """Return plaintext ranges that **nothing authenticates**: whoever can change the object can change what comes back.

    Close ranges share a request; bytes that came with the opening are not fetched again.

    Args:
        spans: plaintext ranges inside [0, plaintext_bytes).

    Returns:
        One buffer per span, in the given order; spans that share a request share memory.
    """
    for span in spans:
        if not 0 <= span.start <= span.end <= opened.plaintext_bytes:
            raise ValueError(f"range [{span.start}, {span.end}) is outside [0, {opened.plaintext_bytes})")
    with naming(opened.stored.location):
        runs = [_Run(opened, widen(run, opened.plaintext_bytes)) for run in coalesce(spans)]
        try:
            for run in runs:
                run.start()
            for run in runs:
                run.finish()
        except BaseException:
            for run in runs:
                run.abandon()
            raise
        return [_pick(runs, span) for span in spans]


def _pick(runs: Sequence[_Run], span: Span) -> pa.Buffer:
    for run in runs:
        if run.span.start <= span.start and span.end <= run.span.end:
            return run.plaintext.slice(span.start - run.span.start, len(span))
    return pa.py_buffer(b"")  # an empty span


def _start_fetch(opened: OpenObject, span: Span, view: memoryview, pieces: list[Piece]) -> None:
    """Start filling ``view`` with the stored bytes of ``span``; ``pieces`` grows in their order."""
    tail_at = opened.stored.size - len(opened.tail)
    store, stored = opened.store, opened.stored
    for piece in cut(Span(span.start, max(min(span.end, tail_at), span.start))):
        target = view[piece.start - span.start : piece.end - span.start]
        pieces.append((piece, pool().submit(store.get_into, stored.location, piece.start, target, stored.etag)))
    rest = Span(max(span.start, tail_at), span.end)
    if rest.start < rest.end:
        view[rest.start - span.start : rest.end - span.start] = opened.tail[rest.start - tail_at : rest.end - tail_at]
        pieces.append((rest, None))


def _wait(pieces: Sequence[Piece]) -> int:
    for _, future in pieces:
        if future is not None:
            future.result()
    return sum(len(span) for span, _ in pieces)


def _abandon(pieces: Sequence[Piece]) -> None:
    """Cancel what has not started and wait for what has: nobody may write into a buffer that was given up."""
    for _, future in pieces:
        if future is not None and not future.cancel():
            with suppress(Exception):
                future.result()


def _wipe(view: memoryview) -> None:
    zeros = bytes(1 << 16)
    for at in range(0, len(view), len(zeros)):
        piece = view[at : at + len(zeros)]
        piece[:] = zeros[: len(piece)]


def _decrypt_gcm(opened: OpenObject, pieces: Sequence[Piece], view: memoryview) -> int:
    envelope, key = opened.cipher()
    end = opened.plaintext_bytes
    with opened.backend.gcm_decryptor(key.view(), envelope.iv) as cipher:
        for span, future in pieces:
            if future is not None:
                future.result()
            body = view[span.start : min(span.end, end)]
            cipher.update_into(body, body)
        try:
            cipher.finalize(view[end : end + GCM_TAG_BYTES])
        except IntegrityError:
            raise does_not_verify() from None
    return end


def _decrypt_cbc(opened: OpenObject, pieces: Sequence[Piece], view: memoryview) -> int:
    envelope, key = opened.cipher()
    # The padding was checked when the object was opened: it gave plaintext_bytes.
    with opened.backend.cbc_decryptor(key.view(), envelope.iv, padding=False) as cipher:
        for span, future in pieces:
            if future is not None:
                future.result()
            body = view[span.start : span.end]
            cipher.update_into(body, body)
    return opened.plaintext_bytes


class _Run:
    """One run of whole plaintext blocks: fetched together, decrypted in place; ``span`` is in plaintext bytes."""

    def __init__(self, opened: OpenObject, span: Span) -> None:
        self._opened = opened
        self.span = span
        self._stored = _stored_span(opened, span)
        self._buffer = pa.allocate_buffer(len(self._stored))
        self._view = memoryview(self._buffer).cast("B")
        self._pieces: list[Piece] = []

    def start(self) -> None:
        """Ask for the bytes that are not there yet."""
        _start_fetch(self._opened, self._stored, self._view, self._pieces)

    def finish(self) -> None:
        """Wait for the bytes and decrypt them."""
        _wait(self._pieces)
        if self._opened.envelope is None:
            return
        envelope, key = self._opened.cipher()
        if envelope.authenticated:
            first_block = self.span.start // BLOCK_BYTES
            with self._opened.backend.ctr_cipher(key.view(), envelope.iv, first_block) as ctr:
                ctr.update_into(self._view, self._view)
            return
        iv = bytes(self._view[: self._before]) or envelope.iv
        with self._opened.backend.cbc_decryptor(key.view(), iv, padding=False) as cbc:
            cbc.update_into(self._view[self._before :], self._view[self._before :])

    @property
    def _before(self) -> int:
        """Length of the block before the run, which CBC needs as its IV; 0 where there is none."""
        return self.span.start - self._stored.start

    @property
    def plaintext(self) -> pa.Buffer:
        """The run's plaintext."""
        return self._buffer.slice(self._before, len(self.span))

    def abandon(self) -> None:
        """Give the buffer up: no request writes into it any more, and nothing stays in it."""
        _abandon(self._pieces)
        _wipe(self._view)


def _stored_span(opened: OpenObject, run: Span) -> Span:
    """Return the stored bytes that a run of whole plaintext blocks needs; CBC needs the block before it too."""
    if opened.envelope is None or opened.envelope.authenticated:
        return run
    return Span(max(run.start - BLOCK_BYTES, 0), -(-run.end // BLOCK_BYTES) * BLOCK_BYTES)
