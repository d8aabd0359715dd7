"""Both servers together, as users and tests start them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

import s3cse.local
from s3cse.errors import SettingsError

ROUND_TRIP = """
import boto3, sys
bucket, key = sys.argv[1:]
s3, kms = boto3.client("s3"), boto3.client("kms")
s3.put_object(Bucket=bucket, Key="object", Body=b"text")
assert s3.get_object(Bucket=bucket, Key="object")["Body"].read() == b"text"
data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "b"})
opened = kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext={"a": "b"})
assert opened["Plaintext"] == data_key["Plaintext"]
"""


def listeners() -> list[Any]:
    """Return the listening addresses of the servers below this process; a Spark that other tests started is none."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Spark's Python workers come and go
            if process.name() == "weed" or "s3cse.local.kms_server" in process.cmdline():
                found += [each.laddr for each in process.net_connections() if each.status == "LISTEN"]
    return found


def test_environment_is_enough_for_another_process(servers: s3cse.local.Servers, bucket: str, kms_key: str) -> None:
    """A fresh process with only these variables stores, reads, generates and decrypts with plain boto3 clients."""
    environment = {"PATH": os.environ["PATH"], **servers.environment()}
    subprocess.run([sys.executable, "-c", ROUND_TRIP, bucket, kms_key], env=environment, check=True)


def test_everything_listens_on_loopback_below_the_ephemeral_range(servers: s3cse.local.Servers) -> None:
    """Nine ports are open (eight of SeaweedFS, one of moto), none of them to other machines."""
    found = listeners()
    assert len(found) >= 9
    assert {address.ip for address in found} == {"127.0.0.1"}
    assert max(address.port for address in found) < 32_768


def test_a_wrong_secret_is_refused(servers: s3cse.local.Servers) -> None:
    """The S3 server verifies signatures."""
    other = s3cse.local.clients.Credentials(servers.access_key, "wrong")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3cse.local.clients.s3_client(servers.s3_url, other).list_buckets()


def test_a_bucket_is_not_made_by_writing(s3: Any) -> None:
    """A write to a bucket that does not exist is an error, as in AWS."""
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="nobody-made-this", Key="object", Body=b"")


@pytest.mark.parametrize("alias", ["one", "alias/two"])
def test_create_key_takes_an_alias(servers: s3cse.local.Servers, kms: Any, alias: str) -> None:
    """The alias, given with or without its prefix, means the key."""
    arn = servers.create_key(alias)
    name = f"alias/{alias.removeprefix('alias/')}"
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == arn


def test_kms_alone(tmp_path: Path) -> None:
    """Without S3 its variables and address are missing, and stopping removes the folder."""
    with s3cse.local.start(s3=False, directory=tmp_path) as servers:
        assert servers.running()
        assert servers.create_key().startswith("arn:aws:kms:us-east-1:")
        assert "AWS_ENDPOINT_URL_S3" not in servers.environment()
        with pytest.raises(SettingsError, match="s3=True"):
            _ = servers.s3_url
    assert not servers.running()
    assert list(tmp_path.iterdir()) == []


def test_start_needs_something_to_start() -> None:
    """Asking for no server at all is a mistake."""
    with pytest.raises(SettingsError):
        s3cse.local.start(s3=False, kms=False)


def test_two_starts_do_not_meet(servers: s3cse.local.Servers, tmp_path: Path) -> None:
    """A second set of servers has ports and data of its own."""
    with s3cse.local.start(directory=tmp_path) as second:
        assert {second.s3_url, second.kms_url}.isdisjoint({servers.s3_url, servers.kms_url})
        assert second.s3_client().list_buckets()["Buckets"] == []
