"""Several objects at once, and an end to it: after Ctrl-C what is under way stops at its next piece, half of nothing.

One object's own transfer is parallel already, in the pool of :mod:`s3cse.objects.workers`, which all of them share: so
requests in flight are bounded by that pool and the number of objects together.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.progress import Meter
from s3cse.errors import S3CSEError

OBJECTS_AT_ONCE = 8
Parallel = Annotated[
    int,
    typer.Option(
        "--parallel",
        metavar="NUMBER",
        min=1,
        max=64,
        help="Objects at once; each holds up to 48 MiB, short ones less.",
    ),
]
#: Objects that wait for their turn, for each that has one: enough that none is idle.
_WAITING = 2
#: How long after Ctrl-C work may take to notice.
_GRACE_SECONDS = 10.0

_W = TypeVar("_W")
_R = TypeVar("_R")


class Stopped(Exception):
    """Raised inside of work that is to stop."""


class Stop:
    """Says whether work is to stop; a meter that asks at every piece."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._event = threading.Event()

    def set(self) -> None:
        """Stop all work."""
        self._event.set()

    def check(self) -> None:
        """Raise where work is to stop."""
        if self._event.is_set():
            raise Stopped

    def advance(self, size: int) -> None:
        """Say that so many bytes are done, and hear whether to go on."""
        self.check()
        self.meter.advance(size)


@dataclass(frozen=True, slots=True)
class Done(Generic[_W, _R]):
    """A piece of work that is over, with its result or its error."""

    work: _W
    result: _R | None
    error: S3CSEError | OSError | None


def in_parallel(
    work: Iterable[_W], do: Callable[[_W], _R], stop: Stop, at_once: int = OBJECTS_AT_ONCE
) -> Generator[Done[_W, _R], None, None]:
    """Do work in threads and yield what is done, in the order in which it is; close it when it is left early.

    Errors of this package, and of the system, are results. All others, and Ctrl-C, stop everything that is under way
    before they go on; who says Ctrl-C again does not wait for that.
    """
    waiting: dict[Future[_R], _W] = {}
    executor = ThreadPoolExecutor(at_once, thread_name_prefix="s3cse-object")
    try:
        with _ended_by_signal():
            for each in work:
                waiting[executor.submit(_unless_stopped, stop, do, each)] = each
                if len(waiting) >= at_once * (1 + _WAITING):
                    yield from _over(waiting)
            while waiting:
                yield from _over(waiting)
    except BaseException as error:
        stop.set()
        _end(waiting, error)
        raise
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _unless_stopped(stop: Stop, do: Callable[[_W], _R], work: _W) -> _R:
    stop.check()
    return do(work)


def _over(waiting: dict[Future[_R], _W]) -> Iterator[Done[_W, _R]]:
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        work = waiting.pop(future)
        try:
            yield Done(work, future.result(), None)
        except (S3CSEError, OSError) as error:
            yield Done(work, None, error)


def _end(waiting: dict[Future[_R], _W], reason: BaseException) -> None:
    begun = [future for future in waiting if not future.cancel()]
    try:
        _, left = wait(begun, timeout=_GRACE_SECONDS)
    except KeyboardInterrupt:
        left = set(begun)
    if left and isinstance(reason, KeyboardInterrupt | SystemExit):
        outcome.say("left with work under way: `s3cse uploads ls` shows uploads that nobody completes now")
        sys.stdout.flush()
        code = reason.code if isinstance(reason, SystemExit) else None
        os._exit(
            code if isinstance(code, int) else outcome.INTERRUPTED
        )  # threads that wait for the network would keep the process


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Have SIGTERM end the block as Ctrl-C does, with the exit code that shells give it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
