"""The package's names, which are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from s3cse import keyrings


def test_every_name_is_there() -> None:
    """What the package promises can be had, and is listed; what it does not is an AttributeError."""
    assert all(getattr(keyrings, name).__name__ == name for name in keyrings.__all__)
    assert set(keyrings.__all__) <= set(dir(keyrings))
    assert set(keyrings.__all__) == set(keyrings._MODULES)
    with pytest.raises(AttributeError, match="NoKeyring"):
        keyrings.NoKeyring  # noqa: B018


@pytest.mark.parametrize(
    ("name", "without"), [("AesKeyring", "botocore"), ("AesKeyring", "pkcs11"), ("KmsKeyring", "boto3")]
)
def test_a_name_brings_what_it_needs_and_no_more(name: str, without: str) -> None:
    """A raw key needs no client of AWS's, and KMS only botocore."""
    program = f"import sys; from s3cse.keyrings import {name}; sys.exit({without!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
