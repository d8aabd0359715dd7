"""SSE-C and versions underneath: what S3 must be told goes with every request that needs it."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError
from objects.fakes import FakeKms

import s3cse
from s3cse.errors import SettingsError
from s3cse.keyrings import KmsKeyring

from .conftest import Log, Make

LONG = os.urandom(1 << 20) * 9


@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize("size", [100, len(LONG)])
def test_customer_keys(make: Make, at: dict[str, str], storage: str, size: int) -> None:
    """With a key of the customer's, an object is written, described, read, copied, and not without it."""
    client = make(storage=storage)
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    client.put_object(**at, Body=LONG[:size], **key)
    assert client.get_object(**at, **key)["Body"].read() == LONG[:size]
    assert client.head_object(**at, **key)["ContentLength"] == size
    with pytest.raises(ClientError):
        client.get_object(**at)
    to = {**at, "Key": at["Key"] + "-copy"}
    client.copy_object(**to, CopySource=at, **key, **{f"CopySource{name}": value for name, value in key.items()})
    assert client.get_object(**to, **key)["Body"].read() == LONG[:size]


def test_customer_keys_in_parts(client: s3cse.Client, at: dict[str, str], log: Log) -> None:
    """What is said at the start of an upload goes with its parts too."""
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    part = 5 << 20
    upload = client.create_multipart_upload(**at, PlaintextLength=len(LONG), PartSize=part, **key)["UploadId"]
    for number in (1, 2):
        body = LONG[(number - 1) * part : number * part]
        client.upload_part(**at, UploadId=upload, PartNumber=number, Body=body)
    client.complete_multipart_upload(**at, UploadId=upload)
    assert all("SSECustomerKey" in params for params in log.of("UploadPart"))
    assert client.get_object(**at, **key)["Body"].read() == LONG


KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
TO = {"Bucket": "b", "Key": "k"}
CALLS: dict[str, Callable[[s3cse.Client], object]] = {
    "put": lambda client: client.put_object(**TO, Body=b"x", **KEY),
    "put in parts": lambda client: client.put_object(**TO, Body=LONG, **KEY),
    "get": lambda client: client.get_object(**TO, **KEY),
    "head": lambda client: client.head_object(**TO, **KEY),
    "upload": lambda client: client.upload_fileobj(io.BytesIO(LONG), "b", "k", ExtraArgs=KEY),
    "download": lambda client: client.download_fileobj("b", "k", io.BytesIO(), ExtraArgs=KEY),
    "create": lambda client: client.create_multipart_upload(**TO, PlaintextLength=16, PartSize=16, **KEY),
    "copy from": lambda client: client.copy_object(
        **TO, CopySource="b/source", **{f"CopySource{name}": value for name, value in KEY.items()}
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize(
    "reaches", [{"endpoint_url": "http://s3.example.com"}, {"use_ssl": False}, {"verify": False}], ids=str
)
def test_customer_keys_go_where_nobody_listens(
    kms: FakeKms, call: str, storage: str, reaches: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raw keys as parameters of other profiles, too: in place of a request without TLS or its proof, an error."""
    sent: list[str] = []
    monkeypatch.setattr(Endpoint, "make_request", lambda _, model, *__: sent.append(model.name))
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b", **reaches)
    client = s3cse.Client(s3, KmsKeyring(kms, "key"), storage=storage)
    with pytest.raises(SettingsError, match=r"customer key \(SSE-C\) is sent over TLS only") as caught:
        CALLS[call](client)
    assert sent == []
    assert not any(str(key) in str(caught.value) for key in KEY.values() if key != "AES256")


@pytest.mark.parametrize("size", [100, len(LONG)])
def test_keys_of_s3(make: Make, s3: Any, at: dict[str, str], tmp_path: Path, size: int) -> None:
    """SSE-S3 underneath: the object and its instruction file are stored so, in one request and in parts."""
    client = make(storage="instruction-file")
    (tmp_path / "file").write_bytes(LONG[:size])
    client.upload_file(str(tmp_path / "file"), at["Bucket"], at["Key"], ExtraArgs={"ServerSideEncryption": "AES256"})
    assert client.head_object(**at)["ServerSideEncryption"] == "AES256"
    assert s3.head_object(**{**at, "Key": at["Key"] + ".instruction"})["ServerSideEncryption"] == "AES256"
    assert client.get_object(**at)["Body"].read() == LONG[:size]


def test_kms_key_of_s3(client: s3cse.Client, at: dict[str, str], log: Log) -> None:
    """SSE-KMS underneath: S3 is told the words and its key, which is not that of the data."""
    said = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/of-s3", "BucketKeyEnabled": True}
    client.put_object(**at, Body=b"x", **said)
    (put,) = log.of("PutObject")
    assert {name: put[name] for name in said} == said
    assert client.head_object(**at)["ServerSideEncryption"] == "aws:kms"
    assert client.get_object(**at)["Body"].read() == b"x"


@pytest.fixture
def versioned(s3: Any) -> Iterator[dict[str, str]]:
    """A place in a bucket with versions."""
    bucket = f"versions-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    yield {"Bucket": bucket, "Key": "object"}
    for kind in ("Versions", "DeleteMarkers"):
        for row in s3.list_object_versions(Bucket=bucket).get(kind, []):
            s3.delete_object(Bucket=bucket, Key=row["Key"], VersionId=row["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def test_versions(client: s3cse.Client, versioned: dict[str, str]) -> None:
    """Old versions are read, described, copied and deleted by their id."""
    old = client.put_object(**versioned, Body=b"old")["VersionId"]
    new = client.put_object(**versioned, Body=LONG)["VersionId"]
    assert client.get_object(**versioned)["VersionId"] == new
    assert client.get_object(**versioned, VersionId=old)["Body"].read() == b"old"
    assert client.get_object(**versioned, VersionId=new, Range="bytes=9-20")["Body"].read() == LONG[9:21]
    assert client.head_object(**versioned, VersionId=old)["ContentLength"] == 3
    to = {**versioned, "Key": "copy"}
    client.copy_object(**to, CopySource={**versioned, "VersionId": old})
    assert client.get_object(**to)["Body"].read() == b"old"
    client.delete_object(**versioned, VersionId=new)
    assert client.get_object(**versioned)["Body"].read() == b"old"


def test_version_is_not_asked_of_the_instruction_file(make: Make, versioned: dict[str, str]) -> None:
    """The instruction file beside an object has versions of its own."""
    client = make(storage="instruction-file")
    version = client.put_object(**versioned, Body=LONG)["VersionId"]
    assert client.get_object(**versioned, VersionId=version)["Body"].read() == LONG
