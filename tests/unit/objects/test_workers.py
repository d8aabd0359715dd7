"""The pool belongs to one process, and whoever starts work in it waits for its end."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3cse.objects import workers
from s3cse.objects.workers import WORKERS, Batch, drain, pool, results_in_order


def test_pool_is_made_once() -> None:
    """All users of a process share one pool, however many ask first."""
    workers._pools.clear()
    gate = threading.Barrier(8)

    def ask(_: int) -> int:
        gate.wait(10)
        return id(pool())

    with ThreadPoolExecutor(8) as askers:
        assert len(set(askers.map(ask, range(8)))) == 1
    assert pool()._max_workers == WORKERS


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_has_a_pool_of_its_own() -> None:
    """Used in the parent, forked, used in the child: the child's work is done by the child's threads."""
    parent = pool()
    assert parent.submit(os.getpid).result(10) == os.getpid()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a pool without threads would wait for ever
        own = pool()
        worked = own is not parent and own.submit(os.getpid).result(10) == os.getpid()
        os._exit(0 if worked and list(workers._pools) == [os.getpid()] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool() is parent


class Work:
    """Numbers that take their time; one may fail. Knows how many are at work."""

    def __init__(self, fail_at: int = -1, seconds: float = 0.003) -> None:
        self.fail_at, self.seconds = fail_at, seconds
        self.lock = threading.Lock()
        self.busy = self.most = self.begun = 0

    def __call__(self, number: int) -> int:
        with self.lock:
            self.busy += 1
            self.begun += 1
            self.most = max(self.most, self.busy)
        try:
            if number == self.fail_at:
                raise OSError(number)
            time.sleep(self.seconds * (1 + -number % 4))
            return number
        finally:
            with self.lock:
                self.busy -= 1

    def pieces(self, count: int):  # type: ignore[no-untyped-def]
        """Return the work as callables."""
        return (lambda number=number: self(number) for number in range(count))


@pytest.mark.parametrize("window", [1, 2, 5])
def test_results_come_in_order_within_the_window(window: int) -> None:
    """Results keep the order of the work, and no more is under way than the window allows."""
    work = Work()
    assert list(results_in_order(work.pieces(20), window)) == list(range(20))
    assert work.most <= window
    assert list(results_in_order(iter(()), window)) == []


def test_other_threads_than_the_pools() -> None:
    """Work goes to the threads that are given, which are still there afterwards."""
    with ThreadPoolExecutor(2, thread_name_prefix="mine") as threads:
        work = [lambda: threading.current_thread().name] * 5
        assert all(name.startswith("mine") for name in results_in_order(work, 3, threads=threads))
        assert threads.submit(int).result(10) == 0


@pytest.mark.parametrize("fail_at", [0, 1, 7])
def test_error_in_the_middle_waits_for_the_rest(fail_at: int) -> None:
    """What comes before the error is yielded, what comes after is discarded, and nothing is at work any more."""
    work, discarded = Work(fail_at), []
    seen: list[int] = []
    with pytest.raises(OSError, match=str(fail_at)):
        seen.extend(results_in_order(work.pieces(20), 4, discarded.append))
    assert seen == list(range(fail_at))
    assert work.busy == 0
    assert work.begun <= fail_at + 4
    assert set(discarded) <= set(range(fail_at + 1, fail_at + 4))


def test_leaving_early_waits_and_discards() -> None:
    """Closing the iterator ends what is under way and starts nothing new."""
    work, discarded = Work(), []
    results = results_in_order(work.pieces(20), 4, discarded.append)
    assert next(results) == 0
    results.close()
    assert work.busy == 0
    assert work.begun <= 5
    assert set(discarded) <= set(range(1, 5))


def test_batch_raises_the_first_error_in_time_and_is_over_with_its_block() -> None:
    """An error of late work does not wait for early work, but the block's end does."""
    gate, over = threading.Event(), []

    def early() -> None:
        assert gate.wait(10)
        time.sleep(0.02)
        over.append("early")

    def late() -> None:
        raise OSError("late")

    def both() -> None:
        with Batch() as batch:
            batch.start(early)
            batch.start(late)
            try:
                batch.wait()
            finally:
                assert over == []
                gate.set()

    with pytest.raises(OSError, match="late"):
        both()
    assert over == ["early"]


def test_batch_without_work() -> None:
    """Nothing to do is done."""
    with Batch() as batch:
        batch.wait()


def test_drain_cancels_what_has_not_begun() -> None:
    """Work that waits for a thread never starts; interrupts that work raised are not raised again."""
    gate = threading.Event()
    blockers = [pool().submit(gate.wait, 10) for _ in range(WORKERS)]
    ran: list[int] = []
    late = [pool().submit(ran.append, number) for number in range(5)]

    def interrupted() -> None:
        raise KeyboardInterrupt

    threading.Timer(0.05, gate.set).start()
    drain([*late, *blockers])
    assert ran == []
    drain([pool().submit(interrupted)])
