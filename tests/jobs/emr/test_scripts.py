"""The shell scripts as text, what they refuse, and the pinned dependencies."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

EMR = Path(__file__).resolve().parents[3] / "jobs" / "emr"
SCRIPTS = sorted(EMR.glob("*.sh"))
PINS = sorted(EMR.glob("requirements-*.txt"))
_PIN = re.compile(r"^([a-z0-9._-]+)==(\S+) \\$", re.MULTILINE)


def refuse(script: str, *arguments: object) -> str:
    """Run a script that must fail at once, and return what it says."""
    command = [str(EMR / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck(script: Path) -> None:
    """shellcheck has nothing to say, optional checks about quoting and unset variables included."""
    program = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([str(program), str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "set -Eeuo pipefail" in script.read_text()


def test_scripts_are_there() -> None:
    """The list above is not empty by mistake, and each can be started."""
    assert {path.name for path in SCRIPTS} == {"bootstrap.sh", "build_venv_archive.sh", "build_wheelhouse.sh"}
    assert all(path.stat().st_mode & 0o111 == 0o111 for path in SCRIPTS)


def test_what_build_wheelhouse_refuses(tmp_path: Path) -> None:
    """Each mistake is one line, and nothing is built or removed."""
    assert "no pins for Python 2.7" in refuse("build_wheelhouse.sh", "--python-version", "2.7")
    assert "must be x86_64 or aarch64" in refuse("build_wheelhouse.sh", "--machine", "mips")
    assert "unknown argument bucket" in refuse("build_wheelhouse.sh", "bucket/prefix")
    other = "aarch64" if metadata_machine() == "x86_64" else "x86_64"
    assert "on such a machine only" in refuse("build_wheelhouse.sh", "--machine", other)
    assert "is not tagged" in refuse("build_wheelhouse.sh", "--wheel", "s3cse-0.1.0-cp310-abi3-linux_x86_64.whl")
    (tmp_path / "precious").write_text("")
    assert "it stays as it is" in refuse("build_wheelhouse.sh", "--output", tmp_path)
    assert (tmp_path / "precious").exists()


def metadata_machine() -> str:
    """The machine as the script sees it."""
    return subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()


def test_what_build_venv_archive_refuses(tmp_path: Path) -> None:
    """No wheelhouse, and one for another Python."""
    assert "build_wheelhouse.sh makes one" in refuse("build_venv_archive.sh", "--wheelhouse", tmp_path)
    (tmp_path / "requirements.txt").write_text("# python 2.7\n")
    command = ["env", f"PYTHON={sys.executable}", EMR / "build_venv_archive.sh", "--wheelhouse", tmp_path]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert (done.returncode, "is for Python 2.7" in done.stderr) == (1, True)


#: A Python whose pip brings one wheel, whatever is asked for; the rest is real.
PYTHON = """#!/bin/sh
case "$*" in
  *"pip --quiet --disable-pip-version-check download"*)
    while [ "$1" != --dest ]; do shift; done
    echo other > "$2/other-1.0-py3-none-any.whl" ;;
  *) exec {python} "$@" ;;
esac
"""


def build_wheelhouse(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run build_wheelhouse.sh in a folder, under a strict umask, with a wheel from there and without PyPI."""
    wheel = folder / f"s3cse-0.1.0-cp310-abi3-manylinux_2_28_{metadata_machine()}.whl"
    wheel.write_text("wheel")
    python = folder / "python"
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    command = [
        "sh",
        "-c",
        'umask 077 && exec "$@"',
        "sh",
        EMR / "build_wheelhouse.sh",
        "--wheel",
        wheel.name,
        *arguments,
    ]
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHON": "./python", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_relative_paths_and_a_strict_umask(tmp_path: Path) -> None:
    """Paths are those of the caller's folder, the zip for Glue too, and everybody can read what was built."""
    done = build_wheelhouse(tmp_path, "--output", "wheels", "--glue-zip")
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(tmp_path / "s3cse.gluewheels.zip").namelist()
    assert "wheels/other-1.0-py3-none-any.whl" in names
    built = [tmp_path / "wheels", tmp_path / "s3cse.gluewheels.zip", *(tmp_path / "wheels").iterdir()]
    assert len(built) == 8
    assert [path.name for path in built if path.stat().st_mode & 0o044 != 0o044] == []


def test_no_cli_to_upload_with(tmp_path: Path) -> None:
    """It is missed before anything is built."""
    done = build_wheelhouse(tmp_path, "s3://bucket/s3cse/")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no AWS CLI to upload with" in done.stderr
    (tmp_path / "requirements.txt").write_text("# python 3.11\n")
    command = [EMR / "build_venv_archive.sh", "s3://b/p/", "--wheelhouse", tmp_path]
    archive = subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert (archive.returncode, "no AWS CLI to upload with" in archive.stderr) == (1, True)


@pytest.mark.parametrize("pins", PINS, ids=lambda path: path.name)
def test_pins_are_what_the_project_asks_for(pins: Path) -> None:
    """Every dependency of the `cluster` extra is pinned, to a version that pyproject.toml allows, by hash."""
    text = pins.read_text(encoding="utf-8")
    pinned = dict(_PIN.findall(text))
    assert text.count("==") == len(pinned), "a pin has no hash"
    wanted = runpy.run_path(str(EMR / "pin_dependencies.py"))["wanted"]
    project = runpy.run_path(str(EMR / "pin_dependencies.py"))["project"]()
    requirements = [Requirement(each) for each in wanted(project)]
    assert {"boto3", "cffi", "cryptography", "pyarrow", "sqlglot", "pandas", "typer"} <= {
        each.name for each in requirements
    }
    for each in requirements:
        assert each.specifier.contains(pinned[each.name]), each


def test_pinned_pythons() -> None:
    """EMR and Glue 5 have 3.11, Glue 6 has 3.13."""
    assert {path.name for path in PINS} == {"requirements-3.11.txt", "requirements-3.13.txt"}


def test_the_wheel_is_for_both() -> None:
    """s3cse's own wheel is one for all of them: its Python is not above theirs."""
    assert Requirement(f"python{metadata.metadata('s3cse')['Requires-Python']}").specifier.contains("3.11")
