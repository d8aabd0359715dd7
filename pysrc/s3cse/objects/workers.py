"""The threads that talk to S3 and run the cipher. They belong to the process that made them: Spark forks its workers.

Whoever starts work waits for it before going on, also after an error: no thread writes into memory that was given up.
Work in the pool never waits for other work in it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import TypeVar

#: Requests in flight at once in one process; each also runs the cipher on its bytes. On loopback with two cores 2, 4
#: and 8 are alike (`bench/transfer.py --sizes`): the number is for networks, where a connection waits.
WORKERS = 8
#: Pieces of one stream that are fetched and decrypted, or wait to be taken, at once.
WINDOW = 6

_T = TypeVar("_T")

_pools: dict[int, ThreadPoolExecutor] = {}


def pool() -> ThreadPoolExecutor:
    """Return this process's pool, made on first use."""
    pid = os.getpid()
    if pid not in _pools:
        # A forked child has its parent's entry, whose threads do not exist here.
        for other in [known for known in _pools if known != pid]:
            _pools.pop(other, None)
        # Threads start with the first work: where two callers race, the loser's pool is nothing yet.
        _pools.setdefault(pid, ThreadPoolExecutor(WORKERS, thread_name_prefix="s3cse"))
    return _pools[pid]


class Batch:
    """Work that is started together and over, all of it, when the ``with`` block is left."""

    def __init__(self) -> None:
        self._futures: list[Future[None]] = []

    def start(self, work: Callable[[], None]) -> None:
        """Give ``work`` to the pool."""
        self._futures.append(pool().submit(work))

    def wait(self) -> None:
        """Wait until all is done; raise the first error as soon as it happens."""
        done, _ = wait(self._futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        drain(self._futures)


def results_in_order(
    work: Iterable[Callable[[], _T]],
    window: int,
    discard: Callable[[_T], None] | None = None,
    threads: Executor | None = None,
) -> Generator[_T, None, None]:
    """Run work in threads, at most ``window`` pieces at once, and yield the results in the order of the work.

    Results that wait to be taken count as well, so ``window`` also bounds what they hold. Close the iterator when it is
    left early.

    Args:
        discard: gets results that nobody will take.
        threads: None: the pool.
    """
    waiting: deque[Future[_T]] = deque()
    try:
        for piece in work:
            waiting.append((threads or pool()).submit(piece))
            if len(waiting) == window:
                wait((waiting[0],))  # an interrupt in here must leave it among those that are waited for
                yield waiting.popleft().result()
        while waiting:
            wait((waiting[0],))
            yield waiting.popleft().result()
    finally:
        drain(waiting, discard)


def drain(futures: Iterable[Future[_T]], discard: Callable[[_T], None] | None = None) -> None:
    """Cancel what has not begun and wait for what has. Errors are dropped; ``discard`` gets the results."""
    begun = [future for future in futures if not future.cancel()]
    wait(begun)
    for future in begun:
        if discard is not None and future.exception() is None:
            discard(future.result())
