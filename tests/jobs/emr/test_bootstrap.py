"""bootstrap.sh on this machine: each way to fail, and what it does on a node, with a wheelhouse of one small wheel.

An ordinary user gets a sudo that changes nobody's identity. The real one, in a clean root: test_clean_root.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.emr.wheelhouses import make_interpreter, make_wheelhouse, write_sums

BOOTSTRAP = Path(__file__).resolve().parents[3] / "jobs" / "emr" / "bootstrap.sh"
SUDO = '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n'


@dataclass
class Node:
    """A place where the action runs: its own interpreter, state and log."""

    folder: Path
    python: str = sys.executable

    def run(
        self, *arguments: object, python: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the action; what it says is in stdout, its standard error included."""
        places = ["--state-dir", self.folder / "state", "--log-dir", self.folder / "log"]
        command = [BOOTSTRAP, *arguments, "--python", python or self.python, *places]
        return subprocess.run(
            [str(word) for word in command],
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node whose interpreter is that of the tests: for runs that install nothing."""
    folder = tmp_path / "node"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "sudo").write_text(SUDO)
    (folder / "bin" / "sudo").chmod(0o755)
    return Node(folder)


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """A good wheelhouse."""
    return make_wheelhouse(tmp_path / "wheelhouse")


def failed(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """The run failed, and its last line says so with these words."""
    assert done.returncode == 1, done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("s3cse bootstrap: FAILED: "), done.stdout
    for word in words:
        assert word in last
    assert done.stdout.count("FAILED: ") == 1, done.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "no wheelhouse given"),
        (["a", "b"], "two wheelhouses: a and b"),
        (["--fast", "a"], "unknown argument --fast"),
        (["a", "--sha256", "abc"], "64 hexadecimal digits"),
        (["a", "--settings", "s3://b/hive-site.xml"], "must be a core-site.xml, emrfs-site.xml"),
    ],
)
def test_wrong_arguments(node: Node, arguments: list[str], word: str) -> None:
    """Each is named, before anything is done."""
    failed(node.run(*arguments), word)
    assert not (node.folder / "log").exists()


def test_an_option_without_its_value() -> None:
    """It is named too."""
    done = subprocess.run([BOOTSTRAP, "a", "--python"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "s3cse bootstrap: FAILED: --python needs a value\n")


def test_help() -> None:
    """--help tells every option and changes nothing."""
    done = subprocess.run([BOOTSTRAP, "--help"], capture_output=True, text=True, check=True)
    for option in ("--python", "--sha256", "--settings", "--state-dir", "--log-dir"):
        assert option in done.stdout
    assert "set -E" not in done.stdout


def test_interpreters_that_will_not_do(node: Node, wheelhouse: Path) -> None:
    """One that is not there, one that does not run, and a name without a path are told apart."""
    failed(node.run(wheelhouse, python="/usr/bin/python3.1"), "no interpreter /usr/bin/python3.1")
    failed(node.run(wheelhouse, python="python3"), "must be an absolute path")
    broken = node.folder / "bin" / "python3.99"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    failed(node.run(wheelhouse, python=str(broken)), "does not run")


@pytest.mark.parametrize(
    ("version", "machine", "word"), [("3.9", "", "for Python 3.9"), ("", "riscv64", "for riscv64")]
)
def test_a_wheelhouse_for_others(node: Node, tmp_path: Path, version: str, machine: str, word: str) -> None:
    """Another Python or another processor is refused before pip is asked."""
    given = {"version": version} if version else {}
    failed(node.run(make_wheelhouse(tmp_path / "other", machine=machine, **given)), f"the wheelhouse is {word}")


def test_no_wheelhouse(node: Node, tmp_path: Path) -> None:
    """A folder without SHA256SUMS is none, and neither is one whose list has other lines."""
    failed(node.run(tmp_path / "nowhere"), "cannot read", "nowhere/SHA256SUMS")
    (tmp_path / "SHA256SUMS").write_text("not a checksum\n")
    failed(node.run(tmp_path), "is not the list of a wheelhouse")


def test_no_list_leads_out_of_the_wheelhouse(node: Node, wheelhouse: Path) -> None:
    """A name with a path in it is refused."""
    with (wheelhouse / "SHA256SUMS").open("a") as sums:
        sums.write("0" * 64 + "  ../../etc/passwd\n")
    failed(node.run(wheelhouse), "is not the list of a wheelhouse")


def test_files_that_are_not_as_listed(node: Node, wheelhouse: Path) -> None:
    """A changed file and a missing one are named."""
    (wheel,) = wheelhouse.glob("*.whl")
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    failed(node.run(wheelhouse), "does not match its SHA256SUMS", f"{wheel.name}: FAILED")
    wheel.unlink()
    failed(node.run(wheelhouse), "cannot fetch all files")


def test_a_wheelhouse_that_was_replaced(node: Node, wheelhouse: Path) -> None:
    """With --sha256 even one that is consistent in itself is refused, if it is another one."""
    failed(node.run(wheelhouse, "--sha256", "0" * 64), "is not the one that --sha256 names")


def test_one_file_is_fetched_without_a_listing(node: Node) -> None:
    """What is fetched alone is asked for by its key: the folder of settings may be a bucket with a whole lake."""
    aws = node.folder / "bin" / "aws"
    aws.write_text(f'#!/bin/sh\necho "$@" >> {node.folder}/asked\nexit 1\n')
    aws.chmod(0o755)
    failed(node.run("s3://lake/s3cse/"), "cannot read s3://lake/s3cse/SHA256SUMS")
    (asked,) = (node.folder / "asked").read_text().splitlines()
    assert " s3://lake/s3cse/SHA256SUMS " in asked
    assert "--recursive" not in asked


def test_no_aws_cli(node: Node, tmp_path: Path) -> None:
    """Where S3 is asked for and there is no AWS CLI, that is said."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "env", "sed", "sort", "head", "mktemp", "rm", "tee", "id", "install", "touch", "chown", "sh"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    failed(node.run("s3://bucket/prefix/", PATH=f"{node.folder / 'bin'}:{tools}"), "no AWS CLI")


def test_installs_once(node: Node, tmp_path: Path) -> None:
    """Into a Python without pip; a second run changes nothing; a wheel rebuilt as the same version replaces it."""
    python = make_interpreter(node.folder / "python")
    place = next((node.folder / "python" / "lib").glob("python*")) / "site-packages"
    wheelhouse = make_wheelhouse(tmp_path / "wheelhouse")
    arguments = (wheelhouse.as_uri(), "--sha256", write_sums(wheelhouse))

    first = node.run(*arguments, python=str(python))
    assert first.returncode == 0, first.stdout
    assert first.stdout.splitlines()[-2:] == ["s3cse is first", "s3cse bootstrap: installed"]
    assert "asking ensurepip" in first.stdout
    before = (place / "s3cse" / "__init__.py").stat().st_mtime_ns

    second = node.run(*arguments, python=str(python))
    assert second.returncode == 0
    assert second.stdout.splitlines()[-1] == "s3cse bootstrap: already installed: nothing to do"
    assert (place / "s3cse" / "__init__.py").stat().st_mtime_ns == before

    rebuilt = node.run(make_wheelhouse(wheelhouse, "second"), python=str(python))
    assert rebuilt.stdout.splitlines()[-2:] == ["s3cse is second", "s3cse bootstrap: installed"]

    # Of another size, or Python would take its cached bytecode for this file within the same second.
    (place / "s3cse" / "__init__.py").write_text("CONTENT = 'broken'  # by somebody\n")
    repaired = node.run(wheelhouse, python=str(python))
    assert "does not work any more" in repaired.stdout
    assert repaired.stdout.splitlines()[-2:] == ["s3cse is second", "s3cse bootstrap: installed"]
    # All runs are in the log.
    assert (node.folder / "log" / "bootstrap.log").read_text().count("already installed") == 1
