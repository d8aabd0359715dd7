"""A clone of this repository in which docs/glue.md is followed, once per run, for the heavy tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import s3cse.local
from jobs.emr.aws_stand_in import AwsStandIn
from jobs.emr.documents import blocks, shell

ROOT = Path(__file__).resolve().parents[3]
#: The documents' bucket.
BUCKET = "amzn-s3-demo-bucket"
#: S3 by the servers' environment, everything else to the stand-in. By flag: `aws emr` knows no variable for it.
AWS = """#!/bin/bash
[[ $1 == s3 ]] && exec {program} "$@"
exec {program} --endpoint-url {url} "$@"
"""
#: Docker is not run: each command must name a Dockerfile that there is, and goes into a list.
DOCKER = """#!/bin/bash
echo "$*" >> docker-commands
for word in "$@"; do [[ $word != */Dockerfile* || -f $word ]] || exit 9; done
"""
#: What building needs, and what the documents' commands use.
_PARTS = ("csrc", "docs", "jobs", "pysrc", "LICENSE", "README.md", "pyproject.toml")


@dataclass(frozen=True)
class Shell:
    """Commands in a clone, with the environment in which they reach the local servers."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: object, check: bool = True, **environment: str) -> str:
        """Run a command and return what it printed, errors included."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=400,
        )
        assert not check or done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="session")
def python311() -> str:
    """Python 3.11, which EMR 7 and Glue 5 have: that of the tests, or the system's."""
    found = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    assert found, "this test needs Python 3.11"
    return os.path.realpath(found)


@pytest.fixture(scope="session")
def stand_in() -> Iterator[AwsStandIn]:
    """What answers for EMR and Glue."""
    server = AwsStandIn()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def clone(
    tmp_path_factory: pytest.TempPathFactory, servers: s3cse.local.Servers, stand_in: AwsStandIn, python311: str
) -> Shell:
    """A clone of the repository, the AWS CLI, and the local servers as AWS."""
    folder = tmp_path_factory.mktemp("clone")
    for name in _PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "build"))
        else:
            shutil.copy(source, folder)
    program = ROOT / ".venv-deploy" / "bin" / "aws"
    assert program.exists(), "make test-heavy sets up the AWS CLI"
    (folder / "bin").mkdir()
    (folder / "bin" / "aws").write_text(AWS.format(program=program, url=stand_in.url))
    (folder / "bin" / "aws").chmod(0o755)
    (folder / "bin" / "docker").write_text(DOCKER)
    (folder / "bin" / "docker").chmod(0o755)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VIRTUAL_ENV"))},
        **servers.environment(),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHON": python311,
        "AWS_PAGER": "",
    }
    return Shell(folder, environment)


@pytest.fixture(scope="session")
def glue_session(clone: Shell, servers: s3cse.local.Servers) -> str:
    """All of docs/glue.md, run; it makes the wheelhouse, the zip for Glue and the archive. What it printed."""
    servers.create_bucket(BUCKET)
    (script,) = (text for language, text in blocks("glue.md") if language == "python")
    (clone.folder / "encrypt_job.py").write_text(script)
    return clone.run("bash", "-euo", "pipefail", "-c", shell("glue.md"))


@pytest.fixture(scope="session")
def wheelhouse(clone: Shell, glue_session: str) -> Path:
    """The wheelhouse for Python 3.11 on this machine."""
    assert glue_session
    return clone.folder / "dist" / "wheelhouse"
