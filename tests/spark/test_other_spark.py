"""The same round trips on another Spark series, in an environment of its own (made by the Makefile)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-pyspark41" / "bin" / "python"


@pytest.mark.heavy
def test_round_trips_on_spark_4_1() -> None:
    """Spark 4.1, whose check of batches is lax and whose Arrow differs in empty columns, gives the same rows."""
    assert PYTHON.exists(), "run `make .venv-pyspark41/.installed` (make test-heavy does)"
    command = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/spark/test_round_trip.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
