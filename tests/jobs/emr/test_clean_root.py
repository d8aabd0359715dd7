"""bootstrap.sh where it is meant to run: as an ordinary user with sudo, on a system that has nothing of ours."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import s3cse.local
from jobs.emr.clean_root import CleanRoot, make_root
from jobs.emr.conftest import ROOT, Shell
from jobs.emr.wheelhouses import write_sums
from system_packages import install

pytestmark = pytest.mark.heavy
PYTHON = "/usr/bin/python3.11"
SITE = "/usr/local/lib/python3.11/dist-packages"
CHECK = "/var/lib/s3cse/_usr_bin_python3.11/check_install.py"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """The system, with an AWS CLI and without s3cse."""
    assert shutil.which("mmdebstrap") or install("mmdebstrap"), "this test needs mmdebstrap: install that package"
    (cli,) = (ROOT / ".venv-deploy" / "lib").glob("python*/site-packages")
    root = make_root(tmp_path_factory.mktemp("system") / "root", cli)
    yield root
    shutil.rmtree(root.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def uploaded(clone: Shell, wheelhouse: Path, servers: s3cse.local.Servers) -> str:
    """The wheelhouse in S3."""
    bucket = servers.create_bucket("bootstrap")
    clone.run("aws", "s3", "cp", "--recursive", "--only-show-errors", wheelhouse, f"s3://{bucket}/s3cse/")
    return f"s3://{bucket}/s3cse/"


def bootstrap(system: CleanRoot, script: Path, *arguments: str, **how: object) -> subprocess.CompletedProcess[str]:
    """Run the action as EMR does: the script is a file of the user's."""
    shutil.copy(script, system.path("/home/hadoop/bootstrap.sh"))
    return system.run("/bin/bash", "/home/hadoop/bootstrap.sh", *arguments, **how)  # type: ignore[arg-type]


