"""The same tests on other Spark series, in environments of their own (made by the Makefile)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROUND_TRIPS = ("test_round_trip.py", "test_differential.py")
#: What the driver does on Spark 3.5 is another module's work, so that all of its results are looked at; the tests of
#: the format itself have the marker data_source and are skipped there.
EVERYTHING = (
    "test_round_trip.py",
    "test_differential.py",
    "test_arrow_map.py",
    "test_publishing.py",
    "test_bad_input.py",
    "test_packaging.py",
    "test_redshift.py",
)


def run(version: str, files: tuple[str, ...]) -> None:
    """Run test files in the environment of another Spark."""
    python = ROOT / f".venv-pyspark{version}" / "bin" / "python"
    assert python.exists(), f"run `make .venv-pyspark{version}/.installed` (make test-heavy does)"
    # Warnings are for the main environment: Spark 3.5 itself uses what Python is about to drop.
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore"]
    command += [f"tests/spark/{name}" for name in files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.heavy
@pytest.mark.xdist_group("spark-41")
def test_round_trips_on_spark_4_1() -> None:
    """Spark 4.1, whose check of batches is lax and whose Arrow differs in empty columns, gives the same rows."""
    # With Spark Connect, whose packages are in that environment only.
    run("41", (*ROUND_TRIPS, "test_arrow_map.py", "test_connect.py", "test_redshift.py"))


@pytest.mark.heavy
@pytest.mark.xdist_group("spark-40")
def test_round_trips_on_spark_4_0() -> None:
    """Spark 4.0, the first with Python data sources, gives the same rows."""
    run("40", ROUND_TRIPS)


@pytest.mark.heavy
@pytest.mark.xdist_group("spark-35")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Spark 3.5 is for Python up to 3.11")
def test_everything_on_spark_3_5() -> None:
    """Spark 3.5, which has no data sources, gives the same rows, the same errors, and leaves as little behind."""
    run("35", EVERYTHING)
