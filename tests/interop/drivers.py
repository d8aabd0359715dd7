"""Other people's clients, each behind a small program of its own language: how to get, build and run them.

Maven, apt and Go are used as they are configured on the machine; what they build goes to ``build/interop``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from interop.jobs import Job, Result
from system_packages import install

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "interop"
#: Seconds for a package manager, and for all jobs of one client.
INSTALL_TIMEOUT = 900
RUN_TIMEOUT = 900


class UnavailableError(Exception):
    """A client that is not to be had on this machine; the message says why."""


@dataclass(frozen=True)
class Driver:
    """A program that takes jobs, and which version of the client is in it."""

    command: tuple[str, ...]
    version: str

    def run(self, jobs: Iterable[Job], environment: dict[str, str]) -> dict[str, Result]:
        """Let the program do these jobs, in this order, and return what came of each, by its id."""
        # To a file, so that the program's own log neither fills a pipe nor hides what it said before it failed.
        with tempfile.TemporaryFile("w+") as log:
            done = subprocess.run(
                self.command,
                input="".join(f"{job.line()}\n" for job in jobs),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                env={**os.environ, **environment},
                timeout=RUN_TIMEOUT,
                check=False,
            )
            log.seek(0)
            assert done.returncode == 0, f"{self.command[0]} ended with {done.returncode}:\n{log.read()[-3000:]}"
        results = [Result.parse(line) for line in done.stdout.splitlines()]
        return {result.id: result for result in results}


def output(command: Sequence[str | Path], *, cwd: Path | None = None) -> str:
    """Return what a command prints; UnavailableError has the start of it if the command fails."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{name}: {error}") from None
    if done.returncode != 0:
        raise UnavailableError(f"{name} failed: {(done.stdout + done.stderr).strip()[:500]}")
    return done.stdout


@cache
def _maven() -> str:
    """Build every Java driver that can be built; return why the others cannot."""
    for stale in BUILD.glob("*/classpath.txt"):
        stale.unlink()
    command = ["mvn", "--batch-mode", "--quiet", "--fail-at-end", "compile", f"-DbuildRoot={BUILD}"]
    try:
        return output(command, cwd=HERE / "java")
    except UnavailableError as error:
        said = str(error)
    assert "COMPILATION ERROR" not in said, said  # ours to mend, and no reason to skip
    return said


def java(module: str, artifact: str) -> Driver:
    """Return the driver in a folder of ``java/``; its version is that of ``artifact`` on the class path."""
    said = _maven()
    classes, classpath = BUILD / module / "classes", BUILD / module / "classpath.txt"
    if not classpath.exists():
        raise UnavailableError(said)
    jars = classpath.read_text().strip()
    found = re.search(rf"{re.escape(artifact)}-(\d[\w.]*)\.jar", jars)
    assert found, f"{artifact} is not on the class path of {module}"
    return Driver(("java", "-cp", f"{classes}{os.pathsep}{jars}", "interop.Main"), found.group(1))


def ruby() -> Driver:
    """Return the Ruby driver; Debian's packages are installed where that is allowed."""
    script = str(HERE / "ruby" / "driver.rb")
    try:
        return Driver(("ruby", "-W0", script), output(["ruby", "-W0", script, "--version"]).strip())
    except UnavailableError:
        if not install("ruby-aws-sdk-s3", "ruby-aws-sdk-kms"):
            raise
    return Driver(("ruby", "-W0", script), output(["ruby", "-W0", script, "--version"]).strip())


def python() -> Driver:
    """Return the driver of the official Python client, in its environment (``make test`` makes it)."""
    command = (str(ROOT / ".venv-s3ec" / "bin" / "python"), str(HERE / "python" / "driver.py"))
    return Driver(command, output([*command, "--version"]).strip())


def go() -> Driver:
    """Return the Go driver."""
    program = BUILD / "go-driver"
    output(["go", "mod", "download"], cwd=HERE / "go")
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE / "go", check=True)
    version = output(["go", "list", "-m", "-f", "{{.Version}}", "github.com/aws/aws-sdk-go"], cwd=HERE / "go")
    return Driver((str(program),), version.strip().removeprefix("v"))


def node_encryption_sdk() -> tuple[str, ...]:
    """Return the command of the official AWS Encryption SDK for JavaScript, in the versions of its lock file.

    Node 18 to 20 refuse to open PKCS#1 v1.5 unless they are told to; later ones know no such option and need none.
    """
    here, folder = HERE / "node", BUILD / "node"
    files = [here / "package.json", here / "package-lock.json"]
    wanted, installed = b"".join(file.read_bytes() for file in files), folder / "installed"
    if not installed.exists() or installed.read_bytes() != wanted:
        installed.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / "node_modules", ignore_errors=True)
        for file in files:
            shutil.copy(file, folder)
        output(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder)
        installed.write_bytes(wanted)  # not before all of it is there
    node = ["node", "--security-revert=CVE-2023-46809"]
    try:
        output([*node, "--version"])
    except UnavailableError:
        node = node[:1]
    return (*node, str(here / "encryption_sdk.js"), str(folder))


Factory = Callable[[], Driver]
