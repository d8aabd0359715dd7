"""Packages of Debian that tests need, installed where that is allowed: by one process at a time, as apt wants it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

_LOCK = Path(tempfile.gettempdir()) / f"s3cse-tests-{os.geteuid()}.apt"


def install(*packages: str) -> bool:
    """Install packages; whether that was allowed and went well."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _update()
        return _apt("install", "--yes", *packages)


@cache
def _update() -> bool:
    return _apt("update")


def _apt(*words: str) -> bool:
    return subprocess.run(["apt-get", *words], check=False, capture_output=True).returncode == 0
