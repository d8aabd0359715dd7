"""One server process under its guard: started, awaited, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from s3cse.errors import TransferError
from s3cse.local import guard

_LOG = "server.log"
_LOG_LINES = 15
_POLL_SECONDS = 0.05
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """What the guard is to run.

    Args:
        name: what messages call the server.
        arguments: program and arguments.
        folder: an existing folder that belongs to the server alone; removed at the end.
        environment: the server's whole environment.
        sockets: files outside the folder that the server leaves behind.
        fds: file descriptors that it inherits.
    """

    name: str
    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    sockets: Sequence[str] = ()
    fds: Sequence[int] = ()


class ServerProcess:
    """A running server. It ends with :meth:`stop` or with this process, whichever comes first."""

    def __init__(self, command: ServerCommand) -> None:
        self.name = command.name
        self._owner = os.getpid()
        self._folder = command.folder
        self._log = command.folder / _LOG
        self._guard = self._start(command)

    def _start(self, command: ServerCommand) -> subprocess.Popen[bytes]:
        order = {
            "command": list(command.arguments),
            "folder": str(command.folder),
            "sockets": list(command.sockets),
            "fds": list(command.fds),
            "parent": self._owner,
        }
        with self._log.open("wb") as log:
            # Our own interpreter and file. A session of its own keeps a terminal's Ctrl-C from the servers, which
            # have to outlive the work that Ctrl-C interrupts.
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", guard.__file__, json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=command.environment,
                start_new_session=True,
                pass_fds=command.fds,
            )

    def ended(self) -> bool:
        """Tell whether the server (or its guard) ended by itself."""
        stdout = self._guard.stdout
        return stdout is None or stdout.closed or bool(select.select([stdout], [], [], 0)[0])

    def log(self) -> str:
        """Return the server's log so far."""
        with contextlib.suppress(OSError):
            return self._log.read_text("utf-8", "replace")
        return ""

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once ``ready`` says so.

        Raises:
            TransferError: the server ended, or ``seconds`` passed; the message has the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.ended():
                raise self._failure("ended before it was ready")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready within {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def _failure(self, what: str) -> TransferError:
        tail = "\n".join(self.log().splitlines()[-_LOG_LINES:])
        return TransferError(f"the local {self.name} server {what}", found=f"this at the end of its log:\n{tail}")

    def stop(self) -> None:
        """End the server and remove its folder; idempotent, and without effect in a forked child."""
        stdin, stdout = self._guard.stdin, self._guard.stdout
        if os.getpid() != self._owner or stdin is None or stdin.closed or stdout is None:
            return
        # A byte, not only the pipe's end: a forked child may hold the pipe open.
        with contextlib.suppress(BrokenPipeError):
            stdin.write(b".")
            stdin.close()
        try:
            self._guard.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The server dies with its guard.
            self._guard.kill()
            self._guard.wait()
        stdout.close()
        # Gone already, unless the guard was killed.
        shutil.rmtree(self._folder, ignore_errors=True)
