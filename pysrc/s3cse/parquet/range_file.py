"""A file for pyarrow over plaintext ranges of an object: what was preloaded is served from memory, without a copy."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from threading import Lock

import pyarrow as pa

from s3cse.objects.ranges import Span

#: Brings plaintext ranges: one buffer for each, in order.
Fetch = Callable[[Sequence[Span]], "list[pa.Buffer]"]


class RangeFile(io.RawIOBase):
    """A read-only file. One thread reads; another may preload and release meanwhile.

    Args:
        length: of the file in bytes.
        fetch: brings ranges.
        kept: ranges that stay in memory.
    """

    def __init__(self, length: int, fetch: Fetch, kept: Sequence[Span] = ()) -> None:
        super().__init__()
        self._length = length
        self._source = fetch
        self._at = 0
        self._counting = Lock()
        self.fetched_bytes = 0
        self._kept = self._load(kept)
        self._loaded: dict[int, list[tuple[Span, pa.Buffer]]] = {}

    def _fetch(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        buffers = self._source(spans)
        with self._counting:
            self.fetched_bytes += sum(map(len, spans))
        return buffers

    def _load(self, spans: Sequence[Span]) -> list[tuple[Span, pa.Buffer]]:
        return list(zip(spans, self._fetch(spans), strict=True))

    def preload(self, number: int, spans: Sequence[Span]) -> None:
        """Fetch these ranges together and hold them until ``release(number)``."""
        self._loaded[number] = self._load([span for span in spans if self._find(span) is None])

    def release(self, number: int) -> None:
        """Drop what was preloaded under this number."""
        self._loaded.pop(number, None)

    def _find(self, wanted: Span) -> memoryview | None:
        for loaded in (self._kept, *list(self._loaded.values())):
            for span, buffer in loaded:
                if span.start <= wanted.start and wanted.end <= span.end:
                    return memoryview(buffer).cast("B")[wanted.start - span.start : wanted.end - span.start]
        return None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> memoryview:
        """Return up to ``size`` bytes (to the end if negative); pyarrow takes a view without a copy."""
        end = self._length
        wanted = Span(min(self._at, end), end if size is None or size < 0 else min(self._at + size, end))
        self._at = wanted.end
        found = self._find(wanted)
        return memoryview(self._fetch([wanted])[0]).cast("B") if found is None else found
