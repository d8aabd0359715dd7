"""Bringing stored bytes here: which pieces an object is fetched in, and where each comes from.

One copy: a body arrives through urllib3 straight in the buffer that it was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import LONG_REQUEST_BYTES, Span, cut, request_bytes
from s3cse.objects.workers import WORKERS

if TYPE_CHECKING:
    from typing_extensions import Buffer


def pieces(opened: OpenObject, span: Span, most: int = LONG_REQUEST_BYTES) -> list[Span]:
    """Cut stored bytes into pieces of at most ``most`` bytes, in order, the last of them what opening brought along.

    Args:
        span: starts with a cipher block, and so does every piece.
        most: a multiple of 16.
    """
    tail_at = opened.stored.size - len(opened.tail)
    # A GCM body ends within a block, so the tail may begin in one: that block is fetched.
    border = min(max(-(-tail_at // BLOCK_BYTES) * BLOCK_BYTES, span.start), span.end)
    near = Span(border, span.end)
    far = Span(span.start, border)
    return cut(far, min(request_bytes(len(far), WORKERS), most)) + ([near] if near else [])


def is_here(opened: OpenObject, piece: Span) -> bool:
    """Whether a piece came with the opening, so that it costs no request."""
    return piece.start >= opened.stored.size - len(opened.tail)


def fill(opened: OpenObject, piece: Span, out: Buffer) -> None:
    """Write a piece's stored bytes to ``out``, which is as long; what opening brought along is not fetched again.

    Raises:
        TransferError: it could not be fetched, or the object was replaced meanwhile.
    """
    tail_at = opened.stored.size - len(opened.tail)
    far = min(max(tail_at - piece.start, 0), len(piece))
    with memoryview(out) as view:
        if far:
            with view[:far] as fetched:
                opened.store.get_into(opened.stored.location, piece.start, fetched, opened.stored.etag)
        near = piece.start + far - tail_at
        view[far:] = memoryview(opened.tail)[near : near + len(piece) - far]
