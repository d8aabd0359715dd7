"""Clients of single objects made from options: messages and SSE-C."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from s3cse.errors import SettingsError
from s3cse.keyrings import AesKeyring
from s3cse.keyrings.customer_keys import DerivedCustomerKeys
from s3cse.message import decrypt
from s3cse.message.header import read_header
from s3cse.message.input import BufferInput
from s3cse.options.objects import open_client, parse_object_options
from s3cse.storage.customer_key_store import as_target
from s3cse.storage.port import Location

KEY = os.urandom(32)


@pytest.fixture
def at(shared_bucket: str) -> dict[str, str]:
    """A place for an object of the test's own."""
    return {"Bucket": shared_bucket, "Key": uuid.uuid4().hex}


@pytest.fixture
def key_file(tmp_path: Path) -> dict[str, str]:
    """The options of a raw key."""
    (tmp_path / "key").write_bytes(KEY)
    return {"keyring": "aes", "keyFile": str(tmp_path / "key")}


def client(s3: Any, **options: str) -> Any:
    """Return the client that options make, on the S3 server."""
    return open_client(parse_object_options(options, "s3://bucket/", {}), s3=s3)


def test_sse_c(s3: Any, at: dict[str, str], key_file: dict[str, str]) -> None:
    """The raw key is S3's, or the root of what S3 gets."""
    client(s3, **key_file, profile="sse-c", customerKeys="derived").put_object(**at, Body=b"hello")
    key = DerivedCustomerKeys(KEY).customer_key(Location(at["Bucket"], at["Key"]))
    assert s3.get_object(**at, **as_target(key))["Body"].read() == b"hello"


def test_messages(s3: Any, kms: Any, kms_key: str, at: dict[str, str], key_file: dict[str, str]) -> None:
    """Names, context and frame length reach the message."""
    said = {"keyNamespace": "flights", "keyName": "2026", "context": '{"a": "b"}', "frameBytes": "4k"}
    made = client(s3, **key_file, **said, profile="encryption-sdk")
    made.put_object(**at, Body=b"hello" * 1000)
    assert made.get_object(**at, Range="bytes=4998-")["Body"].read() == b"lo"
    header = read_header(BufferInput(s3.get_object(**at)["Body"].read()), 1).header
    assert (header.frame_length, header.context) == (4096, {"a": "b"})
    assert header.encrypted_data_keys[0].provider_id == "flights"
    with pytest.raises(SettingsError, match="both of its names"):
        client(s3, **key_file, profile="encryption-sdk")


def test_sse_c_is_checked_where_no_key_is_needed(key_file: dict[str, str]) -> None:
    """S3 wants the key even for copies: what cannot be one is refused there, too."""
    with pytest.raises(SettingsError, match="expected keyring=aes"):
        parse_object_options({"profile": "sse-c"}, "s3://bucket/", {}, key=False)
    assert parse_object_options({}, "s3://bucket/", {}, key=False).profile == "emrfs-v2"


def test_a_message_of_other_clients(s3: Any, at: dict[str, str], key_file: dict[str, str]) -> None:
    """What the client wrote is a whole message to s3cse.message."""
    client(s3, **key_file, keyNamespace="n", keyName="k", profile="encryption-sdk").put_object(**at, Body=b"hello")
    keyring = AesKeyring(KEY, provider_id="n", key_id="k")
    assert bytes(decrypt(s3.get_object(**at)["Body"].read(), keyring).plaintext) == b"hello"
