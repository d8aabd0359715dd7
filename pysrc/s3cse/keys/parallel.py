"""Work on many objects at once, in threads of its own: the process's pool serves the parts of single objects."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_parallel(work: Callable[[_T], _R], items: Iterable[_T], workers: int) -> Generator[_R, None, None]:
    """Yield what the work makes of each item, as it is done; at most twice ``workers`` items are taken ahead.

    Close the iterator when it is left early: what has begun is waited for, the rest is dropped.

    Raises:
        Whatever the work raises, when its turn comes.
    """
    under_way: set[Future[_R]] = set()
    with ThreadPoolExecutor(workers, thread_name_prefix="s3cse-objects") as threads:
        try:
            for item in items:
                under_way.add(threads.submit(work, item))
                if len(under_way) >= 2 * workers:
                    yield from _finished(under_way)
            while under_way:
                yield from _finished(under_way)
        finally:
            wait([future for future in under_way if not future.cancel()])


def _finished(under_way: set[Future[_R]]) -> Generator[_R, None, None]:
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        under_way.discard(future)
        yield future.result()
