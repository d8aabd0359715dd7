"""Commands as processes: killed, interrupted, behind pipes that close, and on a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.lake import Lake, files_in
from faults.s3_faults import Fault, Stall
from faults.s3_proxy import S3Proxy

MIB = 1 << 20
PATIENCE = 60.0


def wait_for(true: Callable[[], object]) -> None:
    """Return when it is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def terminal_output(lake: Lake, *words: str, say: bytes = b"") -> tuple[int, str]:
    """Run a command on a terminal of its own, where somebody says this when asked; return exit code and screen."""
    primary, secondary = pty.openpty()
    process = lake.start(*words, stdin=secondary, stdout=secondary, stderr=secondary)
    os.close(secondary)
    screen = b""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if select.select([primary], [], [], 0.1)[0]:
            try:
                screen += os.read(primary, 4096)
            except OSError:  # the other end is closed
                break
        if say and b"?" in screen:
            os.write(primary, say)
            say = b""
    os.close(primary)
    return process.wait(PATIENCE), screen.decode()


@pytest.fixture
def many(lake: Lake) -> dict[str, bytes]:
    """Many files in the lake; returns what is in them."""
    bodies = {f"{number:03}": os.urandom(60_000 + number) for number in range(120)}
    for name, body in bodies.items():
        lake.put(f"many/{name}", body)
    return bodies


def test_killed_and_repeated(lake: Lake, many: dict[str, bytes]) -> None:
    """A download that is killed leaves whole files and nothing else; done again, all of them are there."""
    process = lake.start("cp", lake.at + "many", "to", "-r", "--quiet")
    wait_for(lambda: Path("to").exists() and len(os.listdir("to")) > 5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = files_in(Path("to"))
    assert 5 < len(there) < len(many)
    assert all(many[name] == body for name, body in there.items())
    assert lake.run("cp", lake.at + "many", "to", "-r", "--no-clobber").exit_code == 0
    assert files_in(Path("to")) == many


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_download(
    lake: Lake, many: dict[str, bytes], s3_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    """It ends soon, in silence, with the shell's code for that; half a file is nowhere."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_proxy.url)
    s3_proxy.fail(Fault(Stall(0.2), method="GET", key="*/many/*"))
    process = lake.start("cp", lake.at + "many", "to", "-r", "--quiet", stderr=subprocess.PIPE)
    wait_for(lambda: Path("to").exists() and len(os.listdir("to")) > 5)
    begin = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (code, b"")
    assert time.monotonic() - begin < 8
    assert all(many[name] == body for name, body in files_in(Path("to")).items())


def test_interrupted_upload(lake: Lake) -> None:
    """An upload whose source is a pipe is aborted: no object, and no upload that nobody completes."""
    process = lake.start("cp", "-", lake.at + "x", "--format", "s3ec-v4", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(os.urandom(30 * MIB))
    process.stdin.flush()
    wait_for(lake.unfinished)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (130, b"")
    assert (lake.names(), lake.unfinished()) == ([], [])


def test_interrupted_upload_of_a_folder(lake: Lake, s3_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is whole, what was under way is aborted."""
    Path("src").mkdir()
    bodies = {str(number): os.urandom(20 * MIB if number % 2 else 1000) for number in range(8)}
    for name, body in bodies.items():
        Path("src", name).write_bytes(body)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_proxy.url)
    s3_proxy.fail(Fault(Stall(0.5), method="PUT", query="uploadId"))
    process = lake.start("cp", "src", lake.at, "-r", "--quiet", "--parallel", "2", stderr=subprocess.PIPE)
    wait_for(lambda: lake.names() and s3_proxy.count("PUT", query="uploadId") > 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (130, b"")
    assert lake.unfinished() == []
    assert all(lake.get(name) == bodies[name] for name in lake.names())


def test_pipe_that_closes(lake: Lake, many: dict[str, bytes]) -> None:
    """Whoever reads the first lines only, as head does, hears nothing of it."""
    lake.put("x", os.urandom(3 * MIB))
    for words in (("cat", lake.at + "x"), ("ls", lake.at, "-r"), ("cp", lake.at + "x", "-")):
        process = lake.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.wait(PATIENCE)


def test_progress_on_a_terminal(lake: Lake) -> None:
    """A bar while it works, gone at the end; the lines stay. Nothing of that with --quiet."""
    Path("x").write_bytes(os.urandom(20 * MIB))
    code, screen = terminal_output(lake, "cp", "x", lake.at + "x")
    assert code == 0
    assert "MiB" in screen
    assert "\x1b[2K" in screen
    assert "upload: x to" in screen
    assert "MiB" not in terminal_output(lake, "cp", "x", lake.at + "x", "--quiet")[1]


def test_questions_on_a_terminal(lake: Lake) -> None:
    """Deleting a folder asks first, and only yes is yes."""
    lake.put("a", b"1")
    code, screen = terminal_output(lake, "rm", lake.at, "-r", say=b"n\n")
    assert (code, lake.names()) == (1, ["a"])
    assert "Delete everything in" in screen
    code, screen = terminal_output(lake, "rm", lake.at, "-r", say=b"y\n")
    assert (code, lake.names()) == (0, [])


def test_colours_on_a_terminal(lake: Lake) -> None:
    """Errors of wrong use and help are in colour there, and plain in a pipe."""
    assert "\x1b[" in terminal_output(lake, "cp", "--help")[1]
    assert "\x1b[" not in lake.run("cp", "--help").stdout
