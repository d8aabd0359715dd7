"""A client that lets S3 encrypt under customer keys (SSE-C), on a real S3 server, which enforces them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import s3cse
from s3cse.errors import KeyringError, PolicyError, SettingsError, TransferError
from s3cse.keyrings import CustomerKeysByPrefix, DerivedCustomerKeys, OneCustomerKey

from .conftest import Log, Make

MIB = 1 << 20
LONG = os.urandom(MIB) * 9
KEYS = OneCustomerKey(bytes(range(32)))


@pytest.fixture
def sse_c(logged_s3: Any) -> s3cse.Client:
    """A client with one key."""
    return s3cse.Client(logged_s3, KEYS, profile="sse-c")


@pytest.mark.parametrize("keys", [KEYS, DerivedCustomerKeys(b"r" * 32)], ids=["one", "derived"])
@pytest.mark.parametrize("size", [0, 5, len(LONG)])
def test_there_and_back(logged_s3: Any, at: dict[str, str], keys: Any, size: int, log: Log) -> None:
    """Put, get, describe, list, copy; no envelope, and not without the key."""
    client, text = s3cse.Client(logged_s3, keys, profile="sse-c"), LONG[:size]
    client.put_object(**at, Body=text, Metadata={"owner": "me"}, ContentType="text/plain")
    answer = client.get_object(**at)
    assert (answer["ContentLength"], answer["ContentType"], answer["Metadata"]) == (size, "text/plain", {"owner": "me"})
    assert answer["Body"].read() == text
    assert client.head_object(**at)["ContentLength"] == size
    (row,) = client.list_objects_v2(Bucket=at["Bucket"], Prefix=at["Key"], PlaintextSizes=True)["Contents"]
    assert row["Size"] == row["StoredSize"] == size
    to = {**at, "Key": at["Key"] + "-copy"}
    client.copy_object(**to, CopySource=at)
    assert client.get_object(**to)["Body"].read() == text
    with pytest.raises(ClientError):
        logged_s3.get_object(**at)
    assert not any(request.get("Key", "").endswith(".instruction") for _, request in log)


def test_ranges(sse_c: s3cse.Client, at: dict[str, str]) -> None:
    """Are S3's own: plaintext bytes are stored bytes."""
    sse_c.put_object(**at, Body=LONG)
    answer = sse_c.get_object(**at, Range="bytes=1000000-1000009")
    assert answer["Body"].read() == LONG[1_000_000:1_000_010]
    assert answer["ContentRange"] == f"bytes 1000000-1000009/{len(LONG)}"


def test_files(sse_c: s3cse.Client, at: dict[str, str], tmp_path: Path) -> None:
    """Go up in parts, and come down."""
    sse_c.upload_fileobj(io.BytesIO(LONG), *at.values())
    sse_c.download_file(*at.values(), str(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == LONG


@pytest.mark.parametrize("said", [{}, {"PlaintextLength": len(LONG), "PartSize": 5 * MIB}])
def test_uploads_in_parts(sse_c: s3cse.Client, at: dict[str, str], said: dict[str, int]) -> None:
    """As S3's own: nothing needs to be said, parts come in any order, and another one replaces one."""
    upload = sse_c.create_multipart_upload(**at, **said)["UploadId"]
    sse_c.upload_part(**at, UploadId=upload, PartNumber=2, Body=io.BytesIO(LONG[5 * MIB :]))
    sse_c.upload_part(**at, UploadId=upload, PartNumber=1, Body=bytes(5 * MIB))
    sent = sse_c.upload_part(**at, UploadId=upload, PartNumber=1, Body=LONG[: 5 * MIB])
    assert sent["ETag"]
    sse_c.complete_multipart_upload(**at, UploadId=upload)
    assert sse_c.get_object(**at)["Body"].read() == LONG


def test_parts_that_are_missing(sse_c: s3cse.Client, at: dict[str, str]) -> None:
    """A gap is an error before S3 is asked; no part at all too."""
    upload = sse_c.create_multipart_upload(**at)["UploadId"]
    with pytest.raises(SettingsError, match="no part 1"):
        sse_c.complete_multipart_upload(**at, UploadId=upload)
    sse_c.upload_part(**at, UploadId=upload, PartNumber=2, Body=b"x")
    with pytest.raises(SettingsError, match="no part 1"):
        sse_c.complete_multipart_upload(**at, UploadId=upload)
    sse_c.abort_multipart_upload(**at, UploadId=upload)


def test_wrong_and_missing_keys(sse_c: s3cse.Client, client: s3cse.Client, at: dict[str, str], s3: Any) -> None:
    """Another key, no key, and an object that has none: one clear error each."""
    sse_c.put_object(**at, Body=b"text")
    other = s3cse.Client(s3, OneCustomerKey(b"x" * 32), profile="sse-c")
    for call in (other.get_object, other.head_object):
        with pytest.raises(KeyringError, match="refused access with this customer key"):
            call(**at)
    with pytest.raises(TransferError, match="profile sse-c and the key"):
        client.get_object(**at)
    by_prefix = s3cse.Client(s3, CustomerKeysByPrefix({"s3://elsewhere/": b"x" * 32}), profile="sse-c")
    for call in (by_prefix.get_object, by_prefix.put_object):
        with pytest.raises(KeyringError, match="no customer key is for this object"):
            call(**at)
    s3.put_object(**at, Body=b"plain")
    with pytest.raises(KeyringError, match="not under a customer key"):
        sse_c.get_object(**at)


def test_an_object_that_is_encrypted_twice(client: s3cse.Client, sse_c: s3cse.Client, at: dict[str, str]) -> None:
    """Is no plaintext to a client of this profile, and opens with both keys as before."""
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(range(32))}
    client.put_object(**at, Body=b"text", **key)
    with pytest.raises(PolicyError, match="encrypted before S3 encrypted it"):
        sse_c.get_object(**at)
    assert client.get_object(**at, **key)["Body"].read() == b"text"


def test_what_does_not_go_together(sse_c: s3cse.Client, make: Make, s3: Any, at: dict[str, str]) -> None:
    """Keys beside those of the client, keyrings for sse-c, customer keys for what has a keyring, instruction files."""
    for call in (sse_c.put_object, sse_c.get_object, sse_c.head_object, sse_c.create_multipart_upload):
        with pytest.raises(SettingsError, match=r"SSECustomerKey.*customer keys say it"):
            call(**at, SSECustomerKey=bytes(32))
    with pytest.raises(SettingsError, match="needs customer keys"):
        make(profile="sse-c")
    with pytest.raises(SettingsError, match="sent to S3"):
        s3cse.Client(s3, KEYS)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no instruction file"):
        s3cse.Client(s3, KEYS, profile="sse-c", storage="instruction-file").put_object(**at)


def test_deleting_takes_nothing_along(sse_c: s3cse.Client, at: dict[str, str], s3: Any) -> None:
    """There are no instruction files: an object that is named like one is somebody's."""
    file = {**at, "Key": at["Key"] + ".instruction"}
    for delete in (
        lambda: sse_c.delete_object(**at),
        lambda: sse_c.delete_objects(Bucket=at["Bucket"], Delete={"Objects": [{"Key": at["Key"]}]}),
    ):
        sse_c.put_object(**at, Body=b"text")
        s3.put_object(**file, Body=b"somebody's")
        delete()
        assert s3.get_object(**file)["Body"].read() == b"somebody's"


def test_no_key_in_sight(sse_c: s3cse.Client) -> None:
    """A client is not shown with its key."""
    assert "000102" not in repr(sse_c)
    assert "sse-c" in repr(sse_c)
