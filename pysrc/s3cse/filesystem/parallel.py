"""Several files at once. Their requests run in the pool of s3cse.objects, whose work must not wait for other work in
it; so what waits for whole files has threads of its own, for as long as a call lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

#: Files that are opened, read or written at once: what 8 workers and their connections keep busy.
FILES_AT_ONCE = 8

_T = TypeVar("_T")


def outcomes(work: Sequence[Callable[[], _T]]) -> Iterator[_T | Exception]:
    """Run all of it and yield results in order, or the exceptions in their places.

    Left early, what has not begun is not done any more; what has is waited for.
    """
    if len(work) <= 1:
        for piece in work:
            yield _outcome(piece)
        return
    with ThreadPoolExecutor(min(FILES_AT_ONCE, len(work)), thread_name_prefix="s3cse-files") as threads:
        futures = [threads.submit(_outcome, piece) for piece in work]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def all_results(work: Sequence[Callable[[], _T]]) -> list[_T]:
    """Run all of it and return the results in order; raise the first error in that order."""
    results: list[_T] = []
    for outcome in outcomes(work):
        if isinstance(outcome, Exception):
            raise outcome
        results.append(outcome)
    return results


def _outcome(piece: Callable[[], _T]) -> _T | Exception:
    try:
        return piece()
    except Exception as error:  # noqa: BLE001 - it is somebody's result
        return error
