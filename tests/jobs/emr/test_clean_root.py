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

pytestmark = pytest.mark.heavy
PYTHON = "/usr/bin/python3.11"
SITE = "/usr/local/lib/python3.11/dist-packages"
CHECK = "/var/lib/s3cse/_usr_bin_python3.11/check_install.py"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """The system, with an AWS CLI and without s3cse."""
    if shutil.which("mmdebstrap") is None:
        subprocess.run(["apt-get", "update"], check=False, capture_output=True)
        subprocess.run(["apt-get", "install", "--yes", "mmdebstrap"], check=True, capture_output=True)
    (cli,) = (ROOT / ".venv-deploy" / "lib").glob("python*/site-packages")
    root = make_root(tmp_path_factory.mktemp("system") / "root", cli)
    yield root
    shutil.rmtree(root.folder, ignore_errors=True)


@pytest.fixture
def bare(system: CleanRoot) -> CleanRoot:
    """The same, with what an earlier test installed removed."""
    for place in (SITE, "/var/lib/s3cse", "/var/log/s3cse"):
        shutil.rmtree(system.path(place), ignore_errors=True)
    return system


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


def test_from_s3_twice(bare: CleanRoot, wheelhouse: Path, uploaded: str, servers: s3cse.local.Servers) -> None:
    """From S3 into the system's Python 3.11; again, and nothing changes; s3cse works for other users too."""
    script = wheelhouse / "bootstrap.sh"
    checksum = hashlib.sha256((wheelhouse / "SHA256SUMS").read_bytes()).hexdigest()
    arguments = (uploaded, "--sha256", checksum)
    first = bootstrap(bare, script, *arguments, environment=servers.environment())
    assert (first.returncode, last(first)) == (0, "installed"), first.stdout
    assert servers.secret_key not in first.stdout
    place = bare.path(f"{SITE}/s3cse/crypto/_native.abi3.so")
    before = (place.stat().st_ino, place.stat().st_mtime_ns)

    second = bootstrap(bare, script, *arguments, environment=servers.environment())
    assert (second.returncode, last(second)) == (0, "already installed: nothing to do"), second.stdout
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == before

    told = bare.run(PYTHON, "-I", CHECK, "--json", user="nobody")
    assert told.returncode == 0, told.stdout
    assert json.loads(told.stdout)["libcrypto"].endswith("/libcrypto.so.3")
    assert "already installed" in bare.path("/var/log/s3cse/bootstrap.log").read_text()


def test_without_network(bare: CleanRoot, wheelhouse: Path) -> None:
    """From a folder, with no network at all: pip asks nobody. From S3 it fails, and says why."""
    bare.copy(wheelhouse, "/opt/wheelhouse")
    script = wheelhouse / "bootstrap.sh"
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "never-printed", "AWS_MAX_ATTEMPTS": "1"}
    failed = bootstrap(
        bare, script, "s3://bucket/s3cse/", network=False, environment={**keys, "AWS_DEFAULT_REGION": "eu-west-1"}
    )
    assert failed.returncode == 1
    assert last(failed).startswith("FAILED: cannot read s3://bucket/s3cse/SHA256SUMS: no network"), failed.stdout
    assert "never-printed" not in failed.stdout

    done = bootstrap(bare, script, "file:///opt/wheelhouse", network=False)
    assert (done.returncode, last(done)) == (0, "installed"), done.stdout


def test_strict_umask(bare: CleanRoot, wheelhouse: Path) -> None:
    """A hardened image's umask does not make the packages unreadable for Spark's users."""
    bare.copy(wheelhouse, "/opt/wheelhouse")
    shutil.copy(wheelhouse / "bootstrap.sh", bare.path("/home/hadoop/bootstrap.sh"))
    done = bare.run("/bin/bash", "-c", "umask 077; bash bootstrap.sh /opt/wheelhouse", network=False)
    assert (done.returncode, last(done)) == (0, "installed"), done.stdout
    assert bare.run(PYTHON, "-I", CHECK, user="nobody").returncode == 0


