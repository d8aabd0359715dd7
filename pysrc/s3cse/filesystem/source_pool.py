"""Objects that are open, shared by the files of one filesystem, and kept for a little while after the last one.

pandas, DuckDB and Dask open a file two or three times: for its schema, then for its rows. Where an object has to be
verified as a whole it would be fetched as often. A HEAD tells that it is still the same object.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import pyarrow as pa

from s3cse.filesystem.sources import Source
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span
from s3cse.objects.verified_ranges import WHOLE_BYTES
from s3cse.storage.port import Location

#: How long an object is kept that no file has open; how many; and how much plaintext of theirs in memory.
KEPT_SECONDS = 60.0
KEPT_OBJECTS = 8
KEPT_BYTES = WHOLE_BYTES


@dataclass(slots=True, eq=False)
class _Shared:
    opened: OpenObject
    source: Source
    users: int = 0
    idle_since: float = 0.0


class Lease:
    """The source of one file; closing it gives it back."""

    def __init__(self, pool: SourcePool, shared: _Shared) -> None:
        self._pool = pool
        self._shared: _Shared | None = shared
        self.opened = shared.opened
        self.verified = shared.source.verified
        self.read_ahead = shared.source.read_ahead

    @property
    def held_bytes(self) -> int:
        """See Source."""
        return 0 if self._shared is None else self._shared.source.held_bytes

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        """See Source."""
        if self._shared is None:
            raise ValueError("the file is closed")
        return self._shared.source.read(spans)

    def close(self) -> None:
        """See Source."""
        shared, self._shared = self._shared, None
        if shared is not None:
            self._pool.give_back(shared)


class SourcePool:
    """See the module. Any number of threads; a forked child begins with an empty one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._process = os.getpid()
        self._known: OrderedDict[Location, _Shared] = OrderedDict()

    def find(self, location: Location, etag: Callable[[], str | None]) -> Lease | None:
        """Return an object that is known, if it is still the one that S3 has.

        Args:
            etag: asks S3; called only where there is something to compare.
        """
        with self._usable():
            shared = self._known.get(location)
        if shared is None or etag() != shared.opened.stored.etag:
            return None
        with self._lock:
            return self._lease(shared) if self._known.get(location) is shared else None

    def add(self, opened: OpenObject, source: Source) -> Lease:
        """Share what has just been opened; another thread's, if that was faster with the same object."""
        with self._usable():
            location = opened.stored.location
            known = self._known.get(location)
            if known is not None and known.opened.stored.etag == opened.stored.etag:
                source.close()
                return self._lease(known)
            if known is not None:
                self._forget(location)
            self._known[location] = _Shared(opened, source)
            return self._lease(self._known[location])

    def give_back(self, shared: _Shared) -> None:
        """End one use."""
        with self._usable():
            shared.users -= 1
            shared.idle_since = self._clock()
            if shared.users == 0 and self._known.get(shared.opened.stored.location) is not shared:
                shared.source.close()
            self._tidy()

    def clear(self) -> None:
        """Drop what no file has open."""
        with self._usable():
            for location, shared in list(self._known.items()):
                if not shared.users:
                    self._forget(location)

    def _usable(self) -> Lock:
        if os.getpid() != self._process:
            # What the parent had open is the parent's; its lock may have been held when the child was made.
            self._lock, self._known, self._process = Lock(), OrderedDict(), os.getpid()
        return self._lock

    def _lease(self, shared: _Shared) -> Lease:
        shared.users += 1
        self._known.move_to_end(shared.opened.stored.location)
        self._tidy()
        return Lease(self, shared)

    def _forget(self, location: Location) -> None:
        shared = self._known.pop(location)
        if not shared.users:
            shared.source.close()

    def _tidy(self) -> None:
        """Drop what was kept long enough, and the oldest beyond what may be kept."""
        now, count, held = self._clock(), 0, 0
        for location, shared in reversed(list(self._known.items())):
            if shared.users:
                continue
            count += 1
            held += shared.source.held_bytes
            if now - shared.idle_since > KEPT_SECONDS or count > KEPT_OBJECTS or held > KEPT_BYTES:
                self._forget(location)
