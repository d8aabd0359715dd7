"""The threads that talk to S3. They belong to the process that made them: Spark forks its Python workers."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

#: Requests in flight at once in one process.
WORKERS = 8

_pools: dict[int, ThreadPoolExecutor] = {}


def pool() -> ThreadPoolExecutor:
    """Return this process's pool, made on first use. Work in it must not wait for other work in it."""
    pid = os.getpid()
    if pid not in _pools:
        # A forked child has its parent's entry, whose threads do not exist here.
        for other in [known for known in _pools if known != pid]:
            _pools.pop(other, None)
        # Threads start with the first work: where two callers race, the loser's pool is nothing yet.
        _pools.setdefault(pid, ThreadPoolExecutor(WORKERS, thread_name_prefix="s3cse"))
    return _pools[pid]