def last(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line, without the name in front."""
    return done.stdout.splitlines()[-1].removeprefix("s3cse bootstrap: ")


@pytest.fixture(scope="module")
def first(
    system: CleanRoot, wheelhouse: Path, uploaded: str, servers: s3cse.local.Servers
) -> subprocess.CompletedProcess[str]:
    """The first run, from S3."""
    return bootstrap(
        system, wheelhouse / "bootstrap.sh", *pinned(uploaded, wheelhouse), environment=servers.environment()
    )


def pinned(place: str, wheelhouse: Path) -> tuple[str, str, str]:
    """Return the arguments for a wheelhouse that is this very one."""
    return place, "--sha256", hashlib.sha256((wheelhouse / "SHA256SUMS").read_bytes()).hexdigest()


def test_from_s3_twice(
    system: CleanRoot,
    first: subprocess.CompletedProcess[str],
    wheelhouse: Path,
    uploaded: str,
    servers: s3cse.local.Servers,
) -> None:
    """From S3 into the system's Python 3.11; again, and nothing changes; s3cse works for other users too."""
    assert (first.returncode, last(first)) == (0, "installed"), first.stdout
    assert servers.secret_key not in first.stdout
    place = system.path(f"{SITE}/s3cse/crypto/_native.abi3.so")
    before = (place.stat().st_ino, place.stat().st_mtime_ns)

    arguments = pinned(uploaded, wheelhouse)
    second = bootstrap(system, wheelhouse / "bootstrap.sh", *arguments, environment=servers.environment())
    assert (second.returncode, last(second)) == (0, "already installed: nothing to do"), second.stdout
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == before

    told = system.run(PYTHON, "-I", CHECK, "--json", user="nobody")
    assert told.returncode == 0, told.stdout
    assert json.loads(told.stdout)["libcrypto"].endswith("/libcrypto.so.3")
    assert "already installed" in system.path("/var/log/s3cse/bootstrap.log").read_text()


@pytest.mark.usefixtures("first")
def test_from_s3_without_network(system: CleanRoot, wheelhouse: Path) -> None:
    """It fails, says why, and prints no credentials."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "never-printed", "AWS_MAX_ATTEMPTS": "1"}
    environment = {**keys, "AWS_DEFAULT_REGION": "eu-west-1"}
    script = wheelhouse / "bootstrap.sh"
    done = bootstrap(system, script, "s3://bucket/s3cse/", network=False, environment=environment)
    assert done.returncode == 1
    assert last(done).startswith("FAILED: cannot read s3://bucket/s3cse/SHA256SUMS: no network"), done.stdout
    assert "never-printed" not in done.stdout


@pytest.mark.usefixtures("first")
def test_settings(system: CleanRoot, wheelhouse: Path, tmp_path: Path) -> None:
    """--settings puts a file that s3cse understands where S3CSE_CONF_DIR can name it, and refuses another."""
    system.copy(wheelhouse, "/opt/wheelhouse")
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "emrfs-site.xml").write_text(
        "<configuration><property><name>fs.s3.cse.enabled</name><value>true</value></property></configuration>"
    )
    (settings / "core-site.xml").write_text("<configuration><property>")
    system.copy(settings, "/opt/settings")
    script = wheelhouse / "bootstrap.sh"
    done = bootstrap(system, script, "/opt/wheelhouse", "--settings", "/opt/settings/emrfs-site.xml")
    assert (done.returncode, last(done)) == (0, "/etc/s3cse/emrfs-site.xml is /opt/settings/emrfs-site.xml"), (
        done.stdout
    )
    assert system.path("/etc/s3cse/emrfs-site.xml").read_bytes() == (settings / "emrfs-site.xml").read_bytes()
    bad = bootstrap(system, script, "/opt/wheelhouse", "--settings", "/opt/settings/core-site.xml")
    assert (bad.returncode, last(bad)) == (
        1,
        "FAILED: /opt/settings/core-site.xml is not understood (see the line above)",
    )
    assert not system.path("/etc/s3cse/core-site.xml").exists()


@pytest.mark.usefixtures("first")
def test_broken_wheels(system: CleanRoot, wheelhouse: Path, tmp_path: Path) -> None:
    """A wheel cut off in its upload, one replaced, and one whose extension does not load each fail the node."""
    broken = tmp_path / "broken"
    shutil.copytree(wheelhouse, broken)
    (wheel,) = broken.glob("s3cse-*.whl")
    whole = wheel.read_bytes()
    script = wheelhouse / "bootstrap.sh"
    system.copy(wheelhouse, "/opt/good")
    # A node that has the dependencies, but never had this wheelhouse.
    shutil.rmtree(system.path("/var/lib/s3cse"))

    wheel.write_bytes(whole[: len(whole) // 2])
    system.copy(broken, "/opt/wheelhouse")
    cut = bootstrap(system, script, "/opt/wheelhouse")
    assert (cut.returncode, last(cut)) == (
        1,
        f"FAILED: /opt/wheelhouse does not match its SHA256SUMS: {wheel.name}: FAILED",
    )

    # Whoever replaces the wheel and the list, but not the hash in the requirements, is stopped by pip.
    write_sums(broken)
    system.copy(broken, "/opt/wheelhouse")
    replaced = bootstrap(system, script, "/opt/wheelhouse")
    assert (replaced.returncode, last(replaced).split(" for ")[0]) == (
        1,
        "FAILED: pip could not install the wheelhouse's packages",
    )
    assert "DO NOT MATCH THE HASHES" in replaced.stdout

    # Built wrongly: consistent in every hash, but the extension is not one.
    spoil(wheel, whole)
    requirements = broken / "requirements.txt"
    good, bad = (hashlib.sha256(content).hexdigest() for content in (whole, wheel.read_bytes()))
    requirements.write_text(requirements.read_text().replace(good, bad))
    write_sums(broken)
    system.copy(broken, "/opt/wheelhouse")
    spoilt = bootstrap(system, script, "/opt/wheelhouse")
    assert (spoilt.returncode, last(spoilt).split(" but ")[0]) == (1, f"FAILED: s3cse is installed in {PYTHON}")
    assert "the compiled extension does not load" in spoilt.stdout
    # What does not work is not remembered as installed: the good one comes again.
    again = bootstrap(system, script, *pinned("/opt/good", wheelhouse))
    assert (again.returncode, last(again)) == (0, "installed"), again.stdout


def spoil(wheel: Path, whole: bytes) -> None:
    """Write the wheel with an extension of zeros; its RECORD, which pip does not compare, stays."""
    wheel.write_bytes(whole)
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, bytes(64) if name.endswith(".so") else content)


@pytest.mark.usefixtures("first")
def test_another_python(system: CleanRoot, wheelhouse: Path) -> None:
    """A wheelhouse for 3.13 is not installed into Python 3.11."""
    system.copy(wheelhouse, "/opt/wheelhouse")
    other = system.path("/opt/wheelhouse/requirements.txt")
    other.write_text(other.read_text().replace("# python 3.11", "# python 3.13"))
    write_sums(system.path("/opt/wheelhouse"))
    done = bootstrap(system, wheelhouse / "bootstrap.sh", "/opt/wheelhouse")
    assert done.returncode == 1
    assert last(done).startswith("FAILED: the wheelhouse is for Python 3.13, but /usr/bin/python3.11 is 3.11"), (
        done.stdout
    )


@pytest.mark.usefixtures("first")
def test_archive(system: CleanRoot, clone: Shell, wheelhouse: Path) -> None:
    """The archive for Serverless and Glue works where it is unpacked, beside what is installed, without network."""
    folder = system.path("/home/hadoop/task/environment")
    folder.mkdir(parents=True)
    clone.run("tar", "-xzf", "dist/s3cse-venv.tar.gz", "-C", folder)
    shutil.copy(wheelhouse / "check_install.py", system.path("/home/hadoop/check_install.py"))
    python = "/home/hadoop/task/environment/bin/python"
    told = system.run(python, "-I", "/home/hadoop/check_install.py", "--json", network=False)
    assert told.returncode == 0, told.stdout
    assert json.loads(told.stdout)["interpreter"] == python
    where = system.run(python, "-c", "import s3cse, sys; print(s3cse.__file__, sys.base_prefix)", network=False)
    assert where.stdout.split() == [
        "/home/hadoop/task/environment/lib/python3.11/site-packages/s3cse/__init__.py",
        "/usr",
    ]


@pytest.mark.usefixtures("first")
def test_without_network_and_with_a_strict_umask(system: CleanRoot, wheelhouse: Path) -> None:
    """From a folder on a bare system, with no network at all, pip asks nobody; and what it installs is there for all.

    A user without sudo is refused before that, and leaves nothing.
    """
    for place in (SITE, "/var/lib/s3cse", "/var/log/s3cse"):
        shutil.rmtree(system.path(place))
    system.copy(wheelhouse, "/opt/wheelhouse")
    refused = system.run("/bin/bash", "/opt/wheelhouse/bootstrap.sh", "/opt/wheelhouse", user="nobody")
    assert (refused.returncode, last(refused)) == (1, "FAILED: user nobody may not use sudo without a password")
    assert not system.path("/var/log/s3cse").exists()

    command = "umask 077; bash /opt/wheelhouse/bootstrap.sh file:///opt/wheelhouse"
    done = system.run("/bin/bash", "-c", command, network=False)
    assert (done.returncode, last(done)) == (0, "installed"), done.stdout
    assert system.run(PYTHON, "-I", CHECK, user="nobody").returncode == 0
