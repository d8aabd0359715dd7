"""Work on many objects at once, in threads of its own: the process's pool serves the parts of single objects.

What both functions here promise:

- Bounded: at most twice ``workers`` items are taken ahead of the results, ``workers`` of them worked on at once.
- An error, of the work when its turn comes or of the items, and an interrupt go to the caller after what had begun has
  ended; the rest is dropped, and so are results that nobody has taken yet.
- The same where the iterator is closed, which whoever leaves it early does.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from typing import TypeVar

from s3cse.objects.workers import drain, results_in_order

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_order(work: Callable[[_T], _R], items: Iterable[_T], workers: int) -> Generator[_R, None, None]:
    """Yield what the work makes of each item, in the order of the items."""
    with (
        _threads(workers) as threads,
        closing(results_in_order((partial(work, item) for item in items), 2 * workers, threads=threads)) as results,
    ):
        yield from results


def in_parallel(work: Callable[[_T], _R], items: Iterable[_T], workers: int) -> Generator[_R, None, None]:
    """Yield what the work makes of each item, as it is done."""
    under_way: set[Future[_R]] = set()
    with _threads(workers) as threads:
        try:
            for item in items:
                under_way.add(threads.submit(work, item))
                if len(under_way) >= 2 * workers:
                    yield from _finished(under_way)
            while under_way:
                yield from _finished(under_way)
        finally:
            drain(under_way)


def _threads(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="s3cse-objects")


def _finished(under_way: set[Future[_R]]) -> Generator[_R, None, None]:
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        under_way.discard(future)
        yield future.result()
