"""A lake for the tests of inventories."""

from __future__ import annotations

from typing import Any

import pytest

from keys.lake import Lake


@pytest.fixture
def lake(s3: Any, kms: Any, kms_key: str, shared_bucket: str) -> Lake:
    """A prefix of the test's own on the real S3 server, under a key of moto's KMS."""
    return Lake(s3, kms, kms_key, shared_bucket)
