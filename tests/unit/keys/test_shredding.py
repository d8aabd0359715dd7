"""Shredding by key on a real S3 server: what goes is what certainly is under the key, and still is what it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from keys.lake import DESCRIPTION, Lake
from s3cse.errors import SettingsError, TransferError
from s3cse.keyrings.kms_probe import KmsProbe
from s3cse.keys import row as words
from s3cse.keys import shredding
from s3cse.keys.evidence import fingerprint
from s3cse.keys.found import Versions
from s3cse.keys.inspection import Inspection
from s3cse.keys.inventory import inventory, read_all
from s3cse.keys.rotation import Rotation, RotationOptions, rotate
from s3cse.keys.row import Row, to_batch
from s3cse.keys.shred_plan import plan_shredding
from s3cse.keys.shredding import CHANGED, DELETED, GONE, HIDDEN, Shredded, shred
from s3cse.local import Servers
from s3cse.storage.port import Location


def left(lake: Lake) -> list[str]:
    """Return the names of the objects that are there."""
    return [row.location.key.removeprefix(lake.prefix) for row in lake.store.list(lake.place)]


def outcomes(lake: Lake, done: list[Shredded]) -> list[tuple[str, str, str]]:
    """Return name, kind and outcome of each."""
    return sorted((row.uri.rpartition(lake.prefix)[2], row.what, row.outcome) for row in done)


@pytest.fixture
def other_key(servers: Servers) -> str:
    """Another key."""
    return servers.create_key()


def test_objects_of_one_key(lake: Lake, other_key: str) -> None:
    """Objects of the key go with their instruction files; those of others, plain ones and other files stay."""
    lake.put("mine")
    lake.put("filed", storage="instruction-file")
    lake.put("theirs", key=other_key, storage="instruction-file")
    lake.put("raw", "aes")
    lake.put_plain("plain")
    plan = plan_shredding(lake.table(probe=KmsProbe(lake.kms)), [lake.kms_key])
    assert plan.chosen.num_rows == 2
    done = list(shred(lake.store, plan))
    assert outcomes(lake, done) == [
        ("filed", "object", DELETED),
        ("filed.instruction", "instruction-file", DELETED),
        ("mine", "object", DELETED),
    ]
    assert left(lake) == ["plain", "raw", "theirs", "theirs.instruction"]


def test_object_that_only_looks_like_a_file(lake: Lake) -> None:
    """An object that has the name of an instruction file, and is none, is not deleted along."""
    lake.put("object", profile="emrfs")
    lake.put_plain("object.instruction", b"notes")
    list(shred(lake.store, plan_shredding(lake.table(), [lake.kms_key])))
    assert left(lake) == ["object.instruction"]


def test_raw_keys_by_their_description(lake: Lake) -> None:
    """Objects of a raw key are found by the fingerprint of its description."""
    lake.put("raw", "aes")
    lake.put("kms")
    list(shred(lake.store, plan_shredding(lake.table(), [fingerprint(DESCRIPTION)])))
    assert left(lake) == ["kms"]


def test_what_is_not_certain_stays(lake: Lake, other_key: str) -> None:
    """Unknown keys, aliases and messages with another key stay; the last two go when told so, the first never."""
    rows = [
        Row("lake", "unknown", format="V2", wrap_algorithm="kms+context", key_evidence=words.UNKNOWN),
        Row("lake", "alias", format="V2", wrap_algorithm="kms", key_id="alias/x", key_evidence=words.STORED),
        Row(
            "lake", "both", format=words.MESSAGE, key_id="k-1-2-3-4", other_key_ids=(other_key,), key_evidence="stored"
        ),
        Row("lake", "below", format=words.PLAIN, server_side_key_id=other_key, looked_inside=True),
        Row("lake", "forbidden", error="403"),
    ]
    table = pa.Table.from_batches([to_batch(rows)])
    plan = plan_shredding(table, ["alias/x", other_key])
    assert plan.chosen.num_rows == 0
    assert plan.uncertain["key"].to_pylist() == ["alias", "both"]
    assert plan.server_side["key"].to_pylist() == ["below"]
    assert plan.possible["key"].to_pylist() == ["unknown"]
    assert plan.unreadable["key"].to_pylist() == ["forbidden"]
    probed = Row("lake", "asked", format="V2", wrap_algorithm="kms", key_id="alias/x", key_evidence=words.PROBED)
    assert plan_shredding(pa.Table.from_batches([to_batch([probed])]), ["alias/x"]).chosen.num_rows == 1
    told = plan_shredding(table, ["alias/x", other_key], uncertain=True)
    assert told.chosen["key"].to_pylist() == ["alias", "both"]
    with pytest.raises(SettingsError, match="no key was named"):
        plan_shredding(table, [])


def test_changed_objects_stay(lake: Lake) -> None:
    """An object that was replaced since the inventory is not deleted, nor is its instruction file."""
    lake.put("object", profile="emrfs", storage="instruction-file")
    plan = plan_shredding(lake.table(), [lake.kms_key])
    lake.put("object", "aes", storage="instruction-file")
    assert outcomes(lake, list(shred(lake.store, plan))) == [("object", "object", CHANGED)]
    assert left(lake) == ["object", "object.instruction"]


@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
def test_rotated_objects_stay(lake: Lake, other_key: str, storage: str) -> None:
    """An object that was rotated since the inventory is under another key now, ETag or not, and is not deleted."""
    key = lake.put("object", storage=storage)
    table = lake.table(probe=KmsProbe(lake.kms))
    rotation = Rotation(lake.store, lake.s3, lake.keyring("kms"), lake.keyring("kms", other_key), RotationOptions())
    (rotated,) = rotate(rotation, [Location(lake.bucket, key)])
    assert rotated.outcome == "rotated", rotated.error
    (done,) = shred(lake.store, plan_shredding(table, [lake.kms_key]))
    assert (done.outcome, done.done) == (CHANGED, False)
    assert "object" in left(lake)


def test_replaced_between_look_and_delete(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at an object and its deletion, S3 itself compares the ETag."""
    lake.put("object", profile="emrfs")
    plan = plan_shredding(lake.table(), [lake.kms_key])
    ask = type(lake.store).ask

    def replacing(store: Any, location: Any, method: str, action: str, **arguments: Any) -> Any:
        if method == "delete_object":
            lake.put("object", "aes")
        return ask(store, location, method, action, **arguments)

    monkeypatch.setattr(type(lake.store), "ask", replacing)
    assert outcomes(lake, list(shred(lake.store, plan))) == [("object", "object", CHANGED)]
    assert left(lake) == ["object"]


