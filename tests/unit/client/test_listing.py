"""Listings: S3's own, and with plaintext sizes."""

from __future__ import annotations

from typing import Any

import pytest
from objects.fakes import FakeKms

from s3cse.errors import PolicyError

from .conftest import Log, Make

SIZES = {"gcm": 1000, "v3": 17, "cbc": 31, "file": 5, "empty": 0}


@pytest.fixture
def folder(make: Make, at: dict[str, str], s3: Any) -> dict[str, str]:
    """Objects of all kinds, and a plain one."""
    prefix = at["Key"].rpartition("/")[0] + "/"
    how: dict[str, dict[str, str]] = {
        "gcm": {}, "empty": {}, "v3": {"profile": "s3ec-v4"}, "cbc": {"profile": "emrfs"},
        "file": {"storage": "instruction-file"},
    }  # fmt: skip
    for name, size in SIZES.items():
        make(**how[name]).put_object(Bucket=at["Bucket"], Key=prefix + name, Body=bytes(size))
    s3.put_object(Bucket=at["Bucket"], Key=prefix + "plain", Body=b"plain")
    return {"Bucket": at["Bucket"], "Prefix": prefix}


def test_as_boto3(make: Make, folder: dict[str, str], s3: Any, log: Log) -> None:
    """Without a wish it is boto3's answer, in one request."""
    log.clear()
    ours, theirs = make().list_objects_v2(**folder, MaxKeys=3), s3.list_objects_v2(**folder, MaxKeys=3)
    assert {name: ours[name] for name in ours if name != "ResponseMetadata"} == {
        name: theirs[name] for name in theirs if name != "ResponseMetadata"
    }
    assert log.operations == ["ListObjectsV2"]
    again = make().list_objects_v2(**folder, ContinuationToken=ours["NextContinuationToken"])
    assert len(again["Contents"]) == 4


@pytest.mark.parametrize("encoding", [{}, {"EncodingType": "url"}])
def test_plaintext_sizes(make: Make, folder: dict[str, str], encoding: dict[str, str]) -> None:
    """Size is the plaintext's, StoredSize what S3 says; an instruction file is none of the objects."""
    stored = {row["Key"]: row["Size"] for row in make().list_objects_v2(**folder)["Contents"]}
    answer = make(legacy="allow").list_objects_v2(**folder, PlaintextSizes=True, **encoding)
    found = {row["Key"].rpartition("/")[2]: row for row in answer["Contents"]}
    assert {name: row["Size"] for name, row in found.items()} == {**SIZES, "plain": 5}
    assert answer["KeyCount"] == len(found) == len(stored) - 1
    for row in found.values():
        assert stored[folder["Prefix"] + row["Key"].rpartition("/")[2]] == row["StoredSize"]


def test_objects_that_the_rules_refuse(make: Make, folder: dict[str, str], kms: FakeKms) -> None:
    """The length of a CBC object needs its last block, which the rules may refuse to open."""
    kms.operations.clear()
    with pytest.raises(PolicyError, match="cbc"):
        make().list_objects_v2(**folder, PlaintextSizes=True)
    assert kms.operations == []


def test_object_with_the_name_of_a_file(make: Make, at: dict[str, str]) -> None:
    """An encrypted object whose name ends like an instruction file's is an object."""
    key = at["Key"] + ".instruction"
    make().put_object(Bucket=at["Bucket"], Key=key, Body=b"abc")
    answer = make().list_objects_v2(Bucket=at["Bucket"], Prefix=key, PlaintextSizes=True)
    assert [(row["Key"], row["Size"]) for row in answer["Contents"]] == [(key, 3)]
    empty = make().list_objects_v2(Bucket=at["Bucket"], Prefix=key + "-none", PlaintextSizes=True)
    assert empty["KeyCount"] == 0
