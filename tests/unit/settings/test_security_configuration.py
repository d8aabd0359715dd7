"""A security configuration that is none is one error, naming the file and the place in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3cse.errors import SettingsError
from s3cse.settings.security_configuration import read

KEY = "arn:aws:kms:us-east-1:111122223333:key/1"


def s3(**said: Any) -> dict[str, Any]:
    """Return a configuration that says this about S3."""
    at_rest = {"AtRestEncryptionConfiguration": {"S3EncryptionConfiguration": said}}
    return {"EncryptionConfiguration": {"EnableAtRestEncryption": True, **at_rest}}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, ["EncryptionConfiguration"]),
        ([], ["EncryptionConfiguration"]),
        ({"SecurityConfiguration": "{"}, ["SecurityConfiguration", "no JSON inside"]),
        ({"SecurityConfiguration": "[" * 100_000}, ["SecurityConfiguration", "no JSON inside"]),
        ({"EncryptionConfiguration": {"EnableAtRestEncryption": "yes"}}, ["EnableAtRestEncryption", "'yes'"]),
        ({"EncryptionConfiguration": {"AtRestEncryptionConfiguration": []}}, ["AtRestEncryptionConfiguration", "list"]),
        (s3(EncryptionMode="CSE"), ["EncryptionMode", "'CSE'", "SSE-S3 | SSE-KMS | CSE-KMS | CSE-Custom"]),
        (s3(AwsKmsKey=KEY), ["EncryptionMode", "None"]),
        (s3(EncryptionMode="CSE-KMS"), ["AwsKmsKey", "which CSE-KMS needs"]),
        (s3(EncryptionMode="CSE-Custom", S3Object="s3://b/x.jar"), ["EncryptionKeyProviderClass"]),
        (s3(EncryptionMode="SSE-S3", Overrides={}), ["Overrides", "a list"]),
        (s3(EncryptionMode="SSE-S3", Overrides=[{"EncryptionMode": "SSE-S3"}]), ["Overrides[0].BucketName"]),
        (s3(EncryptionMode="SSE-S3", Overrides=[7]), ["Overrides[0].BucketName"]),
        (
            s3(EncryptionMode="SSE-S3", Overrides=[{"BucketName": "b", "EncryptionMode": "SSE-S3"}] * 2),
            ["Overrides[1].BucketName", "'b' a second time"],
        ),
    ],
)
def test_wrong_document(tmp_path: Path, document: Any, words: list[str]) -> None:
    """The message names the file, the key, what is there and what should be."""
    path = tmp_path / "security.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SettingsError) as caught:
        read(path)
    assert all(word in str(caught.value) for word in [str(path), *words])


@pytest.mark.parametrize("data", [b"", b"{", b"<configuration/>", b"\xff\xfe", b"[" * 100_000])
def test_no_json(tmp_path: Path, data: bytes) -> None:
    """Something else than JSON is said to be so."""
    path = tmp_path / "security.json"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match="no JSON"):
        read(path)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is an error, since somebody named it."""
    with pytest.raises(SettingsError, match=r"cannot be read.*nope\.json"):
        read(tmp_path / "nope.json")


_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(["CSE-KMS", "true", "b", KEY, ""]))
_KEYS = st.sampled_from(
    ["EncryptionConfiguration", "EnableAtRestEncryption", "AtRestEncryptionConfiguration", "S3EncryptionConfiguration",
     "EncryptionMode", "AwsKmsKey", "Overrides", "BucketName", "SecurityConfiguration"]
)  # fmt: skip
_ANY = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=5)),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(_ANY, st.dictionaries(_KEYS, _ANY).map(lambda said: s3(**said))))
def test_any_json_is_settings_or_one_error(tmp_path: Path, document: Any) -> None:
    """No document brings anything but settings or a SettingsError that names the file."""
    path = tmp_path / "security.json"
    path.write_text(json.dumps(document))
    try:
        found = read(path)
    except SettingsError as error:
        assert str(path) in str(error)  # noqa: PT017 - either way is right
    else:
        assert all(row.value and row.origin.source == str(path) for row in found)
