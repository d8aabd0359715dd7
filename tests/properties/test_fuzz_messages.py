"""A bounded fuzz run on everything that reads messages; fuzz_messages.py says what must hold for each input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).with_name("fuzz_messages.py")
#: A longer run: S3CSE_FUZZ_SECONDS=3600.
SECONDS = int(os.environ.get("S3CSE_FUZZ_SECONDS", "60"))


def fuzz(folder: Path, seconds: int, *options: str) -> int:
    """Run the fuzzer and return how many inputs it has read; fails with the end of what it said."""
    command = [sys.executable, *options, str(FUZZER), str(folder), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 300, check=False)
    said = done.stdout + done.stderr
    left = {path.name: path.read_bytes().hex() for path in folder.iterdir() if path.is_file()}
    assert done.returncode == 0, f"{said[-3000:]}\n{left}"
    return sum(int(count) for count in re.findall(r"^Done (\d+) (?:runs|in)", said, re.MULTILINE))


@pytest.mark.heavy
def test_every_input_ends_in_the_plaintext_or_in_our_error(tmp_path: Path) -> None:
    """Guided by coverage where atheris is installed."""
    assert fuzz(tmp_path, SECONDS) > 20 * SECONDS


def test_mutations_without_a_guide(tmp_path: Path) -> None:
    """A few seconds of them in every run."""
    blocked = "import sys; sys.modules['atheris'] = None; sys.argv = sys.argv[1:]; import runpy; "
    run = "runpy.run_path(sys.argv[0], run_name='__main__')"
    assert fuzz(tmp_path, 3, "-c", blocked + run) > 60
