"""A file that is open for reading: fsspec's buffered file over a source of plaintext."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fsspec.spec import AbstractBufferedFile

from s3cse.filesystem.sources import Source
from s3cse.objects.ranges import Span

_NO_CACHE = "none"
_READ_AHEAD = "readahead"


class EncryptedReadFile(AbstractBufferedFile):  # type: ignore[misc]  # fsspec has no types
    """What ``fs.open(path, "rb")`` returns. It stays with the object that it has opened: one that is replaced meanwhile
    is an error, never a mixture.

    Args:
        fs: the filesystem.
        path: bucket/key.
        source: of the plaintext; belongs to the file from now on.
        entry: what ``fs.info`` says of the object.
        block_size: what to read ahead, in bytes; None: what suits the source.
        cache_type: one of fsspec's; None: ``readahead`` where reading costs requests, else none.
        cache_options: of that cache.
    """

    def __init__(
        self,
        fs: Any,
        path: str,
        source: Source,
        entry: Mapping[str, Any],
        *,
        block_size: int | None = None,
        cache_type: str | None = None,
        cache_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._source = source
        super().__init__(
            fs,
            path,
            mode="rb",
            block_size=block_size or source.read_ahead or "default",
            cache_type=cache_type or (_READ_AHEAD if source.read_ahead else _NO_CACHE),
            cache_options=dict(cache_options or {}),
            size=entry["size"],
        )
        self._details = dict(entry)
        # Not a method of this file: where nobody closes it, as with pyarrow, it would wait for the garbage collector.
        self.cache.fetcher = partial(_fetch, source, self.size)

    @property
    def verified(self) -> bool:
        """Whether every byte that comes out was authenticated before."""
        return self._source.verified

    def _fetch_range(self, start: int, end: int) -> bytes:
        return _fetch(self._source, self.size, start, end)

    def close(self) -> None:
        """Give up what was read and the key; idempotent."""
        if not self.closed:
            super().close()
            self._source.close()


def _fetch(source: Source, size: int, start: int, end: int) -> bytes:
    span = Span(min(start, size), min(end, size))
    return bytes(source.read([span])[0].to_pybytes()) if span else b""
