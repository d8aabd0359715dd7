"""What only the oracle promises: it stands alone."""

from __future__ import annotations

import subprocess
import sys

from s3cse.crypto import oracle


def test_it_has_a_name() -> None:
    """Messages and benchmarks say which backend ran."""
    assert oracle.NAME == "oracle"


def test_it_loads_nothing_of_the_extension() -> None:
    """The judge does not share code with what it judges."""
    code = "import sys, s3cse.crypto.oracle; sys.exit(any('native' in name for name in sys.modules if 's3cse' in name))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
