"""Where the bytes of an open file come from: verified ranges, an object verified as a whole, or what nothing verifies.

The rules are those of s3cse.objects.ranged, after a look for a segment index: a Parquet file that has one is read in
verified ranges. Nothing is released unverified that the rules do not allow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from threading import Lock
from typing import Protocol

import pyarrow as pa

from s3cse.crypto.index import SEGMENT_BYTES
from s3cse.filesystem.verified_body import SpooledBody
from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.objects.ranged import ranged
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_whole
from s3cse.objects.verified_ranges import WHOLE_BYTES, read_verified
from s3cse.parquet.input import search_index

#: What is read ahead of a request by default. Where ranges are verified they are widened anyway, and who reads such
#: files jumps: a segment, or as many frames. Elsewhere what fsspec's own filesystems have.
VERIFIED_AHEAD_BYTES = SEGMENT_BYTES
READ_AHEAD_BYTES = 4 << 20
_log = logging.getLogger(__name__)


class Source(Protocol):
    """The plaintext of one open object. Several threads may read."""

    #: Whether what it gives was authenticated before.
    verified: bool
    #: What is worth reading ahead, in bytes; 0: nothing, because reading costs no request.
    read_ahead: int

    @property
    def held_bytes(self) -> int:
        """Plaintext that it keeps in memory."""

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        """Return plaintext ranges inside the object: one buffer for each, in order."""

    def close(self) -> None:
        """Give up what it holds; idempotent."""


class _Ranges:
    """Ranges that come from S3 when they are asked for."""

    held_bytes = 0

    def __init__(self, read: Callable[[Sequence[Span]], list[pa.Buffer]], *, verified: bool) -> None:
        self._read: Callable[[Sequence[Span]], list[pa.Buffer]] | None = read
        self.verified = verified
        self.read_ahead = VERIFIED_AHEAD_BYTES if verified else READ_AHEAD_BYTES

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        """See Source."""
        if self._read is None:
            raise ValueError("the file is closed")
        return self._read(spans)

    def close(self) -> None:
        """See Source."""
        self._read = None  # an index wipes its secrets as it goes


class _Whole:
    """An object that is fetched and verified as a whole when it is first read."""

    verified = True
    read_ahead = 0

    def __init__(self, opened: OpenObject, directory: str | None) -> None:
        self._opened = opened
        self._directory = directory
        self._lock = Lock()
        self._body: _Body | None = None

    @property
    def held_bytes(self) -> int:
        """See Source."""
        return self._opened.plaintext_bytes if isinstance(self._body, _InMemory) else 0

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        """See Source."""
        with self._lock:
            if self._body is None:
                self._body = self._bring()
        return self._body.read(spans)

    def _bring(self) -> _Body:
        if self._opened.plaintext_bytes <= WHOLE_BYTES:
            return _InMemory(read_whole(self._opened))
        if self._opened.message is not None:
            return _Signed(self._opened, self._directory)
        return SpooledBody(self._opened, self._directory)

    def close(self) -> None:
        """See Source."""
        if self._body is not None:
            self._body.close()
            self._body = None


class _Body(Protocol):
    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]: ...

    def close(self) -> None: ...


class _InMemory:
    """A verified plaintext."""

    def __init__(self, plaintext: pa.Buffer) -> None:
        self._plaintext = plaintext

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        return [self._plaintext.slice(span.start, len(span)) for span in spans]

    def close(self) -> None:
        self._plaintext = pa.py_buffer(b"")


class _Signed:
    """A long message whose ranges only its end vouches for: each read fetches all of it. Read it as a whole."""

    def __init__(self, opened: OpenObject, directory: str | None) -> None:
        self._opened = opened
        self._directory = directory

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        return [self._read(span) for span in spans]

    def _read(self, span: Span) -> pa.Buffer:
        out = bytearray()
        with closing(read_verified(self._opened, span, spool_directory=self._directory)) as views:
            for view in views:
                out += view
        return pa.py_buffer(out)

    def close(self) -> None:
        """Nothing is held."""


def open_source(opened: OpenObject, policy: Policy, spool_directory: str | None = None) -> Source:
    """Return the source for an open object under the rules.

    Costs no request where the end of the object, which opening brought along, holds its index or shows that there is
    none; else one.

    Raises:
        IntegrityError: its index is not the one that it was written with.
        TransferError: its end could not be fetched.
    """
    claimed = False
    if opened.authenticated and not opened.ranges_verify and policy.integrity != "none":
        search = search_index(opened)
        if search.body is not None:
            return _Ranges(search.body.read, verified=True)
        claimed = search.claimed
    found = ranged(opened, policy)
    # Something that claims to be an index and is not: only the whole object's tag can tell what it is.
    if found is None or claimed:
        return _Whole(opened, spool_directory)
    if not found.verified and not opened.customer_key:
        _log.info("%s (%s): released UNVERIFIED, integrity=%s", opened.uri, opened.protection, policy.integrity)
    return _Ranges(found.read, verified=found.verified)
