"""The pool belongs to one process."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from s3cse.objects import workers
from s3cse.objects.workers import WORKERS, pool


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
