"""The wheelhouse that build_wheelhouse.sh makes."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from jobs.emr.conftest import Shell

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def wheel(wheelhouse: Path) -> Path:
    """s3cse's own."""
    (found,) = wheelhouse.glob("s3cse-*.whl")
    return found


def test_the_tag(wheel: Path) -> None:
    """One wheel for CPython 3.10 and later, glibc 2.28 and later."""
    assert wheel.name == f"s3cse-0.1.0-cp310-abi3-manylinux_2_28_{platform.machine()}.whl"


def test_no_library_travels_along(wheel: Path, tmp_path: Path) -> None:
    """The extension is the wheel's only library, and asks for the system's libcrypto.so.3 and C library."""
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if ".so" in name]
        assert libraries == ["s3cse/crypto/_native.abi3.so"]
        archive.extract(libraries[0], tmp_path)
    dynamic = subprocess.run(
        ["objdump", "-p", str(tmp_path / libraries[0])], capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"NEEDED\s+(\S+)", dynamic)) == {"libcrypto.so.3", "libc.so.6"}
    assert set(re.findall(r"OPENSSL_\S+", dynamic)) == {"OPENSSL_3.0.0"}
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic
    versions = [tuple(map(int, each.split("."))) for each in re.findall(r"GLIBC_([0-9.]+)", dynamic)]
    assert max(versions) <= (2, 28)


def test_every_file_is_listed(wheelhouse: Path) -> None:
    """SHA256SUMS has every file with its checksum, the requirements every wheel with its hash."""
    sums = dict(line.split("  ")[::-1] for line in (wheelhouse / "SHA256SUMS").read_text().splitlines())
    files = {path.name: path for path in wheelhouse.iterdir() if path.name != "SHA256SUMS"}
    assert set(sums) == set(files)
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sums[name]
    requirements = (wheelhouse / "requirements.txt").read_text()
    assert requirements.startswith(f"# python 3.11\n# machine {platform.machine()}\n")
    assert set(re.findall(r"--hash=sha256:(\w+)", requirements)) == {
        sums[name] for name in files if name.endswith(".whl")
    }
    assert {"bootstrap.sh", "check_install.py"} < set(files)


def test_graviton(clone: Shell, wheel: Path, tmp_path: Path) -> None:
    """Arm64 gets every pinned wheel; the file that stands for s3cse's own is this machine's."""
    other = "aarch64" if platform.machine() == "x86_64" else "x86_64"
    own = tmp_path / wheel.name.replace(platform.machine(), other)
    own.write_bytes(wheel.read_bytes())
    output = tmp_path / "wheelhouse"
    clone.run("jobs/emr/build_wheelhouse.sh", "--machine", other, "--wheel", own, "--output", output)
    check_wheels(clone, output, "3.11", other)


def test_python_313_and_dry_run(clone: Shell, wheel: Path, tmp_path: Path) -> None:
    """Python 3.13 gets every pinned wheel; --dry-run sends nothing and says what it would, and the bootstrap action."""
    output, target = tmp_path / "wheelhouse", "s3://no-such-bucket/a"
    arguments = (f"{target}/", "--python-version", "3.13", "--wheel", wheel, "--output", output, "--dry-run")
    told = clone.run("jobs/emr/build_wheelhouse.sh", *arguments)
    check_wheels(clone, output, "3.13", platform.machine())
    assert told.count("would run: aws s3 cp") == 2
    checksum = hashlib.sha256((output / "SHA256SUMS").read_bytes()).hexdigest()
    assert f"Path={target}/bootstrap.sh,Args=[{target}/,--sha256,{checksum}]" in told


def check_wheels(clone: Shell, output: Path, version: str, machine: str) -> None:
    """As many wheels as there are pins, and ours; for that Python and that machine."""
    names = sorted(path.name for path in output.glob("*.whl"))
    pinned = (clone.folder / "jobs" / "emr" / f"requirements-{version}.txt").read_text().count("==")
    assert len(names) == pinned + 1
    tag = f"cp{version.replace('.', '')}"
    assert any(name.startswith("pyarrow-") and tag in name and name.endswith(f"{machine}.whl") for name in names)


def test_glue_zip(clone: Shell, wheelhouse: Path, tmp_path: Path, python311: str) -> None:
    """The zip has Glue's layout, the wheelhouse's wheels, and pip finds all that is needed in it, without an index."""
    with zipfile.ZipFile(clone.folder / "dist" / "s3cse.gluewheels.zip") as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"wheels"}
        archive.extractall(tmp_path)
    wheels = tmp_path / "wheels"
    assert {path.name for path in wheels.glob("*.whl")} == {path.name for path in wheelhouse.glob("*.whl")}
    command = (python311, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-index")
    told = clone.run(*command, "--find-links", wheels, "-r", wheels / "requirements.txt")
    assert "Would install" in told
    assert " s3cse-0.1.0" in told
