"""Runs one server and ends it when the process that asked for it is gone, however that ended.

A program of its own, standard library only, started as ``python -I -S guard.py ORDER``. The order is JSON:

    command   the server's program and arguments
    folder    the server's working directory, removed at the end
    sockets   files outside the folder that the server leaves behind, removed at the end
    fds       inherited file descriptors to hand on
    parent    process id of the process that asked

Standard input is a pipe held by the parent: a byte or its end means stop. The parent's process id is watched as well,
because a forked child of the parent may hold a copy of the pipe. Standard output gets the server's exit code, if the
server ends by itself; the folder with its log then still waits for the parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from typing import Any

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_POLL_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1
# None where the system has no such call; then only the guard's own death by SIGKILL leaves a server behind.
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)


def main() -> None:
    """Run the order in the first argument."""
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, _exit_on_signal)
    try:
        _run(order)
    finally:
        _remove(order)


def _exit_on_signal(signum: int, _frame: object) -> None:
    sys.exit(128 + signum)


def _run(order: dict[str, Any]) -> None:
    fds = order["fds"]
    # The command comes from s3cse.local, not from outside.
    server = subprocess.Popen(  # noqa: S603
        order["command"],
        cwd=order["folder"],
        stdin=subprocess.DEVNULL,
        stdout=_STDERR,
        pass_fds=fds,
        preexec_fn=_die_with_guard,
    )
    try:
        for fd in fds:
            os.close(fd)
        _watch(server, order["parent"])
    finally:
        # What the server holds is thrown away, so it gets no time to put it in order (weed would take 25 s).
        server.kill()
        server.wait()


def _die_with_guard() -> None:
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(server: subprocess.Popen[bytes], parent: int) -> None:
    reported = False
    while os.getppid() == parent:
        if server.poll() is not None and not reported:
            os.write(_STDOUT, b"%d\n" % server.returncode)
            reported = True
        if select.select([_STDIN], [], [], _POLL_SECONDS)[0]:
            return


def _remove(order: dict[str, Any]) -> None:
    for path in order["sockets"]:
        with contextlib.suppress(OSError):
            os.unlink(path)
    shutil.rmtree(order["folder"], ignore_errors=True)


if __name__ == "__main__":
    main()
