"""Executors in processes of their own: one is killed while it writes, or its task is run twice at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import s3cse.local
from spark.fixtures import Table, spark_environment

JOB = Path(__file__).with_name("cluster_job.py")
_EXECUTOR = "CoarseGrainedExecutorBackend"


def executors(job: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the job's executor processes."""
    found = []
    for process in psutil.Process(job.pid).children(recursive=True):
        with suppress(psutil.Error):  # it ended meanwhile
            if _EXECUTOR in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.mark.heavy
@pytest.mark.parametrize("mode", ["kill", "speculate"])
def test_lost_and_doubled_tasks_change_nothing(
    table: Table, servers: s3cse.local.Servers, kms_key: str, tmp_path: Path, mode: str
) -> None:
    """The rows are there once each, no other file is visible, and no upload is left."""
    mark = tmp_path / "mark"
    command = [sys.executable, JOB, table.uri, kms_key, mark, mode]
    job = subprocess.Popen(
        command, env=spark_environment(servers), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        if mode == "kill":
            deadline = time.monotonic() + 120
            while not mark.exists():
                assert job.poll() is None, job.stdout and job.stdout.read()[-3000:]
                assert time.monotonic() < deadline
                time.sleep(0.1)
            running = executors(job)
            assert running
            for process in running:
                process.kill()  # both: whichever has the hanging task, and what the other had begun
        out, _ = job.communicate(timeout=240)
    finally:
        job.kill()
    assert job.returncode == 0, out[-3000:]
    assert "exact" in out
    assert mark.exists()
    assert len(table.files()) == 4
    assert table.uploads() == []