def test_settings(bare: CleanRoot, wheelhouse: Path, tmp_path: Path) -> None:
    """--settings puts a file that s3cse understands where S3CSE_CONF_DIR can name it, and refuses another."""
    bare.copy(wheelhouse, "/opt/wheelhouse")
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "emrfs-site.xml").write_text(
        "<configuration><property><name>fs.s3.cse.enabled</name><value>true</value></property></configuration>"
    )
    (settings / "core-site.xml").write_text("<configuration><property>")
    bare.copy(settings, "/opt/settings")
    script = wheelhouse / "bootstrap.sh"
    done = bootstrap(bare, script, "/opt/wheelhouse", "--settings", "/opt/settings/emrfs-site.xml")
    assert (done.returncode, last(done)) == (0, "/etc/s3cse/emrfs-site.xml is /opt/settings/emrfs-site.xml"), (
        done.stdout
    )
    assert bare.path("/etc/s3cse/emrfs-site.xml").read_bytes() == (settings / "emrfs-site.xml").read_bytes()
    bad = bootstrap(bare, script, "/opt/wheelhouse", "--settings", "/opt/settings/core-site.xml")
    assert (bad.returncode, last(bad)) == (
        1,
        "FAILED: /opt/settings/core-site.xml is not understood (see the line above)",
    )
    assert not bare.path("/etc/s3cse/core-site.xml").exists()


def test_broken_wheels(bare: CleanRoot, wheelhouse: Path, tmp_path: Path) -> None:
    """A wheel cut off in its upload, one replaced, and one whose extension does not load each fail the node."""
    broken = tmp_path / "broken"
    shutil.copytree(wheelhouse, broken)
    (wheel,) = broken.glob("s3cse-*.whl")
    whole = wheel.read_bytes()
    script = wheelhouse / "bootstrap.sh"

    wheel.write_bytes(whole[: len(whole) // 2])
    bare.copy(broken, "/opt/wheelhouse")
    cut = bootstrap(bare, script, "/opt/wheelhouse")
    assert (cut.returncode, last(cut)) == (
        1,
        f"FAILED: /opt/wheelhouse does not match its SHA256SUMS: {wheel.name}: FAILED",
    )

    # Whoever replaces the wheel and the list, but not the hash in the requirements, is stopped by pip.
    write_sums(broken)
    bare.copy(broken, "/opt/wheelhouse")
    replaced = bootstrap(bare, script, "/opt/wheelhouse")
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
    bare.copy(broken, "/opt/wheelhouse")
    spoilt = bootstrap(bare, script, "/opt/wheelhouse")
    assert (spoilt.returncode, last(spoilt).split(" but ")[0]) == (1, f"FAILED: s3cse is installed in {PYTHON}")
    assert "the compiled extension does not load" in spoilt.stdout
    assert not bare.path("/var/lib/s3cse").exists(), "what does not work is not remembered as installed"


def spoil(wheel: Path, whole: bytes) -> None:
    """Write the wheel with an extension of zeros; its RECORD, which pip does not compare, stays."""
    wheel.write_bytes(whole)
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, bytes(64) if name.endswith(".so") else content)


def test_a_user_without_sudo(bare: CleanRoot, wheelhouse: Path) -> None:
    """That is said, and nothing is left."""
    bare.copy(wheelhouse, "/opt/wheelhouse")
    done = bare.run("/bin/bash", "/opt/wheelhouse/bootstrap.sh", "/opt/wheelhouse", user="nobody")
    assert (done.returncode, last(done)) == (1, "FAILED: user nobody may not use sudo without a password")
    assert not bare.path("/var/log/s3cse").exists()


def test_an_older_python(bare: CleanRoot, wheelhouse: Path) -> None:
    """A wheelhouse for 3.11 is not installed into another Python, whatever its path is called."""
    bare.copy(wheelhouse, "/opt/wheelhouse")
    other = bare.path("/opt/wheelhouse/requirements.txt")
    other.write_text(other.read_text().replace("# python 3.11", "# python 3.13"))
    write_sums(bare.path("/opt/wheelhouse"))
    done = bootstrap(bare, wheelhouse / "bootstrap.sh", "/opt/wheelhouse")
    assert done.returncode == 1
    assert last(done).startswith("FAILED: the wheelhouse is for Python 3.13, but /usr/bin/python3.11 is 3.11"), (
        done.stdout
    )
