"""The command line of the local servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import psutil
import pytest

from s3cse.local.__main__ import main

PROGRAM = [sys.executable, "-m", "s3cse.local"]
CHECK = "import os, boto3; boto3.client('s3').head_bucket(Bucket=os.environ['S3CSE_LOCAL_BUCKET']); raise SystemExit(7)"


def start(tmp_path: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start the servers for a shell; return the process and the variables that it exports."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        PROGRAM,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        # A shell that starts the tests in the background has them ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    exported = {}
    for line in process.stdout:
        if line.startswith("#"):
            break
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            exported[name] = value
    return process, exported


def wait_for_nothing(tmp_path: Path, below: list[psutil.Process]) -> None:
    """Wait until all these processes are gone and the folder is empty."""
    _, alive = psutil.wait_procs(below, timeout=10)
    assert alive == []
    deadline = time.monotonic() + 10
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


def sockets_of(below: list[psutil.Process]) -> set[Path]:
    """Return the files for sockets that these servers have; servers of others are at work beside them."""
    open_ones = [each for process in below for each in process.net_connections("inet")]
    ports = {each.laddr.port for each in open_ones if each.status == psutil.CONN_LISTEN}
    return {path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")}


def test_sigkill_leaves_nothing(tmp_path: Path) -> None:
    """SIGKILL of the starting process ends both servers and their guards, and removes data and sockets."""
    process, _ = start(tmp_path)
    below = psutil.Process(process.pid).children(recursive=True)
    assert len(below) == 4
    sockets = sockets_of(below)
    assert sockets
    process.kill()
    process.wait()
    wait_for_nothing(tmp_path, below)
    assert [path for path in sockets if path.exists()] == []


def test_printed_environment_works_until_ctrl_c(tmp_path: Path) -> None:
    """The printed variables reach a bucket and a key; Ctrl-C ends all of it with exit code 0."""
    process, exported = start(tmp_path)
    below = psutil.Process(process.pid).children(recursive=True)
    session = boto3.session.Session(
        exported["AWS_ACCESS_KEY_ID"], exported["AWS_SECRET_ACCESS_KEY"], region_name=exported["AWS_REGION"]
    )
    s3 = session.client("s3", endpoint_url=exported["AWS_ENDPOINT_URL_S3"])
    kms = session.client("kms", endpoint_url=exported["AWS_ENDPOINT_URL_KMS"])
    s3.put_object(Bucket=exported["S3CSE_LOCAL_BUCKET"], Key="object", Body=b"text")
    kms.encrypt(KeyId=exported["S3CSE_LOCAL_KMS_KEY"], Plaintext=b"text")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    wait_for_nothing(tmp_path, below)


def test_command_runs_with_the_environment_and_gives_the_exit_code(tmp_path: Path) -> None:
    """A command after -- finds the servers by itself, and the program ends with its exit code."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "AWS_PROFILE": "not-there", "AWS_SESSION_TOKEN": "stale"}
    done = subprocess.run([*PROGRAM, "--", sys.executable, "-c", CHECK], env=environment, check=False)
    assert done.returncode == 7
    assert list(tmp_path.iterdir()) == []


def test_nothing_after_the_dashes_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """``--`` without a command is a usage error, before anything starts."""
    with pytest.raises(SystemExit):
        main(["--"])
    assert "no command" in capsys.readouterr().err