def test_broken_off_and_repeated(lake: Lake) -> None:
    """Killed between an object and its instruction file, the next run deletes the file, and all else that is left."""
    for name in ("a", "b"):
        lake.put(name, profile="emrfs", storage="instruction-file")
    plan = plan_shredding(lake.table(), [lake.kms_key])
    lake.s3.delete_object(Bucket=lake.bucket, Key=f"{lake.prefix}a")
    done = list(shred(lake.store, plan))
    assert outcomes(lake, done)[:2] == [("a", "object", GONE), ("a.instruction", "instruction-file", DELETED)]
    assert left(lake) == []
    assert all(row.done for row in done)


@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize("broken_off", [False, True])
def test_files_of_new_objects_stay(lake: Lake, monkeypatch: pytest.MonkeyPatch, storage: str, broken_off: bool) -> None:
    """Whoever writes an object puts its instruction file first: it is not deleted with the object that was before."""
    lake.put("object", profile="emrfs", storage=storage)
    plan = plan_shredding(lake.table(), [lake.kms_key])
    lake.put("other", "aes", storage="instruction-file")
    new = {
        "Bucket": lake.bucket,
        "Key": f"{lake.prefix}object.instruction",
        "CopySource": {"Bucket": lake.bucket, "Key": f"{lake.prefix}other.instruction"},
    }
    delete = shredding._Worker.delete

    def file_first(worker: Any, place: Location, what: str, *arguments: Any, **more: Any) -> Shredded:
        done = delete(worker, place, what, *arguments, **more)
        if what == "object":
            lake.s3.copy_object(**new)
        return done

    if broken_off:
        lake.s3.delete_object(Bucket=lake.bucket, Key=f"{lake.prefix}object")
        lake.s3.copy_object(**new)
    monkeypatch.setattr(shredding._Worker, "delete", file_first)
    done = list(shred(lake.store, plan))
    assert outcomes(lake, done)[1] == ("object.instruction", "instruction-file", CHANGED)
    assert "object.instruction" in left(lake)


