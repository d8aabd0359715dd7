"""Threads for batches: order, errors, and what is left when something ends early."""

from __future__ import annotations

import os
import threading
import time

import pytest

from s3cse.message.workers import MAX_THREADS, run_all

some_threads = pytest.mark.parametrize("threads", [1, 2, 7])


@some_threads
def test_all_is_done_and_followed_in_order(threads: int) -> None:
    """Late pieces hold back those behind them, for ``after`` only, which stays in the caller's thread."""
    done, after, places = set(), [], set()

    def work(piece: int) -> None:
        time.sleep(0.002 * (piece % 3))
        done.add(piece)

    def follow(piece: int) -> None:
        assert piece in done
        after.append(piece)
        places.add(threading.current_thread())

    run_all(range(40), work, follow, threads)
    assert after == list(range(40))
    assert places == {threading.current_thread()}


@some_threads
def test_no_more_threads_than_asked_for(threads: int) -> None:
    """And not fewer, where there is enough to do."""
    lock, running, most = threading.Lock(), 0, 0

    def work(piece: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    run_all(range(30), work, None, threads)
    assert most == threads


@some_threads
def test_the_first_failure_is_raised_and_nothing_runs_after_it(threads: int) -> None:
    """Pieces that were begun are waited for; pieces behind are not begun."""
    begun, ended = [], []

    def work(piece: int) -> None:
        begun.append(piece)
        time.sleep(0.01 if piece == 5 else 0)
        ended.append(piece)
        if piece >= 5:
            raise ValueError(piece)

    with pytest.raises(ValueError, match=r"^5$"):
        run_all(range(1000), work, None, threads)
    assert sorted(begun) == sorted(ended)
    assert len(begun) <= 6 + threads


@some_threads
def test_a_failure_in_the_callers_thread_waits_for_the_others(threads: int) -> None:
    """Nobody writes into memory that the caller has back."""
    running = []

    def work(piece: int) -> None:
        running.append(piece)
        time.sleep(0.005)
        running.remove(piece)

    def follow(piece: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(range(1000), work, follow, threads)
    assert running == []


def test_a_forked_child_has_threads_of_its_own() -> None:
    """The parent's are not there."""
    run_all(range(4), lambda piece: None, None, 2)
    child = os.fork()
    if child == 0:
        try:
            run_all(range(4), lambda piece: None, None, 2)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_callers_share_the_threads_of_a_process() -> None:
    """More of them than there are threads wait, and come to their end."""
    callers = [
        threading.Thread(target=lambda: run_all(range(50), lambda piece: time.sleep(0), None, MAX_THREADS // 2))
        for _ in range(6)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
        assert not caller.is_alive()
