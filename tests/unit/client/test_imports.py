"""What importing the client brings along: a command starts as fast as that."""

from __future__ import annotations

import subprocess
import sys


def test_what_reads_and_writes_files_needs_no_arrow() -> None:
    """Arrow and NumPy come with the first buffer that Arrow reads, and boto3's transfers are never asked."""
    program = (
        "import sys, s3cse.client; print(*sorted({'pyarrow', 'numpy', 's3transfer', 'pycparser'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
