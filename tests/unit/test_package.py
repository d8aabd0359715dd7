"""What ``import s3cse`` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import s3cse

HEAVY = ("boto3", "botocore", "pyarrow", "pyspark", "cryptography")


def test_public_names_exist_and_are_sorted() -> None:
    """Every name in __all__ is there, once and in order."""
    assert sorted(set(s3cse.__all__)) == list(s3cse.__all__)
    assert all(hasattr(s3cse, name) for name in s3cse.__all__)


def test_package_declares_its_types() -> None:
    """Type checkers of users believe the annotations."""
    assert (Path(s3cse.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("module", HEAVY)
def test_import_pulls_in_nothing_heavy(module: str) -> None:
    """Spark imports the package in every Python worker: it must not load what a worker may not need."""
    code = f"import sys, s3cse; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "module", ["s3cse.objects.reader", "s3cse.objects.upload", "s3cse.storage.s3", "s3cse.keyrings"]
)
def test_import_starts_no_thread(module: str) -> None:
    """Nothing starts at import: Spark forks its workers afterwards."""
    code = f"import sys, threading, {module}; sys.exit(threading.active_count() - 1)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("module", "needs", "extra"), [("s3cse.filesystem", "fsspec", "filesystem"), ("s3cse.spark", "pyspark", "spark")]
)
def test_without_its_extra_a_room_says_what_to_install(module: str, needs: str, extra: str) -> None:
    """Who imports it in a notebook is told the command."""
    block = "sys.meta_path.insert(0, type('No', (), {'find_spec': staticmethod(no)}))"
    no = f"def no(name, *_):\n    if name == {needs!r}: raise ModuleNotFoundError(name, name=name)\n"
    code = f"import sys\n{no}{block}\nimport {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(f" needs {needs}: pip install 's3cse[{extra}]'\n")
