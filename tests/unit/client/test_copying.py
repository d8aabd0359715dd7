"""copy_object: the envelope goes along."""

from __future__ import annotations

import os
from typing import Any

import pytest
from botocore.exceptions import ClientError
from objects.fakes import FakeKms

import s3cse
from s3cse.client import copying
from s3cse.client.copying import Source
from s3cse.errors import PolicyError, SettingsError, TransferError
from s3cse.storage.port import Location

from .conftest import Log, Make

TEXT = os.urandom(1 << 20) * 11
FORMS: list[dict[str, Any]] = [
    {},
    {"profile": "s3ec-v4"},
    {"storage": "instruction-file"},
    {"profile": "emrfs", "legacy": "allow"},
    {"profile": "s3ec-v4", "storage": "instruction-file"},
]


@pytest.fixture(params=[False, True], ids=["one request", "parts"])
def in_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Copy as objects up to 5 GiB are copied, or as longer ones are."""
    if request.param:
        monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
        monkeypatch.setattr(copying, "COPY_PART_BYTES", 5 << 20)
    return bool(request.param)


@pytest.mark.parametrize(
    ("given", "location", "version"),
    [
        ({"Bucket": "b", "Key": "k/l"}, Location("b", "k/l"), None),
        ({"Bucket": "b", "Key": "k", "VersionId": "v"}, Location("b", "k"), "v"),
        ("b/k/l", Location("b", "k/l"), None), ("/b/k", Location("b", "k"), None),
        ("b/k?versionId=v", Location("b", "k"), "v"),
        ("arn:aws:s3:r:1:accesspoint/p/object/k/l", Location("arn:aws:s3:r:1:accesspoint/p", "k/l"), None),
    ],
)  # fmt: skip
def test_sources(given: Any, location: Location, version: str | None) -> None:
    """boto3's CopySource in all its forms."""
    assert Source.parse(given) == Source(location, version)


@pytest.mark.parametrize("given", [None, "b", "b/", {"Bucket": "b"}, {"Bucket": "b", "Key": "k", "Region": "r"}])
def test_sources_that_name_nothing(given: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(SettingsError, match="CopySource"):
        Source.parse(given)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("directive", ["COPY", "REPLACE"])
def test_copies_open(
    make: Make, at: dict[str, str], kms: FakeKms, log: Log, form: dict[str, Any], directive: str, in_parts: bool
) -> None:
    """A copy has the same plaintext and costs no key call; its user's metadata is kept or replaced, as asked."""
    client = make(**form)
    client.put_object(**at, Body=TEXT, Metadata={"a": "b"}, ContentType="text/x")
    to = {**at, "Key": at["Key"] + "-copy"}
    kms.operations.clear()
    replaced = {"Metadata": {"c": "d"}, "MetadataDirective": "REPLACE", "ContentType": "text/y"}
    answer = client.copy_object(**to, CopySource=at, **(replaced if directive == "REPLACE" else {}))
    assert kms.operations == []
    assert len(log.of("UploadPartCopy")) == (3 if in_parts else 0)
    assert {"ETag", "LastModified"} <= set(answer["CopyObjectResult"])
    copied = client.get_object(**to)
    assert copied["Body"].read() == TEXT
    expected = ({"c": "d"}, "text/y") if directive == "REPLACE" else ({"a": "b"}, "text/x")
    assert (copied["Metadata"], copied["ContentType"]) == expected
    assert client.get_object(**at)["Body"].read() == TEXT


def test_source_is_held_by_its_etag(client: s3cse.Client, at: dict[str, str], log: Log, in_parts: bool) -> None:
    """Every request names the ETag of what was looked at; another one that the caller wants is a 412."""
    etag = client.put_object(**at, Body=TEXT)["ETag"]
    to = {**at, "Key": at["Key"] + "-copy"}
    client.copy_object(**to, CopySource=f"{at['Bucket']}/{at['Key']}", CopySourceIfMatch=etag)
    asked = log.of("UploadPartCopy") if in_parts else log.of("CopyObject")
    assert {params["CopySourceIfMatch"] for params in asked} == {etag}
    with pytest.raises(ClientError) as caught:
        client.copy_object(**to, CopySource=at, CopySourceIfMatch='"other"')
    assert caught.value.response["Error"]["Code"] == "PreconditionFailed"


def test_plain_and_missing_sources(client: s3cse.Client, make: Make, at: dict[str, str], s3: Any) -> None:
    """A plain object is not copied by accident; one that is not there is a 404 that names it."""
    to = {**at, "Key": at["Key"] + "-copy"}
    with pytest.raises(TransferError, match=at["Key"]) as caught:
        client.copy_object(**to, CopySource=at)
    assert caught.value.status == 404
    s3.put_object(**at, Body=b"plain")
    with pytest.raises(PolicyError):
        client.copy_object(**to, CopySource=at)
    make(plaintext="pass").copy_object(**to, CopySource=at, MetadataDirective="REPLACE", Metadata={"x": "y"})
    assert s3.get_object(**to)["Body"].read() == b"plain"
    assert s3.head_object(**to)["Metadata"] == {"x": "y"}


def test_envelopes_names_are_not_the_users(client: s3cse.Client, at: dict[str, str]) -> None:
    """Metadata that would change the envelope is refused."""
    client.put_object(**at, Body=b"abc")
    with pytest.raises(SettingsError, match="names of the envelope"):
        client.copy_object(**at, CopySource=at, MetadataDirective="REPLACE", Metadata={"X-Amz-IV": "x"})


def test_tags_go_along_in_parts(
    client: s3cse.Client, at: dict[str, str], log: Log, monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    """Where S3 says that there are tags, a copy in parts is told them."""
    monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
    client.put_object(**at, Body=b"abc", Tagging="a=b%20c")
    to = {**at, "Key": at["Key"] + "-copy"}
    tagged = "TagCount" in client.head_object(**at)
    client.copy_object(**to, CopySource=at)
    assert (log.of("CreateMultipartUpload")[0].get("Tagging") == "a=b+c") is tagged
    client.copy_object(**to, CopySource=at, TaggingDirective="REPLACE", Tagging="x=y")
    assert log.of("CreateMultipartUpload")[1]["Tagging"] == "x=y"


def test_failed_copy_in_parts_leaves_nothing(
    client: s3cse.Client, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    """An error in the middle aborts the upload."""
    monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
    client.put_object(**at, Body=TEXT)

    def refuse(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "x")  # type: ignore[typeddict-item]

    monkeypatch.setattr(logged_s3, "upload_part_copy", refuse)
    with pytest.raises(TransferError):
        client.copy_object(**{**at, "Key": at["Key"] + "-copy"}, CopySource=at)
    assert s3.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", []) == []
