"""A server process under its guard, with a sleeping Python program for a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from s3cse.errors import TransferError
from s3cse.local.process import ServerCommand, ServerProcess

SLEEPER = "import os, pathlib, time; pathlib.Path('pid').write_text(f'{os.getpid()} '); time.sleep(600)"
STARTER = """
import os, pathlib, sys, time
from s3cse.local.process import ServerCommand, ServerProcess
ServerProcess(ServerCommand("test", [sys.executable, "-c", sys.argv[2]], pathlib.Path(sys.argv[1]), dict(os.environ)))
if "fork" in sys.argv and os.fork() == 0:
    time.sleep(5)
    os._exit(0)
time.sleep(600)
"""


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait until a condition holds; False if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pid_in(folder: Path) -> int:
    """Return the process id that the sleeper wrote, once it is there."""
    path = folder / "pid"
    assert eventually(lambda: path.exists() and path.read_text().endswith(" "))
    return int(path.read_text())


def make(folder: Path, program: str = SLEEPER, sockets: tuple[str, ...] = ()) -> ServerProcess:
    """Start a server that runs a line of Python."""
    return ServerProcess(
        ServerCommand("test", [sys.executable, "-c", program], folder, dict(os.environ), sockets=sockets)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that the guard may remove."""
    path = tmp_path / "server"
    path.mkdir()
    return path


@pytest.fixture
def process(folder: Path) -> Iterator[ServerProcess]:
    """Start a sleeping server."""
    started = make(folder)
    yield started
    started.stop()


def test_stop_ends_the_server_and_removes_its_folder(process: ServerProcess, folder: Path) -> None:
    """After stop the process is gone and so is its folder."""
    pid = pid_in(folder)
    process.stop()
    assert not psutil.pid_exists(pid)
    assert not folder.exists()


def test_stop_twice_is_no_error(process: ServerProcess) -> None:
    """Stopping what is stopped does nothing."""
    process.stop()
    process.stop()


def test_stop_removes_sockets_left_elsewhere(folder: Path, tmp_path: Path) -> None:
    """Files that the command names as left behind are removed, one that does not exist is no error."""
    left = tmp_path / "left.sock"
    left.touch()
    make(folder, sockets=(str(left), str(tmp_path / "never.sock"))).stop()
    assert not left.exists()


@pytest.mark.parametrize("extra", [[], ["fork"]], ids=["alone", "while a forked child lives on"])
def test_server_ends_when_the_starter_is_killed(folder: Path, extra: list[str]) -> None:
    """SIGKILL of the starting process ends the server and removes the folder."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(folder), SLEEPER, *extra])
    pid = pid_in(folder)
    starter.kill()
    starter.wait()
    assert eventually(lambda: not psutil.pid_exists(pid), 3)
    assert eventually(lambda: not folder.exists())


def test_server_ends_when_its_guard_is_killed(process: ServerProcess, folder: Path) -> None:
    """SIGKILL of the guard ends the server too; the starter sees that it ended, and stop removes the folder."""
    pid = pid_in(folder)
    guard = psutil.Process(pid).parent()
    assert guard is not None
    guard.kill()
    assert eventually(lambda: not psutil.pid_exists(pid))
    assert eventually(process.ended)
    process.stop()
    assert not folder.exists()


def test_guard_cleans_up_when_terminated(process: ServerProcess, folder: Path) -> None:
    """SIGTERM to the guard ends the server and removes the folder."""
    pid = pid_in(folder)
    guard = psutil.Process(pid).parent()
    assert guard is not None
    guard.send_signal(signal.SIGTERM)
    assert eventually(lambda: not psutil.pid_exists(pid))
    assert eventually(lambda: not folder.exists())


def test_ctrl_c_does_not_reach_the_server(process: ServerProcess, folder: Path) -> None:
    """The server is in another session, so a terminal's signals stay with the work in front of it."""
    assert os.getsid(pid_in(folder)) != os.getsid(0)


def test_stop_in_a_forked_child_changes_nothing(process: ServerProcess, folder: Path) -> None:
    """A child that inherits the object cannot end the parent's server."""
    pid = pid_in(folder)
    child = os.fork()
    if child == 0:
        process.stop()
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(0.5)
    assert psutil.pid_exists(pid)


def test_wait_until_shows_the_log_of_a_server_that_ended(folder: Path) -> None:
    """The error for a server that ends early has the last lines of what it said."""
    process = make(folder, "import sys; sys.exit('no such luck')")
    with pytest.raises(TransferError, match="no such luck"):
        process.wait_until(lambda: False, 10)
    process.stop()
    assert not folder.exists()


def test_wait_until_gives_up(process: ServerProcess) -> None:
    """A server that never becomes ready is an error after the given time."""
    with pytest.raises(TransferError, match=r"not ready within 0\.1 s"):
        process.wait_until(lambda: False, 0.1)


def test_ended_is_false_while_the_server_runs(process: ServerProcess, folder: Path) -> None:
    """A running server has not ended; a stopped one has."""
    pid_in(folder)
    assert not process.ended()
    process.stop()
    assert process.ended()
