"""Locations and the values of the storage port."""

from __future__ import annotations

import pickle

import pytest

from s3cse.errors import SettingsError
from s3cse.storage.port import Location, StoredObject, UploadedPart

GOOD = [
    ("s3://bucket/key", "bucket", "key"),
    ("s3a://bucket/a/b.parquet", "bucket", "a/b.parquet"),
    ("s3n://bucket/", "bucket", ""),
    ("S3://bucket", "bucket", ""),
    ("s3://bucket//double//slash", "bucket", "/double//slash"),
    ("s3://bucket/a%20b+c", "bucket", "a%20b+c"),
    ("s3://bucket/a?b#c&d=e", "bucket", "a?b#c&d=e"),
    ("s3://bucket/ключ 😀\n", "bucket", "ключ 😀\n"),
    ("s3://Old_Bucket.1/s3://x", "Old_Bucket.1", "s3://x"),
]
BAD = ["", "bucket/key", "/bucket/key", "s3:/bucket/key", "s3:///key", "http://bucket/key", "file:///x", "gs://b/k"]
BAD += [
    "s3://buck%2Fet/key",
    "s3://bucket?x/key",
    "s3://bucket#x/key",
    "s3://buc ket/key",
    "s3://-b/key",
    "s3://bücket/k",
]
BAD += ["s3://bucket:80/key", "s3://bucket\n/key"]


@pytest.mark.parametrize(("uri", "bucket", "key"), GOOD)
def test_address_is_bucket_and_key_as_they_stand(uri: str, bucket: str, key: str) -> None:
    """No character of a key is decoded, dropped or taken for something else."""
    assert Location.parse(uri) == Location(bucket, key)


@pytest.mark.parametrize("uri", BAD)
def test_other_addresses_are_refused(uri: str) -> None:
    """What is no S3 address is refused, and repeated in the message."""
    with pytest.raises(SettingsError, match="not an S3 address") as caught:
        Location.parse(uri)
    assert repr(uri) in str(caught.value)


def test_credentials_in_an_address_are_not_repeated() -> None:
    """Hadoop's old way of giving credentials leads to no log entry with a secret."""
    with pytest.raises(SettingsError, match="credentials in the address") as caught:
        Location.parse("s3n://AKIA:secret@bucket/key")
    assert "secret" not in str(caught.value)


def test_uri_round_trip() -> None:
    """A location's address parses back to it."""
    location = Location("bucket", "a/b c")
    assert location.uri == str(location) == "s3://bucket/a/b c"
    assert Location.parse(location.uri) == location


@pytest.mark.parametrize(("key", "child"), [("", "x"), ("a", "a/x"), ("a/", "a/x"), ("a//", "a/x")])
def test_child_is_one_level_below(key: str, child: str) -> None:
    """A child's key has exactly one slash before its name."""
    assert Location("b", key).child("x").key == child


def test_values_may_travel_and_be_sorted() -> None:
    """Plans hold locations and parts: they are pickled and listed in order."""
    part = UploadedPart(1, '"e"', {"ChecksumCRC32": "x"})
    assert pickle.loads(pickle.dumps(part)) == part
    assert sorted([Location("b", "b"), Location("a", "z"), Location("b", "a")])[0].bucket == "a"
    assert StoredObject(Location("b", "k"), 0, "", {}).doubled == ()
