"""Re-keying of SSE-C objects: by S3 itself, complete, and safe to repeat. On SeaweedFS, which enforces keys."""

from __future__ import annotations

import os
import uuid
from typing import Any

import pytest

from s3cse.errors import SettingsError
from s3cse.keyrings.customer_keys import CustomerKeysByPrefix, DerivedCustomerKeys, OneCustomerKey
from s3cse.keys import customer_rekey
from s3cse.keys.customer_rekey import rekey
from s3cse.storage.customer_key_store import CustomerKeyStore
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from s3cse.storage.s3_errors import S3RequestError

OLD, NEW = OneCustomerKey(os.urandom(32)), DerivedCustomerKeys(os.urandom(32))
LONG = os.urandom(11 << 20)


@pytest.fixture
def prefix(shared_bucket: str) -> Location:
    """A folder of the test's own."""
    return Location(shared_bucket, f"{uuid.uuid4().hex}/")


@pytest.fixture
def old(s3: Any) -> CustomerKeyStore:
    """What has the old key."""
    return CustomerKeyStore(s3, OLD)


@pytest.fixture
def new(s3: Any) -> CustomerKeyStore:
    """What has the new keys."""
    return CustomerKeyStore(s3, NEW)


def outcomes(s3: Any, prefix: Location, **arguments: Any) -> dict[str, str]:
    """Re-key, and return what became of objects by their names."""
    found = rekey(s3, prefix, OLD, NEW, **arguments)
    return {row.uri.removeprefix(prefix.uri): row.outcome for row in found}


def test_all_of_it_changes_its_key(s3: Any, prefix: Location, old: CustomerKeyStore, new: CustomerKeyStore) -> None:
    """Every object opens with its new key only; its bytes, metadata, type, tags and storage class are as they were."""
    said = {"ContentType": "a/b", "CacheControl": "no-store", "StorageClass": "STANDARD_IA", "Tagging": "team=flights"}
    old.sending({"put_object": said}).put(prefix.child("long"), LONG, {"note": "kept"})
    old.put(prefix.child("empty"), b"")
    assert outcomes(s3, prefix) == {"empty": "re-keyed", "long": "re-keyed"}
    stored, body = new.get_tail(prefix.child("long"), len(LONG))
    assert body == LONG
    assert stored.metadata == {"note": "kept"}
    assert {name: stored.details[name] for name in list(said)[:3]} == dict(list(said.items())[:3])
    tags = s3.get_object_tagging(Bucket=prefix.bucket, Key=prefix.child("long").key)["TagSet"]
    assert tags == [{"Key": "team", "Value": "flights"}]
    assert new.get_tail(prefix.child("empty"), 1)[1] == b""
    with pytest.raises(S3RequestError):
        old.head(prefix.child("long"))


def test_repeating_is_safe(s3: Any, prefix: Location, old: CustomerKeyStore, new: CustomerKeyStore) -> None:
    """A second run, after one that broke off, does what is left and touches nothing else."""
    for name in ("a", "b", "c"):
        old.put(prefix.child(name), name.encode())
    first = rekey(s3, prefix, OLD, NEW, parallel=1)
    next(first)
    first.close()  # type: ignore[attr-defined]
    done = new.head(prefix.child("a"))
    assert set(outcomes(s3, prefix).values()) == {"already", "re-keyed"}
    assert set(outcomes(s3, prefix).values()) == {"already"}
    assert done is not None
    assert new.head(prefix.child("a")).details["LastModified"] == done.details["LastModified"]  # type: ignore[union-attr]
    assert [new.get_tail(prefix.child(name), 9)[1] for name in ("a", "b", "c")] == [b"a", b"b", b"c"]


def test_dry_run(s3: Any, prefix: Location, old: CustomerKeyStore, new: CustomerKeyStore) -> None:
    """A dry run says what would be done and does nothing."""
    old.put(prefix.child("a"), b"a")
    new.put(prefix.child("b"), b"b")
    assert outcomes(s3, prefix, dry_run=True) == {"a": "would be re-keyed", "b": "already"}
    assert old.get_tail(prefix.child("a"), 1)[1] == b"a"


def test_what_cannot_be_done_is_reported(s3: Any, prefix: Location, old: CustomerKeyStore) -> None:
    """A third key, and no key at all, fail by name; they stay as they are, and the others go on."""
    old.put(prefix.child("a"), b"a")
    CustomerKeyStore(s3, OneCustomerKey(bytes(32))).put(prefix.child("foreign"), LONG)
    S3Store(s3).put(prefix.child("plain"), b"plain")
    rows = {row.uri.removeprefix(prefix.uri): row for row in rekey(s3, prefix, OLD, NEW)}
    assert {name: row.outcome for name, row in rows.items()} == {
        "a": "re-keyed",
        "foreign": "failed",
        "plain": "failed",
    }
    assert "refused access with this customer key" in str(rows["foreign"].error)
    assert "not under a customer key" in str(rows["plain"].error)
    assert CustomerKeyStore(s3, OneCustomerKey(bytes(32))).get_tail(prefix.child("foreign"), len(LONG))[1] == LONG


def test_same_key(s3: Any, prefix: Location, old: CustomerKeyStore) -> None:
    """An object whose new key is its old one is left alone."""
    old.put(prefix.child("a"), b"a")
    same = CustomerKeysByPrefix({prefix.uri: OLD})
    assert [row.outcome for row in rekey(s3, prefix, OLD, same)] == ["already"]


