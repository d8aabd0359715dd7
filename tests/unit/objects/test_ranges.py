"""Range arithmetic by example; tests/properties has its laws."""

from __future__ import annotations

import pytest

from s3cse.objects.ranges import (
    HOLE_BYTES,
    LONG_REQUEST_BYTES,
    REQUEST_BYTES,
    Span,
    coalesce,
    cut,
    request_bytes,
    widen,
)


def test_spans_closer_than_a_hole_share_a_request() -> None:
    """Close, touching and overlapping spans become one; distant ones stay apart, in order."""
    spans = [Span(100, 110), Span(0, 10), Span(15, 20), Span(18, 40), Span(5, 6)]
    assert coalesce(spans, hole=6) == [Span(0, 40), Span(100, 110)]
    assert coalesce(spans, hole=5) == [Span(0, 10), Span(15, 40), Span(100, 110)]


def test_empty_spans_go() -> None:
    """No request for no bytes."""
    assert coalesce([Span(5, 5), Span(0, 0)]) == []


@pytest.mark.parametrize(
    ("length", "wanted"),
    [
        (0, REQUEST_BYTES),
        (1, REQUEST_BYTES),
        (8 * REQUEST_BYTES, REQUEST_BYTES),
        (8 * REQUEST_BYTES + 1, REQUEST_BYTES + 16),
        (16 * REQUEST_BYTES, 2 * REQUEST_BYTES),
        (1 << 40, LONG_REQUEST_BYTES),
    ],
)
def test_requests_grow_with_the_run(length: int, wanted: int) -> None:
    """As many requests as can travel at once, of whole blocks, neither short nor endless."""
    assert request_bytes(length, 8) == wanted


def test_cut_covers_the_span_in_pieces() -> None:
    """Pieces are of one size but the last, and follow each other."""
    assert cut(Span(3, 40), 16) == [Span(3, 19), Span(19, 35), Span(35, 40)]
    assert cut(Span(7, 7), 16) == []


@pytest.mark.parametrize(
    ("span", "wide"),
    [
        (Span(0, 1), Span(0, 16)),
        (Span(15, 17), Span(0, 32)),
        (Span(16, 32), Span(16, 32)),
        (Span(33, 39), Span(32, 40)),
    ],
)
def test_widen_reaches_block_borders_but_not_past_the_end(span: Span, wide: Span) -> None:
    """Ciphers work on whole blocks; the plaintext ends where it ends."""
    assert widen(span, 40) == wide


def test_pieces_are_whole_blocks() -> None:
    """Requests are cut where blocks end."""
    assert REQUEST_BYTES % 16 == 0
    assert HOLE_BYTES >= 32
