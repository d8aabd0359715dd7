"""Range arithmetic: which stored bytes give which plaintext bytes. Pure; all numbers are bytes.

Source: FORMATS.md section 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s3cse.crypto.ciphers import BLOCK_BYTES

#: Ranges closer than this are fetched in one request: a request costs about what this much transfer does.
HOLE_BYTES = 1 << 20
#: A longer run is cut, so that its pieces travel in parallel.
REQUEST_BYTES = 8 << 20
#: No request is longer than this, however long the run. A request costs the client 1 to 2 ms of CPU, so on a fast
#: network long ones win: into memory in use, 8 workers on 2 cores, 1 GiB came at 0.46, 0.78, 1.0, 1.6 and 1.6 GB/s in
#: requests of 1, 4, 8, 16 and 32 MiB, decryption included (`bench/transfer.py --sizes` repeats the comparison).
LONG_REQUEST_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The bytes [start, end)."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


def coalesce(spans: Sequence[Span], hole: int = HOLE_BYTES) -> list[Span]:
    """Merge spans that overlap or are less than ``hole`` apart; the result is sorted and disjoint. Empty spans go."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if merged and span.start - merged[-1].end < hole:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def cut(span: Span, size: int = REQUEST_BYTES) -> list[Span]:
    """Cut a span into pieces of at most ``size`` bytes (a multiple of 16)."""
    return [Span(at, min(at + size, span.end)) for at in range(span.start, span.end, size)]


def request_bytes(length: int, requests: int) -> int:
    """Return how long the requests for a run of ``length`` bytes should be: that many of them, in reasonable sizes."""
    share = -(-length // (requests * BLOCK_BYTES)) * BLOCK_BYTES
    return min(max(share, REQUEST_BYTES), LONG_REQUEST_BYTES)


def widen(span: Span, limit: int) -> Span:
    """Widen a span to whole cipher blocks, at most to ``limit``."""
    return Span(span.start // BLOCK_BYTES * BLOCK_BYTES, min(-(-span.end // BLOCK_BYTES) * BLOCK_BYTES, limit))