def test_replaced_meanwhile(s3: Any, prefix: Location, old: CustomerKeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that somebody writes between look and copy is not overwritten with what was there before."""
    old.put(prefix.child("a"), b"before")
    work = customer_rekey._Rekeying(s3, OLD, NEW, dry_run=False)
    copy = work._copy
    monkeypatch.setattr(work, "_copy", lambda stored: (old.put(stored.location, b"after"), copy(stored)))
    row = work.one(next(work.list(prefix)))
    assert row.outcome == "failed"
    assert "PreconditionFailed" in str(row.error)
    assert old.get_tail(prefix.child("a"), 9)[1] == b"after"


def test_lost_answer(s3: Any, prefix: Location, old: CustomerKeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy whose answer is lost is looked for, and is no failure."""
    old.put(prefix.child("a"), b"a")
    work = customer_rekey._Rekeying(s3, OLD, NEW, dry_run=False)
    copy = work._copy

    def lose(stored: Any) -> None:
        copy(stored)
        raise S3RequestError("lost", status=500)

    monkeypatch.setattr(work, "_copy", lose)
    assert work.one(next(work.list(prefix))).outcome == "already"


class PartCopying:
    """SeaweedFS copies no parts of SSE-C objects: here they come and go, checked as S3 would."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def upload_part_copy(self, **given: Any) -> dict[str, Any]:
        source = {name.removeprefix("CopySource"): value for name, value in given.items() if "SourceSSE" in name}
        read = self._s3.get_object(
            **given["CopySource"], **source, Range=given["CopySourceRange"], IfMatch=given["CopySourceIfMatch"]
        )
        names = (
            "Bucket",
            "Key",
            "UploadId",
            "PartNumber",
            "SSECustomerAlgorithm",
            "SSECustomerKey",
            "SSECustomerKeyMD5",
        )
        target = {name: given[name] for name in names}
        return {"CopyPartResult": {"ETag": self._s3.upload_part(**target, Body=read["Body"].read())["ETag"]}}


def test_long_objects_in_parts(
    s3: Any, prefix: Location, old: CustomerKeyStore, new: CustomerKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is longer than one copy may be is copied in parts, and told again what it is."""
    monkeypatch.setattr(customer_rekey, "ONE_COPY_BYTES", 10 << 20)
    monkeypatch.setattr(customer_rekey, "COPY_PART_BYTES", 5 << 20)
    said = {"ContentType": "a/b", "StorageClass": "STANDARD_IA", "Tagging": "team=flights&x=%20y"}
    old.sending({"put_object": said}).put(prefix.child("long"), LONG, {"note": "kept"})
    assert outcomes(PartCopying(s3), prefix) == {"long": "re-keyed"}
    stored, body = new.get_tail(prefix.child("long"), len(LONG))
    assert body == LONG
    assert stored.metadata == {"note": "kept"}
    assert (stored.details["ContentType"], stored.details["StorageClass"]) == ("a/b", "STANDARD_IA")
    tags = s3.get_object_tagging(Bucket=prefix.bucket, Key=prefix.child("long").key)["TagSet"]
    assert sorted((row["Key"], row["Value"]) for row in tags) == [("team", "flights"), ("x", " y")]


def test_server_that_copies_no_parts(
    s3: Any, prefix: Location, old: CustomerKeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SeaweedFS's refusal is explained; the object keeps its key, and no upload is left behind."""
    monkeypatch.setattr(customer_rekey, "ONE_COPY_BYTES", 1 << 20)
    old.put(prefix.child("long"), LONG)
    (row,) = rekey(s3, prefix, OLD, NEW)
    assert row.outcome == "failed"
    assert "does not copy parts" in str(row.error)
    assert old.get_tail(prefix.child("long"), 3)[1] == LONG[-3:]
    assert not list(old.list_uploads(prefix))


def test_metadata_that_cannot_be_said_again(s3: Any, prefix: Location, old: CustomerKeyStore) -> None:
    """Metadata that S3 would take literally is no loss that nobody sees: the object is left alone."""
    old.put(prefix.child("a"), b"a", {"note": "=?UTF-8?B?w6Q=?="})
    (row,) = rekey(s3, prefix, OLD, NEW)
    assert row.outcome == "failed"
    assert "metadata cannot be said again" in str(row.error)


def test_not_over_plain_http(prefix: Location) -> None:
    """Keys go over TLS, here too."""
    import boto3

    client = boto3.client("s3", region_name="us-east-1", endpoint_url="http://s3.example.com")
    with pytest.raises(SettingsError, match="TLS"):
        rekey(client, prefix, OLD, NEW)


def test_a_folder_is_not_the_beginning_of_a_name(
    s3: Any, prefix: Location, old: CustomerKeyStore, new: CustomerKeyStore
) -> None:
    """``flights`` says nothing of ``flights2``: other objects keep their keys."""
    old.put(prefix.child("flights/a"), b"mine")
    old.put(prefix.child("flights2/a"), b"other")
    folder = prefix.child("flights")
    assert [row.uri for row in rekey(s3, folder, OLD, NEW)] == [prefix.child("flights/a").uri]
    assert old.get_tail(prefix.child("flights2/a"), 9)[1] == b"other"
