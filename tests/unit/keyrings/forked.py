"""Forked children of a test."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def in_a_forked_child(action: Callable[[], None]) -> int:
    """Run the action in a forked child and return its exit status: 0 if it returned."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)  # a deadlock ends the child
        try:
            action()
        except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
