"""Reading plaintext out of an open object: whole and verified, or in ranges that nothing verifies.

Copies on these paths: the body arrives through urllib3 (one copy into the destination buffer, which is also where it is
decrypted in place); nothing else. Fetches run in parallel in the process's pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress

import pyarrow as pa

from s3cse.crypto.ciphers import GCM_TAG_BYTES
from s3cse.errors import IntegrityError, S3CSEError
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import BLOCK, Span, coalesce, cut, widen
from s3cse.objects.workers import pool

_RESTORE = "the object was damaged or changed after it was written: restore it from a copy you trust"


def read_whole(opened: OpenObject) -> pa.Buffer:
    """Return the whole plaintext, authenticated before any of it is released where the format allows that.

    GCM: the tag is checked first. CBC: nothing can be checked but the padding. Plain objects: as stored. The peak is
    one buffer of the stored length.

    Raises:
        IntegrityError: the object does not verify; what was decrypted has been wiped.
        TransferError: it could not be fetched, or was replaced meanwhile.
    """
    buffer = pa.allocate_buffer(opened.stored.size)
    view = memoryview(buffer).cast("B")
    pieces = _start_fetch(opened, Span(0, opened.stored.size), view)
    try:
        if opened.envelope is None:
            length = _wait(pieces)
        elif opened.envelope.authenticated:
            length = _decrypt_gcm(opened, pieces, view)
        else:
            length = _decrypt_cbc(opened, pieces, view)
    except BaseException as error:
        _abandon(pieces)
        _wipe(view)
        if isinstance(error, S3CSEError):
            raise error.at(opened.uri) from error.__cause__
        raise
    return buffer.slice(0, length)


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
    runs = [widen(run, opened.plaintext_bytes) for run in coalesce(spans)]
    started = [(run, *_start_run(opened, run)) for run in runs]
    try:
        done = [(run, _finish_run(opened, run, buffer, pieces)) for run, buffer, pieces in started]
    except BaseException as error:
        _abandon([piece for _, _, pieces in started for piece in pieces])
        if isinstance(error, S3CSEError):
            raise error.at(opened.uri) from error.__cause__
        raise
    return [_pick(done, span) for span in spans]


def _pick(done: Sequence[tuple[Span, pa.Buffer]], span: Span) -> pa.Buffer:
    for run, buffer in done:
        if run.start <= span.start and span.end <= run.end:
            return buffer.slice(span.start - run.start, len(span))
    return pa.py_buffer(b"")  # an empty span


Piece = tuple[Span, "Future[None] | None"]


def _start_fetch(opened: OpenObject, span: Span, view: memoryview) -> list[Piece]:
    """Start filling ``view`` with the stored bytes of ``span``; pieces come in order, None marks one already there."""
    tail_at = opened.stored.size - len(opened.tail)
    pieces: list[Piece] = []
    for piece in cut(Span(span.start, max(min(span.end, tail_at), span.start))):
        target = view[piece.start - span.start : piece.end - span.start]
        future = pool().submit(opened.store.get_into, opened.stored.location, piece.start, target, opened.stored.etag)
        pieces.append((piece, future))
    rest = Span(max(span.start, tail_at), span.end)
    if rest.start < rest.end:
        view[rest.start - span.start : rest.end - span.start] = opened.tail[rest.start - tail_at : rest.end - tail_at]
        pieces.append((rest, None))
    return pieces


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
        except IntegrityError as error:
            raise _does_not_verify() from error
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


def _stored_span(opened: OpenObject, run: Span) -> Span:
    """Return the stored bytes that a run of whole plaintext blocks needs; CBC needs the block before it too."""
    if opened.envelope is None or opened.envelope.authenticated:
        return run
    return Span(max(run.start - BLOCK, 0), -(-run.end // BLOCK) * BLOCK)


def _start_run(opened: OpenObject, run: Span) -> tuple[pa.Buffer, list[Piece]]:
    span = _stored_span(opened, run)
    buffer = pa.allocate_buffer(len(span))
    return buffer, _start_fetch(opened, span, memoryview(buffer).cast("B"))


def _finish_run(opened: OpenObject, run: Span, buffer: pa.Buffer, pieces: Sequence[Piece]) -> pa.Buffer:
    _wait(pieces)
    if opened.envelope is None:
        return buffer
    envelope, key = opened.cipher()
    view = memoryview(buffer).cast("B")
    if envelope.authenticated:
        with opened.backend.ctr_cipher(key.view(), envelope.iv, run.start // BLOCK) as ctr:
            ctr.update_into(view, view)
        return buffer
    before = run.start - _stored_span(opened, run).start
    iv = bytes(view[:before]) if before else envelope.iv
    with opened.backend.cbc_decryptor(key.view(), iv, padding=False) as cbc:
        cbc.update_into(view[before:], view[before:])
    return buffer.slice(before, len(run))


def _does_not_verify() -> IntegrityError:
    return IntegrityError("the object does not verify: its GCM tag does not match; nothing was released", fix=_RESTORE)
