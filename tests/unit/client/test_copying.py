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
from s3cse.objects.settlement import UnsettledError
from s3cse.storage.port import Location

from .conftest import Log, Make
from .failing_requests import failed, lose, refuse, unanswered

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

    refuse(monkeypatch, logged_s3, "upload_part_copy", failed("AccessDenied", 403))
    with pytest.raises(TransferError):
        client.copy_object(**{**at, "Key": at["Key"] + "-copy"}, CopySource=at)
    assert s3.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", []) == []


@pytest.fixture
def filed(make: Make) -> s3cse.Client:
    """A client that writes instruction files."""
    return make(storage="instruction-file", plaintext="pass")


@pytest.fixture
def over(filed: s3cse.Client, at: dict[str, str]) -> dict[str, str]:
    """A source with an instruction file at ``at``, and another such object, which is the target."""
    to = {**at, "Key": at["Key"] + "-copy"}
    filed.put_object(**at, Body=TEXT)
    filed.put_object(**to, Body=b"old")
    return to


def opened(client: s3cse.Client, at: dict[str, str]) -> bytes:
    """Return an object's plaintext."""
    return bytes(client.get_object(**at)["Body"].read())


def test_lost_answer_of_a_copy_is_settled(
    filed: s3cse.Client,
    at: dict[str, str],
    over: dict[str, str],
    in_parts: bool,
    logged_s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The copy is there, so the file that opens it stays, and the copy is no failure."""
    lose(monkeypatch, logged_s3, "complete_multipart_upload" if in_parts else "copy_object")
    answer = filed.copy_object(**over, CopySource=at)
    assert answer["CopyObjectResult"]["ETag"] == filed.head_object(**over)["ETag"]
    assert opened(filed, over) == TEXT


def test_copy_that_may_still_come_keeps_its_file(
    filed: s3cse.Client, at: dict[str, str], over: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy may take minutes: where nobody knows, the same copy again finishes it, however often."""
    with monkeypatch.context() as patch:
        refuse(patch, logged_s3, "copy_object", unanswered())
        for _ in range(2):
            with pytest.raises(UnsettledError, match="Do the same again"):
                filed.copy_object(**over, CopySource=at)
    filed.copy_object(**over, CopySource=at)
    assert opened(filed, over) == TEXT


@pytest.mark.parametrize("storage_class", ["NONSENSE", 5], ids=["refused", "not sent"])
def test_copy_that_s3_refuses_leaves_the_old_object(
    filed: s3cse.Client, at: dict[str, str], over: dict[str, str], storage_class: Any, logged_s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A clear no, of S3 or of botocore, puts the old file back."""
    if storage_class == "NONSENSE":  # SeaweedFS takes it
        refuse(monkeypatch, logged_s3, "copy_object", failed("InvalidStorageClass", 400))
    with pytest.raises(TransferError) as caught:
        filed.copy_object(**over, CopySource=at, StorageClass=storage_class)
    assert not isinstance(caught.value, UnsettledError)
    assert opened(filed, over) == b"old"


def test_copy_that_is_there_keeps_its_file_whatever_s3_says_then(
    filed: s3cse.Client,
    at: dict[str, str],
    over: dict[str, str],
    in_parts: bool,
    logged_s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The HEAD that the answer is made of may fail, after another one has shown that the copy is there."""
    etag = filed.head_object(**over)["ETag"]
    head, changed = logged_s3.head_object, []

    def only_once(**arguments: Any) -> Any:
        if changed and arguments["Key"] == over["Key"]:
            raise failed("SlowDown", 503)
        answer = head(**arguments)
        if arguments["Key"] == over["Key"] and answer["ETag"] != etag:
            changed.append(True)
        return answer

    with monkeypatch.context() as patch:
        lose(patch, logged_s3, "complete_multipart_upload" if in_parts else "copy_object")
        patch.setattr(logged_s3, "head_object", only_once)
        with pytest.raises(TransferError, match="describe"):
            filed.copy_object(**over, CopySource=at)
    assert opened(filed, over) == TEXT


@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("AccessDenied", 403)])
def test_earlier_copy_does_not_pass_for_one_that_is_refused(
    make: Make, at: dict[str, str], storage: str, code: str, status: int, in_parts: bool, logged_s3: Any, s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It has the same envelope, but S3 has said no; and it can be read as before."""
    client = make(storage=storage)
    to = {**at, "Key": at["Key"] + "-copy"}
    client.put_object(**at, Body=TEXT)
    client.copy_object(**to, CopySource=at)
    if storage == "instruction-file":  # another file that opens the same object, as after a change of its wrapping
        file = {**at, "Key": at["Key"] + ".instruction"}
        s3.put_object(**file, Body=s3.get_object(**file)["Body"].read() + b"\n")
    method = "complete_multipart_upload" if in_parts else "copy_object"
    refuse(monkeypatch, logged_s3, method, failed(code, status))
    with pytest.raises(ClientError) as caught:
        client.copy_object(**to, CopySource=at, MetadataDirective="REPLACE", Metadata={"k": "v"})
    assert caught.value.response["Error"]["Code"] == code
    assert "k" not in client.head_object(**to)["Metadata"]
    assert opened(client, to) == TEXT
    assert s3.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", []) == []


def test_every_copy_in_parts_has_a_mark_of_its_own(
    client: s3cse.Client, at: dict[str, str], s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user does not see it. Metadata so long that it does not fit is copied without."""
    monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
    to = {**at, "Key": at["Key"] + "-copy"}
    client.put_object(**at, Body=b"new", Metadata={"a": "b"})
    marks = set()
    for source in (at, at, to):
        client.copy_object(**to, CopySource=source)
        marks.add(s3.head_object(**to)["Metadata"]["s3cse-upload"])
        assert client.head_object(**to)["Metadata"] == {"a": "b"}
    assert len(marks) == 3
    room = 2048 - sum(len(k + v) for k, v in s3.head_object(**at)["Metadata"].items())
    long = {"k": "v" * (room - 1), "a": "b"}
    client.copy_object(**to, CopySource=at, MetadataDirective="REPLACE", Metadata=long)
    assert "s3cse-upload" not in s3.head_object(**to)["Metadata"]
    assert client.head_object(**to)["Metadata"] == long


def test_earlier_copy_without_room_for_a_mark_is_no_success(
    client: s3cse.Client, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells it from the one that is refused."""
    monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
    to = {**at, "Key": at["Key"] + "-copy"}
    client.put_object(**at, Body=b"new", Metadata={"k": "v" * 1000})
    monkeypatch.setattr(copying, "fits", lambda _: False)
    client.copy_object(**to, CopySource=at)
    refuse(monkeypatch, logged_s3, "complete_multipart_upload", failed("PreconditionFailed", 412))
    with pytest.raises(TransferError):
        client.copy_object(**to, CopySource=at)


def test_copy_in_parts_that_does_not_come_leaves_the_old_object(
    filed: s3cse.Client, at: dict[str, str], over: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its upload can be aborted, so that nothing comes any more."""
    monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
    refuse(monkeypatch, logged_s3, "complete_multipart_upload", unanswered())
    with pytest.raises(TransferError):
        filed.copy_object(**over, CopySource=at)
    assert opened(filed, over) == b"old"
    assert logged_s3.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", []) == []


@pytest.mark.parametrize("done", [True, False])
def test_copy_that_nothing_tells_from_others_is_not_settled(
    filed: s3cse.Client,
    at: dict[str, str],
    over: dict[str, str],
    done: bool,
    logged_s3: Any,
    s3: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An object of another client's, with everything in its file, has no mark: only the same copy again finishes it."""
    body = s3.get_object(**at)["Body"].read()
    s3.put_object(**at, Body=body)
    with monkeypatch.context() as patch:
        if done:
            lose(patch, logged_s3, "copy_object")
        else:
            refuse(patch, logged_s3, "copy_object", unanswered())
        with pytest.raises(UnsettledError):
            filed.copy_object(**over, CopySource=at)
    filed.copy_object(**over, CopySource=at)
    assert opened(filed, over) == TEXT


def test_plain_object_of_the_same_length_is_no_copy(
    filed: s3cse.Client, at: dict[str, str], logged_s3: Any, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells plain objects of one length apart, so a lost answer is an error."""
    monkeypatch.setattr(copying, "ONE_COPY_BYTES", 0)
    to = {**at, "Key": at["Key"] + "-copy"}
    s3.put_object(**at, Body=b"plain")
    s3.put_object(**to, Body=b"other")
    refuse(monkeypatch, logged_s3, "complete_multipart_upload", unanswered())
    with pytest.raises(TransferError, match="connection broke"):
        filed.copy_object(**to, CopySource=at)


@pytest.fixture
def versioned(bucket: str, s3: Any) -> dict[str, str]:
    """A place in a bucket with versions."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return {"Bucket": bucket, "Key": "object"}


def test_old_version_is_not_paired_with_todays_file(
    filed: s3cse.Client, versioned: dict[str, str], log: Log, s3: Any
) -> None:
    """Refused before anything is written, with the way out; the current version by its id is copied."""
    to = {**versioned, "Key": "copy"}
    old = filed.put_object(**versioned, Body=b"old")["VersionId"]
    new = filed.put_object(**versioned, Body=TEXT)["VersionId"]
    log.clear()
    place = f"s3://{versioned['Bucket']}/object"
    with pytest.raises(
        SettingsError, match=f"{place}: an old version.*VersionId {old}; expected .*{new}.*Leave Version"
    ):
        filed.copy_object(**to, CopySource={**versioned, "VersionId": old})
    assert {"PutObject", "CopyObject"}.isdisjoint(log.operations)
    filed.copy_object(**to, CopySource={**versioned, "VersionId": new})
    assert opened(filed, to) == TEXT
    s3.delete_object(**versioned)
    with pytest.raises(SettingsError, match="a delete marker"):
        filed.copy_object(**to, CopySource=f"{versioned['Bucket']}/object?versionId={new}")


def test_old_version_with_an_envelope_of_its_own_is_copied(
    client: s3cse.Client, versioned: dict[str, str], log: Log
) -> None:
    """It needs no file."""
    old = client.put_object(**versioned, Body=b"old")["VersionId"]
    client.put_object(**versioned, Body=b"new")
    to = {**versioned, "Key": "copy"}
    client.copy_object(**to, CopySource={**versioned, "VersionId": old})
    assert opened(client, to) == b"old"


def test_null_is_the_version_of_a_bucket_without_versions(filed: s3cse.Client, at: dict[str, str]) -> None:
    """S3 does not name it in its answers."""
    filed.put_object(**at, Body=TEXT)
    to = {**at, "Key": at["Key"] + "-copy"}
    filed.copy_object(**to, CopySource={**at, "VersionId": "null"})
    assert opened(filed, to) == TEXT
