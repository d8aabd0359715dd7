"""Threads that run the cipher on batches of a message's frames. They belong to the process that made them: it may fork.

Whoever starts work waits for all of it before going on, also after an error: no thread writes into memory that was
given up. Work in here never waits for other work in here, so work of any other pool may wait for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Generic, TypeVar

#: Threads of one process, whatever its callers ask for together; what is too much waits for its turn.
MAX_THREADS = 64

_T = TypeVar("_T")

_pools: dict[int, ThreadPoolExecutor] = {}


def run_all(pieces: Sequence[_T], work: Callable[[_T], None], after: Callable[[_T], None] | None, threads: int) -> None:
    """Do work on each piece, on several threads at once.

    Args:
        pieces: taken in their order, by one thread at a time.
        work: any thread runs it; where one is enough, the caller's.
        after: runs in the caller's thread, piece by piece in their order, once the work on a piece is done.
        threads: how many pieces are worked on at once, if there are as many.

    Raises:
        What ``work`` raises; if it fails for several pieces, the error of the first of them. Nothing runs any more.
    """
    threads = min(threads, len(pieces))
    if threads <= 1:
        for piece in pieces:
            work(piece)
            if after is not None:
                after(piece)
        return
    line = _Line(pieces, work)
    strands = [_pool().submit(line.strand) for _ in range(threads)]
    try:
        line.follow(after, threads)
    finally:
        line.stopped = True
        wait([strand for strand in strands if not strand.cancel()])
    if line.errors:
        raise line.errors[min(line.errors)]


class _Line(Generic[_T]):
    """Pieces that stand in line, and the threads that take them from its front."""

    def __init__(self, pieces: Iterable[_T], work: Callable[[_T], None]) -> None:
        self._pieces = enumerate(pieces)
        self._work = work
        self._lock = threading.Lock()
        self._done: SimpleQueue[tuple[int, _T] | None] = SimpleQueue()  # None: a thread has ended
        #: By number. The first one is among them, as a piece is taken before those behind it.
        self.errors: dict[int, BaseException] = {}
        self.stopped = False

    def strand(self) -> None:
        """Take pieces until there are none, or until one fails."""
        try:
            while (taken := self._next()) is not None:
                try:
                    self._work(taken[1])
                except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                    self.errors[taken[0]] = error
                    self.stopped = True
                else:
                    self._done.put(taken)
        finally:
            self._done.put(None)

    def follow(self, after: Callable[[_T], None] | None, threads: int) -> None:
        """Wait until all threads have ended; meanwhile run ``after``."""
        ready: dict[int, _T] = {}
        number = 0
        while threads:
            done = self._done.get()
            if done is None:
                threads -= 1
                continue
            if after is not None:
                ready[done[0]] = done[1]
                while number in ready:
                    after(ready.pop(number))
                    number += 1

    def _next(self) -> tuple[int, _T] | None:
        with self._lock:
            return None if self.stopped else next(self._pieces, None)


def _pool() -> ThreadPoolExecutor:
    pid = os.getpid()
    if pid not in _pools:
        # A forked child has its parent's entry, whose threads do not exist here.
        for other in [known for known in _pools if known != pid]:
            _pools.pop(other, None)
        _pools.setdefault(pid, ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="s3cse-message"))
    return _pools[pid]
