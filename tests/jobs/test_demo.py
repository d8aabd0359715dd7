"""The README's first command, as far as it does not install things."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "jobs" / "demo.py"


@pytest.mark.heavy
def test_demo_tells_the_whole_story() -> None:
    """The demo encrypts, queries, verifies and shows all flights, and ends with a table of what was done."""
    done = subprocess.run([sys.executable, DEMO], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "12 verified, 0 unauthenticated, 0 failed; 336,776 rows (as expected: 336,776)" in done.stdout
    assert "327,346 arrivals of 16 carriers" in done.stdout
    assert "x-amz-meta-x-amz-wrap-alg: kms+context" in done.stdout
    assert "What was done" in done.stdout
