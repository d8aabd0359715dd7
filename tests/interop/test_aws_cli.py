"""The AWS CLI sends customer keys (SSE-C) too: it reads what was written here, and the reverse."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

import s3cse
import s3cse.local
from s3cse.keyrings import CustomerKeys, DerivedCustomerKeys, OneCustomerKey
from s3cse.keys.customer_rekey import rekey
from s3cse.storage.port import Location

ROOT = Path(__file__).resolve().parents[2]
AWS = ROOT / ".venv-deploy" / "bin" / "aws"
#: Several parts for either of the two.
CASES = [
    (OneCustomerKey(os.urandom(32)), 0),
    (OneCustomerKey(os.urandom(32)), (17 << 20) + 1),
    (DerivedCustomerKeys(os.urandom(32)), 100_000),
]
pytestmark = pytest.mark.heavy


class AwsCli:
    """``aws s3 cp`` with one key."""

    def __init__(self, servers: s3cse.local.Servers, folder: Path) -> None:
        self._environment = {**os.environ, **servers.environment(), "AWS_CONFIG_FILE": os.devnull}
        self._folder = folder

    def copy(self, source: str, target: str, key: bytes) -> None:
        """Copy from S3 or to S3."""
        file = self._folder / "key"
        file.write_bytes(key)
        command = [str(AWS), "s3", "cp", "--only-show-errors", "--sse-c", "AES256", "--sse-c-key", f"fileb://{file}"]
        subprocess.run([*command, source, target], env=self._environment, check=True)


@pytest.fixture
def cli(servers: s3cse.local.Servers, tmp_path: Path) -> AwsCli:
    """The AWS CLI against the local S3."""
    return AwsCli(servers, tmp_path)


def key_of(keys: CustomerKeys, place: Location) -> bytes:
    """Return the bytes of an object's key."""
    secret = keys.customer_key(place)
    return bytes(secret.view())


@pytest.mark.parametrize(("keys", "length"), CASES, ids=repr)
def test_both_ways(s3: Any, shared_bucket: str, cli: AwsCli, tmp_path: Path, keys: CustomerKeys, length: int) -> None:
    """Objects of one part and of several: byte for byte in both directions, and after a change of keys."""
    body = os.urandom(length)
    client = s3cse.Client(s3, keys, profile="sse-c")
    ours, theirs = (Location(shared_bucket, f"{uuid.uuid4().hex}/{name}") for name in ("ours", "theirs"))
    plain, copy = tmp_path / "plain", tmp_path / "copy"
    plain.write_bytes(body)
    client.upload_file(str(plain), ours.bucket, ours.key)
    cli.copy(ours.uri, str(copy), key_of(keys, ours))
    assert copy.read_bytes() == body
    cli.copy(str(plain), theirs.uri, key_of(keys, theirs))
    assert client.get_object(Bucket=theirs.bucket, Key=theirs.key)["Body"].read() == body
    if length:
        part = client.get_object(Bucket=theirs.bucket, Key=theirs.key, Range=f"bytes={length // 2}-")
        assert part["Body"].read() == body[length // 2 :]
    new = DerivedCustomerKeys(os.urandom(32))
    assert [row.outcome for row in rekey(s3, theirs, keys, new)] == ["re-keyed"]
    cli.copy(theirs.uri, str(copy), key_of(new, theirs))
    assert copy.read_bytes() == body
