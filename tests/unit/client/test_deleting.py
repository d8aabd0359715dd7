"""Deleting objects with their instruction files."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from objects.fakes import FakeKms

import s3cse
from s3cse.errors import TransferError
from s3cse.storage.port import StoredObject
from s3cse.storage.s3 import S3Store

from .conftest import Log, Make
from .failing_requests import failed, refuse


def keys(s3: Any, at: dict[str, str]) -> list[str]:
    folder = at["Key"].rpartition("/")[0]
    found = s3.list_objects_v2(Bucket=at["Bucket"], Prefix=folder).get("Contents", [])
    return [row["Key"][len(folder) + 1 :] for row in found]


def test_object_and_file_go(make: Make, at: dict[str, str], s3: Any, log: Log, kms: FakeKms) -> None:
    """The object first, then its file; boto3's answer; what is not there is no error."""
    client = make(storage="instruction-file")
    client.put_object(**at, Body=b"abc")
    assert keys(s3, at) == ["object", "object.instruction"]
    answer = client.delete_object(**at)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert [params["Key"] for params in log.of("DeleteObject")] == [at["Key"], at["Key"] + ".instruction"]
    assert keys(s3, at) == []
    client.delete_object(**at)


def test_version_leaves_the_file(make: Make, at: dict[str, str], log: Log) -> None:
    """With a VersionId only that version is asked for; a file deleted by its own name has no file."""
    client = make()
    with suppress(TransferError):  # a server without versions may refuse it; what was asked is checked below
        client.delete_object(**at, VersionId="null")
    client.delete_object(Bucket=at["Bucket"], Key=at["Key"] + ".instruction")
    assert [params["Key"] for params in log.of("DeleteObject")] == [at["Key"], at["Key"] + ".instruction"]


def test_many(make: Make, at: dict[str, str], s3: Any, log: Log) -> None:
    """One request for the objects, as asked, and one for their files."""
    client = make(storage="instruction-file")
    places = [{**at, "Key": f"{at['Key']}{index}"} for index in range(3)]
    for place in places:
        client.put_object(**place, Body=b"abc")
    rows = [{"Key": place["Key"]} for place in places]
    answer = client.delete_objects(Bucket=at["Bucket"], Delete={"Objects": rows})
    assert [row["Key"] for row in answer["Deleted"]] == [row["Key"] for row in rows]
    assert "Errors" not in answer
    assert keys(s3, at) == []
    first, second = log.of("DeleteObjects")
    assert first["Delete"] == {"Objects": rows}
    assert [row["Key"] for row in second["Delete"]["Objects"]] == [row["Key"] + ".instruction" for row in rows]


def test_files_of_what_was_not_deleted_stay(
    make: Make, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions, errors and files themselves have no file that goes with them; errors of both requests are told."""
    asked: list[Any] = []
    monkeypatch.setattr(S3Store, "head", lambda _, place: StoredObject(place, 1, '"etag"', {}))

    def answer(**arguments: Any) -> Any:
        asked.append(arguments)
        return {"Errors": [{"Key": arguments["Delete"]["Objects"][0]["Key"], "Code": "AccessDenied"}]}

    monkeypatch.setattr(logged_s3, "delete_objects", answer)
    rows = [{"Key": "refused"}, {"Key": "a"}, {"Key": "b", "VersionId": "v"}, {"Key": "c.instruction"}, {"Key": "a"}]
    told = make().delete_objects(Bucket="bucket", Delete={"Objects": rows, "Quiet": True}, MFA="serial 1")
    assert asked[0] == {"Bucket": "bucket", "Delete": {"Objects": rows, "Quiet": True}, "MFA": "serial 1"}
    assert asked[1] == {
        "Bucket": "bucket",
        "Delete": {"Objects": [{"Key": "a.instruction", "ETag": '"etag"'}], "Quiet": True},
    }
    assert [row["Key"] for row in told["Errors"]] == ["refused", "a.instruction"]


def file_of(at: dict[str, str]) -> dict[str, str]:
    return {**at, "Key": at["Key"] + ".instruction"}


def delete(client: s3cse.Client, at: dict[str, str], many: bool) -> None:
    """Delete one object, alone or as one of several."""
    if many:
        answer = client.delete_objects(Bucket=at["Bucket"], Delete={"Objects": [{"Key": at["Key"]}]})
        assert "Errors" not in answer
    else:
        client.delete_object(**at)


@pytest.mark.parametrize("many", [False, True])
def test_file_of_a_new_object_stays(
    make: Make, at: dict[str, str], s3: Any, logged_s3: Any, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes the object again, its file first, while it is deleted: that file is not the one that goes."""
    client = make(storage="instruction-file")
    client.put_object(**at, Body=b"abc")
    method = "delete_objects" if many else "delete_object"
    request = getattr(logged_s3, method)

    def meanwhile(**arguments: Any) -> Any:
        answer = request(**arguments)
        if ".instruction" not in str(arguments):
            s3.put_object(**file_of(at), Body=b"theirs")
        return answer

    monkeypatch.setattr(logged_s3, method, meanwhile)
    delete(client, at, many)
    assert keys(s3, at) == ["object.instruction"]
    assert s3.get_object(**file_of(at))["Body"].read() == b"theirs"


@pytest.mark.parametrize("many", [False, True])
def test_nothing_is_deleted_where_no_file_is(make: Make, at: dict[str, str], log: Log, many: bool) -> None:
    """A HEAD in place of the second deletion, which would leave a delete marker in a bucket with versions."""
    client = make()
    client.put_object(**at, Body=b"abc")
    log.clear()
    delete(client, at, many)
    assert log.operations == ["HeadObject", "DeleteObjects" if many else "DeleteObject"]


@pytest.mark.parametrize("many", [False, True])
def test_without_a_look_the_file_goes(
    make: Make, at: dict[str, str], s3: Any, logged_s3: Any, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may delete, and not read or list, deletes what is there."""
    client = make(storage="instruction-file")
    client.put_object(**at, Body=b"abc")
    refuse(monkeypatch, logged_s3, "head_object", failed("AccessDenied", 403))
    delete(client, at, many)
    assert keys(s3, at) == []


@pytest.mark.parametrize("many", [False, True])
def test_no_answer_deletes_nothing(
    make: Make, at: dict[str, str], s3: Any, logged_s3: Any, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 that does not answer the look has not been asked to delete anything."""
    client = make(storage="instruction-file")
    client.put_object(**at, Body=b"abc")
    refuse(monkeypatch, logged_s3, "head_object", failed("SlowDown", 503))
    with pytest.raises(TransferError):
        delete(client, at, many)
    assert keys(s3, at) == ["object", "object.instruction"]


@pytest.mark.parametrize("many", [False, True])
def test_servers_without_conditions(
    make: Make, at: dict[str, str], s3: Any, logged_s3: Any, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What says 501 to the condition is asked again without."""
    client = make(storage="instruction-file")
    client.put_object(**at, Body=b"abc")
    method, word = ("delete_objects", "ETag") if many else ("delete_object", "IfMatch")
    refuse(monkeypatch, logged_s3, method, failed("NotImplemented", 501), word)
    delete(client, at, many)
    assert keys(s3, at) == []
