"""Pieces of an object: what is fetched, and what the opening brought along."""

from __future__ import annotations

import pytest

from s3cse.crypto import native
from s3cse.objects.fetch import fill, is_here, pieces
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span
from s3cse.storage.port import StoredObject

from .fakes import PLACE, RecordingStore

BODY = bytes(range(256)) + b"end"


pytestmark = pytest.mark.usefixtures("small_requests")


def opened_with(tail_bytes: int, size: int = len(BODY)) -> OpenObject:
    store = RecordingStore()
    etag = store.put(PLACE, BODY[:size]).etag
    stored = StoredObject(PLACE, size, etag, {})
    return OpenObject(store, stored, None, None, BODY[size - tail_bytes : size], size, native)


@pytest.mark.parametrize("size", [0, 1, 16, 64, 65, 259])
@pytest.mark.parametrize("tail_bytes", [0, 1, 16, 17, 32, 100, 259])
@pytest.mark.parametrize("start", [0, 16, 64, 208])
def test_pieces_join_and_begin_with_blocks(size: int, tail_bytes: int, start: int) -> None:
    """Pieces follow each other from start to end, none is empty, each starts a block, and what is here is the last."""
    opened = opened_with(min(tail_bytes, size), size)
    span = Span(min(start, size), size)
    found = pieces(opened, span) if span.start % 16 == 0 else []
    assert [piece.end for piece in found[:-1]] == [piece.start for piece in found[1:]]
    assert all(len(piece) > 0 and piece.start % 16 == 0 for piece in found)
    assert sum(map(len, found)) == (len(span) if span.start % 16 == 0 else 0)
    assert not any(is_here(opened, piece) for piece in found[:-1])


@pytest.mark.parametrize("tail_bytes", [0, 1, 15, 16, 17, 100, 259])
def test_every_piece_is_filled_at_its_cost(tail_bytes: int) -> None:
    """Pieces that are here cost no request, the others one each, under If-Match."""
    opened = opened_with(tail_bytes)
    store = opened.store
    assert isinstance(store, RecordingStore)
    out = bytearray(len(BODY))
    asked = 0
    for piece in pieces(opened, Span(0, len(BODY))):
        store.log.clear()
        fill(opened, piece, memoryview(out)[piece.start : piece.end])
        assert store.log == ([] if is_here(opened, piece) else [("GET", PLACE.key)])
        asked += len(store.log)
    assert out == BODY
    assert asked == -(-(len(BODY) - tail_bytes) // 64)