def test_failures_do_not_keep_the_others(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What S3 refuses is told, and the rest is deleted."""
    for name in ("a", "locked", "z"):
        lake.put(name, profile="emrfs")
    plan = plan_shredding(lake.table(), [lake.kms_key])
    head = type(lake.store).head

    def refusing(store: Any, location: Any) -> Any:
        if location.key.endswith("locked"):
            raise TransferError("S3 did not describe the object", status=403)
        return head(store, location)

    monkeypatch.setattr(type(lake.store), "head", refusing)
    done = list(shred(lake.store, plan))
    assert [row.outcome for row in done] == [DELETED, shredding.FAILED, DELETED]
    monkeypatch.undo()
    assert left(lake) == ["locked"]


def test_unfinished_uploads(lake: Lake) -> None:
    """Uploads to the deleted keys that are old enough are aborted, younger ones and those to other keys stay."""
    lake.put("object", profile="emrfs")
    for name in ("object", "object2"):
        lake.s3.create_multipart_upload(Bucket=lake.bucket, Key=lake.prefix + name)
    plan = plan_shredding(lake.table(), [lake.kms_key])
    now = datetime.now(timezone.utc)
    done = list(shred(lake.store, plan, uploads_before=now - timedelta(days=1)))
    assert [row.what for row in done] == ["object"]
    lake.put("object", profile="emrfs")
    plan = plan_shredding(lake.table(), [lake.kms_key])
    done = list(shred(lake.store, plan, uploads_before=now + timedelta(minutes=1)))
    assert outcomes(lake, done)[-1] == ("object", "upload", shredding.ABORTED)
    assert [row.location.key for row in lake.store.list_uploads(lake.place)] == [f"{lake.prefix}object2"]
    lake.store.abort_upload(*next((row.location, row.upload_id) for row in lake.store.list_uploads(lake.place)))


@pytest.fixture
def versioned(lake: Lake, bucket: str) -> Lake:
    """A lake that keeps versions."""
    lake.bucket = bucket
    lake.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return lake


def versions(lake: Lake) -> int:
    """Return how many versions and delete markers there are."""
    page = lake.s3.list_object_versions(Bucket=lake.bucket)
    return len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ()))


def all_versions(lake: Lake) -> pa.Table:
    """Return the inventory of all versions."""
    return read_all(inventory(Versions(lake.store, lake.place), Inspection(store=lake.store)))


def test_versions_hide_what_was_deleted(versioned: Lake) -> None:
    """In a bucket with versions, a plain delete only hides: it is told, and does not count as done."""
    versioned.put("object", profile="emrfs")
    (done,) = shred(versioned.store, plan_shredding(versioned.table(), [versioned.kms_key]))
    assert (done.outcome, done.done) == (HIDDEN, False)
    assert versions(versioned) == 2


def test_all_versions_go(versioned: Lake) -> None:
    """Each version under the key goes for good; where no version is left, markers and instruction files go as well."""
    versioned.put("gone", profile="emrfs")
    versioned.put("gone", profile="emrfs")
    versioned.s3.delete_object(Bucket=versioned.bucket, Key=f"{versioned.prefix}gone")
    versioned.put("mixed", profile="emrfs")
    versioned.put("mixed", "aes")
    versioned.put("filed", profile="emrfs", storage="instruction-file")
    plan = plan_shredding(all_versions(versioned), [versioned.kms_key])
    done = list(shred(versioned.store, plan, all_versions=True))
    assert all(row.done for row in done)
    assert {row.what for row in done} == {"object", "delete-marker", "instruction-file"}
    page = versioned.s3.list_object_versions(Bucket=versioned.bucket)
    assert [row["Key"].removeprefix(versioned.prefix) for row in page["Versions"]] == ["mixed"]
    assert not page.get("DeleteMarkers")


def test_the_file_version_of_a_new_object_stays(versioned: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the instruction file, too, a version stays that came meanwhile: its object may be there in a moment."""
    versioned.put("filed", profile="emrfs", storage="instruction-file")
    plan = plan_shredding(all_versions(versioned), [versioned.kms_key])
    versioned.put("other", "aes", storage="instruction-file")
    delete, file = shredding._Worker.delete, f"{versioned.prefix}filed.instruction"

    def file_first(worker: Any, place: Location, what: str, *arguments: Any, **more: Any) -> Shredded:
        done = delete(worker, place, what, *arguments, **more)
        if what == "object":
            source = {"Bucket": versioned.bucket, "Key": f"{versioned.prefix}other.instruction"}
            versioned.s3.copy_object(Bucket=versioned.bucket, Key=file, CopySource=source)
        return done

    monkeypatch.setattr(shredding._Worker, "delete", file_first)
    done = list(shred(versioned.store, plan, all_versions=True))
    assert sorted((row.what, row.outcome) for row in done) == [
        ("instruction-file", CHANGED),
        ("instruction-file", DELETED),
        ("object", DELETED),
    ]
    assert versioned.s3.head_object(Bucket=versioned.bucket, Key=file)


@pytest.fixture(params=["never", "suspended"])
def unversioned(request: pytest.FixtureRequest, lake: Lake, bucket: str) -> Lake:
    """A lake whose objects are versions called `null`."""
    lake.bucket = bucket
    if request.param == "suspended":
        for status in ("Enabled", "Suspended"):
            lake.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    return lake


def act_before_delete(
    monkeypatch: pytest.MonkeyPatch, lake: Lake, name: str, act: Callable[[dict[str, Any]], object]
) -> None:
    """Do something between the look at an object and its deletion; it gets the arguments of that."""
    ask = type(lake.store).ask

    def acting(store: Any, location: Any, method: str, action: str, **arguments: Any) -> Any:
        if method == "delete_object" and location.key == lake.prefix + name:
            act(arguments)
        return ask(store, location, method, action, **arguments)

    monkeypatch.setattr(type(lake.store), "ask", acting)


def test_versions_without_an_id_go(unversioned: Lake) -> None:
    """Objects of a bucket without versions, with their instruction files."""
    unversioned.put("object", profile="emrfs", storage="instruction-file")
    plan = plan_shredding(all_versions(unversioned), [unversioned.kms_key])
    assert plan.chosen["version_id"].to_pylist() == ["null"]
    done = list(shred(unversioned.store, plan, all_versions=True))
    assert [(row.what, row.outcome) for row in done] == [("object", DELETED), ("instruction-file", DELETED)]
    assert versions(unversioned) == 0


def test_a_new_object_in_the_place_of_a_version_without_an_id_stays(
    unversioned: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is called `null` as well, and came between the look and the deletion."""
    unversioned.put("object", profile="emrfs")
    plan = plan_shredding(all_versions(unversioned), [unversioned.kms_key])
    act_before_delete(monkeypatch, unversioned, "object", lambda _: unversioned.put("object", "aes"))
    assert outcomes(unversioned, list(shred(unversioned.store, plan, all_versions=True))) == [
        ("object", "object", CHANGED)
    ]
    assert left(unversioned) == ["object"]


def test_a_new_file_in_the_place_of_a_version_without_an_id_stays(
    unversioned: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its object may be there in a moment."""
    unversioned.put("object", profile="emrfs", storage="instruction-file")
    plan = plan_shredding(all_versions(unversioned), [unversioned.kms_key])
    file = {"Bucket": unversioned.bucket, "Key": f"{unversioned.prefix}object.instruction"}
    act_before_delete(
        monkeypatch, unversioned, "object.instruction", lambda _: unversioned.s3.put_object(**file, Body=b"theirs")
    )
    assert outcomes(unversioned, list(shred(unversioned.store, plan, all_versions=True))) == [
        ("object", "object", DELETED),
        ("object.instruction", "instruction-file", CHANGED),
    ]
    assert left(unversioned) == ["object.instruction"]


def test_markers_without_an_id_stay(versioned: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new object would take the marker's place unseen. Old versions below it go."""
    versioned.put("object", profile="emrfs")
    suspended = {"Status": "Suspended"}
    versioned.s3.put_bucket_versioning(Bucket=versioned.bucket, VersioningConfiguration=suspended)
    versioned.s3.delete_object(Bucket=versioned.bucket, Key=f"{versioned.prefix}object")
    plan = plan_shredding(all_versions(versioned), [versioned.kms_key])
    (done,) = shred(versioned.store, plan, all_versions=True)
    assert (done.what, done.outcome) == ("object", DELETED)
    page = versioned.s3.list_object_versions(Bucket=versioned.bucket)
    assert (page.get("Versions"), [row["VersionId"] for row in page["DeleteMarkers"]]) == (None, ["null"])


@pytest.mark.parametrize("status", [400, 501])
def test_servers_without_conditions_on_versions(
    unversioned: Lake, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """They are asked again without: then the look before is all that there is."""
    unversioned.put("object", profile="emrfs")
    plan = plan_shredding(all_versions(unversioned), [unversioned.kms_key])

    def refuse(arguments: dict[str, Any]) -> None:
        if "IfMatch" in arguments:
            raise TransferError("no such condition", status=status)

    act_before_delete(monkeypatch, unversioned, "object", refuse)
    (done,) = shred(unversioned.store, plan, all_versions=True)
    assert done.outcome == DELETED


def test_inventory_must_fit_the_versions(versioned: Lake) -> None:
    """All versions cannot go by an inventory of today's objects, nor old ones without a word."""
    versioned.put("object", profile="emrfs")
    versioned.put("object", profile="emrfs")
    today = plan_shredding(versioned.table(), [versioned.kms_key])
    with pytest.raises(SettingsError, match="objects of today"):
        list(shred(versioned.store, today, all_versions=True))
    ever = plan_shredding(all_versions(versioned), [versioned.kms_key])
    with pytest.raises(SettingsError, match="old versions"):
        list(shred(versioned.store, ever))
    assert versions(versioned) == 2
