"""boto3's parameters: known, refused, and sent where they belong."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

import s3cse
from s3cse.client.parameters import NOT_ON_WRITING, Parameters
from s3cse.errors import SettingsError

from .conftest import Log, Make


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return Parameters(boto3.client("s3", region_name="us-east-1"))


@pytest.mark.parametrize("client", [object(), None, boto3.client("kms", region_name="us-east-1")])
def test_only_s3_clients(client: Any) -> None:
    """Something else than a botocore S3 client is refused at once."""
    with pytest.raises(SettingsError, match="no S3 client"):
        Parameters(client)


def test_unknown_parameters_name_a_close_one(parameters: Parameters) -> None:
    """A misspelt parameter is an error that proposes the right one."""
    with pytest.raises(SettingsError, match=r"put_object has no parameter 'ContentTyp'; expected ContentType"):
        parameters.check("put_object", ["ContentTyp"], "put_object", NOT_ON_WRITING)
    with pytest.raises(ValueError, match="xyz"):
        parameters.check("put_object", ["xyz"], "put_object", NOT_ON_WRITING)


@pytest.mark.parametrize("name", NOT_ON_WRITING)
def test_parameters_that_make_no_sense_on_ciphertext(parameters: Parameters, name: str) -> None:
    """Digests of the plaintext and the like are refused by name, with advice."""
    with pytest.raises(SettingsError, match=name) as caught:
        parameters.check("put_object", [name], "put_object", NOT_ON_WRITING)
    assert caught.value.fix


def test_conditions_go_where_the_object_becomes_visible(parameters: Parameters) -> None:
    """A condition goes with PutObject and Complete, never with Create, parts or reads, nor to the instruction file."""
    own, shared = parameters.writing({"IfNoneMatch": "*", "SSECustomerKey": "k", "ChecksumAlgorithm": "SHA256"})
    assert {method for method, given in own.items() if given} == {"put_object", "complete_multipart_upload"}
    assert shared["head_object"] == shared["get_object"] == {"SSECustomerKey": "k"}
    assert shared["upload_part"] == {"SSECustomerKey": "k", "ChecksumAlgorithm": "SHA256"}
    assert not any("IfNoneMatch" in given for given in shared.values())


def test_version_is_the_objects_own(parameters: Parameters) -> None:
    """The version of an object is not asked of its instruction file; who pays is."""
    own, shared = parameters.reading({"VersionId": "v", "RequestPayer": "requester", "ResponseContentType": "x"})
    assert own["get_object"] == {"VersionId": "v", "ResponseContentType": "x"}
    assert shared["get_object"] == {"RequestPayer": "requester"}


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("put_object", {"Nonsense": 1}),
        ("put_object", {"ContentMD5": "x"}),
        ("put_object", {"ContentLength": -1}),
        ("put_object", {"ContentLength": 5, "Body": b"1234"}),
        ("put_object", {"Metadata": {"x-amz-iv": "mine"}}),
        ("put_object", {"Body": 5}),
        ("get_object", {"Nonsense": 1}),
        ("get_object", {"PartNumber": 1}),
        ("get_object", {"Range": "bytes=0-1,2-3"}),
        ("head_object", {"PartNumber": 1}),
        ("delete_object", {"Nonsense": 1}),
        ("copy_object", {"CopySource": "b/k", "Nonsense": 1}),
        ("copy_object", {"CopySource": "b/k", "MetadataDirective": "MOVE"}),
        ("copy_object", {"CopySource": "nothing"}),
        ("copy_object", {"CopySource": {"Bucket": "b"}}),
        ("create_multipart_upload", {}),
        ("create_multipart_upload", {"PlaintextLength": 5}),
        ("create_multipart_upload", {"PlaintextLength": 5, "PartSize": 17}),
        ("create_multipart_upload", {"PlaintextLength": -5, "PartSize": 16}),
        ("create_multipart_upload", {"PlaintextLength": 50, "PartSize": 16}),
        ("create_multipart_upload", {"PlaintextLength": 50, "PartSize": 6 << 30}),
        ("create_multipart_upload", {"PlaintextLength": 60 << 30, "PartSize": 5 << 20}),
        ("create_multipart_upload", {"PlaintextLength": 70 << 30, "PartSize": 64 << 20}),
        ("upload_part", {"UploadId": "x", "PartNumber": 1}),
        ("complete_multipart_upload", {"UploadId": "x"}),
        ("abort_multipart_upload", {"UploadId": "x", "Nonsense": 1}),
        ("delete_objects", {"Delete": {"Objects": "k"}}),
        ("list_objects_v2", {"Nonsense": 1}),
    ],
)  # fmt: skip
def test_mistakes_cost_no_request(client: s3cse.Client, log: Log, method: str, arguments: dict[str, Any]) -> None:
    """A wrong call is a SettingsError, which is a ValueError, before S3 is asked anything."""
    place = {"Bucket": "b"} if method in ("delete_objects", "list_objects_v2") else {"Bucket": "b", "Key": "k"}
    with pytest.raises(SettingsError):
        getattr(client, method)(**place, **arguments)
    assert log == []


def test_parameters_pass_through(make: Make, at: dict[str, str], log: Log) -> None:
    """What S3 should be told goes with PutObject as it is; the instruction file gets what is true of it too."""
    given = {"ContentType": "text/x", "CacheControl": "no-cache", "Tagging": "a=b", "StorageClass": "STANDARD",
             "ChecksumAlgorithm": "SHA256", "ContentDisposition": "inline"}  # fmt: skip
    make(storage="instruction-file").put_object(**at, Body=b"text", **given)
    file, item = log.of("PutObject")
    assert file["Key"] == at["Key"] + ".instruction"
    assert given.items() <= item.items()
    assert {name for name in given if name in file} == {"Tagging", "ChecksumAlgorithm"}


def test_parameters_of_long_objects(client: s3cse.Client, at: dict[str, str], log: Log) -> None:
    """In parts, each parameter goes with the requests that take it."""
    given = {"ContentType": "text/x", "Tagging": "a=b", "ChecksumAlgorithm": "SHA256", "IfNoneMatch": "*"}
    answer = client.put_object(**at, Body=bytes(9 << 20), **given)
    (create,) = log.of("CreateMultipartUpload")
    assert {name: create[name] for name in ("ContentType", "Tagging", "ChecksumAlgorithm")} == {
        name: given[name] for name in ("ContentType", "Tagging", "ChecksumAlgorithm")
    }
    assert {part["ChecksumAlgorithm"] for part in log.of("UploadPart")} == {"SHA256"}
    (complete,) = log.of("CompleteMultipartUpload")
    assert complete["IfNoneMatch"] == "*"
    assert all("ChecksumSHA256" in row for row in complete["MultipartUpload"]["Parts"])
    assert "Location" not in answer
    assert client.head_object(**at)["ContentType"] == "text/x"
