"""The package's names, which are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("name", "without"), [("AesKeyring", "botocore"), ("AesKeyring", "pkcs11"), ("KmsKeyring", "boto3")]
)
def test_a_name_brings_what_it_needs_and_no_more(name: str, without: str) -> None:
    """A raw key needs no client of AWS's, and KMS only botocore."""
    program = f"import sys; from s3cse.keyrings import {name}; sys.exit({without!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
