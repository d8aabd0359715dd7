"""Work on many objects at once, in order or as it is done: bounded, and over when it is left."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial

import pytest

from s3cse.keys.parallel import in_order, in_parallel
from s3cse.objects.workers import WORKERS, results_in_order

Run = Callable[[Callable[[int], int], Iterable[int], int], Generator[int, None, None]]
both = pytest.mark.parametrize("run", [in_order, in_parallel])


class Numbers:
    """Endless numbers; knows how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        while True:
            self.taken += 1
            yield self.taken - 1


class Work:
    """Takes its time, knows what began and what ended, and fails at one number."""

    def __init__(self, fail_at: int = -1) -> None:
        self.fail_at = fail_at
        self.begun: list[int] = []
        self.ended: list[int] = []

    def __call__(self, number: int) -> int:
        self.begun.append(number)
        try:
            time.sleep(0.003)
            if number == self.fail_at:
                raise ValueError("three")
            return number
        finally:
            self.ended.append(number)

    @property
    def is_over(self) -> bool:
        """Whether nothing is under way, and nothing begins any more."""
        begun = len(self.begun)
        time.sleep(0.02)
        return begun == len(self.begun) == len(self.ended)


@both
def test_all_is_done_several_at_once(run: Run) -> None:
    """Every item's result comes once, and the work runs side by side."""
    together = threading.Barrier(4, timeout=5)

    def work(number: int) -> int:
        together.wait()
        return number * 2

    assert sorted(run(work, range(8), 4)) == [number * 2 for number in range(8)]
    assert list(run(work, (), 4)) == []


def test_in_order_keeps_the_order() -> None:
    """The first item's result is the first, however long it takes."""
    second = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second.wait(5)
        if number == 1:
            second.set()
        return number

    assert list(in_order(work, range(20), 2)) == list(range(20))


def test_in_parallel_waits_for_no_one() -> None:
    """What is done comes, while the first item is still under way."""
    gate = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert gate.wait(5)
        return number

    results = in_parallel(work, range(20), 2)
    assert next(results) > 0
    gate.set()
    assert 0 in list(results)


@both
def test_items_are_taken_as_they_are_needed(run: Run) -> None:
    """An endless listing is read at most twice the workers ahead of the results."""
    numbers = Numbers()
    found = run(lambda number: number, numbers, 2)
    for count in range(10):
        next(found)
        assert numbers.taken <= count + 1 + 2 * 2
    found.close()
    assert numbers.taken <= 10 + 2 * 2


@both
def test_an_error_of_the_work_reaches_the_caller(run: Run) -> None:
    """What the work raises is raised, after what is under way has ended; the rest does not begin."""
    work, numbers = Work(fail_at=3), Numbers()
    with pytest.raises(ValueError, match="three"):
        list(run(work, numbers, 2))
    assert work.is_over
    assert numbers.taken < 50


def test_in_order_yields_what_came_before_an_error() -> None:
    """The error has its turn, as a result would."""
    seen: list[int] = []
    with pytest.raises(ValueError, match="three"):
        seen.extend(in_order(Work(fail_at=3), range(20), 4))
    assert seen == [0, 1, 2]


@both
def test_an_error_of_the_items_reaches_the_caller(run: Run) -> None:
    """A listing that breaks off is an error, after what is under way has ended."""
    work = Work()

    def listing() -> Iterator[int]:
        yield from range(3)
        raise OSError("not listed")

    with pytest.raises(OSError, match="not listed"):
        list(run(work, listing(), 2))
    assert work.is_over


@both
def test_closing_it_ends_the_work(run: Run) -> None:
    """Left early, it waits for what is under way, drops what is not, and its threads are gone."""
    gate, before = threading.Event(), threading.active_count()
    begun, ended = [], []

    def work(number: int) -> int:
        begun.append(number)
        assert number == 0 or gate.wait(5)
        ended.append(number)
        return number

    results = run(work, Numbers(), 2)
    assert next(results) == 0
    while 2 not in begun:
        time.sleep(0.001)
    timer = threading.Timer(0.05, gate.set)
    timer.start()
    results.close()
    timer.join()
    assert sorted(begun) == sorted(ended) == [0, 1, 2]
    assert threading.active_count() <= before


@both
def test_an_interrupt_ends_the_work(run: Run) -> None:
    """Ctrl-C while results are waited for: what is under way has ended when it goes on, and nothing new begins."""
    work = Work()

    def slow(number: int) -> int:
        if number % 50 == 5:  # again if the first is lost, as in a callback of the collector: then the work goes on
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.05)
        return work(number)

    with pytest.raises(KeyboardInterrupt):
        list(run(slow, Numbers(), 2))
    assert 5 in work.ended
    assert work.is_over


@both
def test_work_may_wait_for_the_pool(run: Run) -> None:
    """The threads are not the process's pool: more items than it has threads wait for pieces in it."""

    def work(number: int) -> int:
        return sum(results_in_order((partial(int, number) for _ in range(3)), 2))

    numbers = range(4 * WORKERS)
    assert sorted(run(work, numbers, 2 * WORKERS)) == [3 * number for number in numbers]
