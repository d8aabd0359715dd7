"""What is skipped without being on the list fails the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from skips import Allowed, read_list

TESTS = Path(__file__).resolve().parents[1]
CONFTEST = """
import sys
sys.path.insert(0, {tests!r})
from skips import Allowed, SkipGuard

def pytest_configure(config):
    config.pluginmanager.register(SkipGuard([Allowed("test_*.py::test_known*", "no Maven: *", "why")]))
"""


def run(folder: Path, body: str, *more: str) -> tuple[int, str]:
    """Run pytest with the guard on one test file; return its exit code and output."""
    (folder / "conftest.py").write_text(CONFTEST.format(tests=str(TESTS)))
    (folder / "test_it.py").write_text(f"import pytest\n{body}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    command += more
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ("def test_known(): pytest.skip('no Maven: offline')", True),
        ("def test_known(): pytest.skip('no time')", False),
        ("def test_other(): pytest.skip('no Maven: offline')", False),
        ("@pytest.mark.skip(reason='no Maven: x')\ndef test_known_too(): pass", True),
        ("@pytest.mark.skipif(True, reason='never')\ndef test_known(): pass", False),
        ("@pytest.fixture\ndef s():\n    pytest.skip('later')\ndef test_known(s): pass", False),
        ("pytest.importorskip('no_such_module')\ndef test_known(): pass", False),
        ("@pytest.mark.xfail\ndef test_known(): assert False", True),
        ("def test_known(): pass", True),
    ],
)
def test_only_listed_skips_pass(tmp_path: Path, body: str, passes: bool) -> None:
    """Test and reason both have to be on the list, however a test comes to be skipped; others are named."""
    code, out = run(tmp_path, f"{body}\ndef test_passes(): pass")
    assert (code == 0) == passes, out
    assert ("skipped, and not in skips.toml" in out) != passes
    assert passes or "test_it.py" in out.partition("skipped, and not in")[2]


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ("@pytest.mark.xdist_group('g')\ndef test_known(): pytest.skip('no Maven: offline')", True),
        ("@pytest.mark.xdist_group('g')\ndef test_other(): pytest.skip('no Maven: offline')", False),
        ("pytest.importorskip('no_such_module')\ndef test_known(): pass", False),
    ],
)
def test_skips_of_several_processes(tmp_path: Path, body: str, passes: bool) -> None:
    """A run in several processes is as strict; their groups behind tests' names hide nothing."""
    code, out = run(tmp_path, f"{body}\ndef test_passes(): pass", "-n", "2", "--dist", "loadgroup")
    assert (code == 0) == passes, out
    assert ("skipped, and not in skips.toml" in out) != passes


def test_list_names_what_is_there() -> None:
    """Every entry is about test files that exist, and says why."""
    allowed = read_list()
    for entry in allowed:
        assert list(TESTS.parent.glob(entry.tests.partition("::")[0])), entry.tests
        assert entry.why
    assert not any(entry.covers("tests/unit/test_x.py::test_y", "any reason") for entry in allowed)


def test_globs_cover_whole_names() -> None:
    """A reason that only begins alike is another reason."""
    entry = Allowed("tests/a.py::test_b", "no Maven", "why")
    assert entry.covers("tests/a.py::test_b", "no Maven")
    assert not entry.covers("tests/a.py::test_bc", "no Maven")
    assert not entry.covers("tests/a.py::test_b", "no Maven here")
