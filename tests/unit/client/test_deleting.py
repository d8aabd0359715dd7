"""Deleting objects with their instruction files."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from objects.fakes import FakeKms

from s3cse.errors import TransferError

from .conftest import Log, Make


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

    def answer(**arguments: Any) -> Any:
        asked.append(arguments)
        return {"Errors": [{"Key": arguments["Delete"]["Objects"][0]["Key"], "Code": "AccessDenied"}]}

    monkeypatch.setattr(logged_s3, "delete_objects", answer)
    rows = [{"Key": "refused"}, {"Key": "a"}, {"Key": "b", "VersionId": "v"}, {"Key": "c.instruction"}, {"Key": "a"}]
    found = make().delete_objects(Bucket="bucket", Delete={"Objects": rows, "Quiet": True}, MFA="serial 1")
    assert asked[0] == {"Bucket": "bucket", "Delete": {"Objects": rows, "Quiet": True}, "MFA": "serial 1"}
    assert asked[1] == {"Bucket": "bucket", "Delete": {"Objects": [{"Key": "a.instruction"}], "Quiet": True}}
    assert [row["Key"] for row in found["Errors"]] == ["refused", "a.instruction"]
