"""Migration: new bytes in another format, verified before the old ones go."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from keys.rotating import BODY, Place

import s3cse
from faults.kms_stub import KmsStub
from s3cse.errors import SettingsError, TransferError
from s3cse.keyrings import Keyring
from s3cse.local import Servers
from s3cse.migration import migrating, replacing, writing
from s3cse.migration.migrating import Migration, drop_leftovers, migrate
from s3cse.migration.options import MigrationOptions, leftovers, listed, staging_of
from s3cse.migration.row import ALREADY, FAILED, GONE, MIGRATED, REFUSED, WOULD
from s3cse.migration.sides import Form
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

STORAGES = (("metadata", "instruction-file"), ("instruction-file", "metadata"))
PROFILES = (("kms", "emrfs"), ("kms", "emrfs-v2"), ("aes", "emrfs"), ("rsa", "emrfs"), ("rsa", "s3ec-v4"))


@pytest.fixture(scope="module")
def shared(servers: Servers, shared_bucket: str) -> Iterator[Place]:
    """What the tests here share: making clients takes longer than most of them."""
    with KmsStub() as stub:
        yield Place(servers.s3_client(), shared_bucket, stub)


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    """A prefix and keys of the test's own."""
    place = Place(shared.s3, shared.bucket, shared.stub, shared.kms)
    yield place
    place.leave()


def migration(place: Place, reads: Any, writes: Any, **options: Any) -> Migration:
    """Return what migrates between two clients, or keyrings, in place unless said otherwise."""
    clients = [
        each if isinstance(each, s3cse.Client) else place.client(each, plaintext="pass") for each in (reads, writes)
    ]
    options.setdefault("source", Location(place.bucket, place.prefix))
    return Migration(*clients, MigrationOptions(**options), sleep=lambda _: None)


def one(work: Migration, location: Location) -> Any:
    row = work.one(location)
    assert row is not None
    return row


def hidden(place: Place) -> list[str]:
    rows = S3Store(place.s3).list(Location(place.bucket, place.prefix))
    return [row.location.key for row in rows if "/.s3cse-migrating-" in row.location.key]


@pytest.mark.parametrize(("storage", "new_storage"), STORAGES)
@pytest.mark.parametrize(("kind", "profile"), PROFILES)
def test_from_any_format_in_place(place: Place, kind: str, profile: str, storage: str, new_storage: str) -> None:
    """Format, key and storage change, the plaintext does not; nothing is left beside, and again changes nothing."""
    old, new = place.keyring(kind, "old"), place.keyring("kms", "new")
    location = place.put(old, profile=profile, storage=storage)
    target = place.client(new, profile="s3ec-v4", storage=new_storage)
    work = migration(place, old, target)
    row = one(work, location)
    assert (row.outcome, row.error, row.plaintext_bytes) == (MIGRATED, None, len(BODY))
    assert place.opens(new, location, legacy="refuse", commitment="require")
    assert hidden(place) == []
    assert one(work, location).outcome == ALREADY
    rows = S3Store(place.s3).list(Location(place.bucket, place.prefix))
    assert len(list(rows)) == (2 if new_storage == "instruction-file" else 1)


@pytest.mark.parametrize("profile", ["emrfs", "emrfs-v2", "s3ec-v4"])
def test_plaintext_is_encrypted_and_decrypted(place: Place, profile: str) -> None:
    """Plain objects become encrypted ones where that is allowed, and plain again where that is asked for."""
    keyring = place.keyring("kms", "old")
    location = Location(place.bucket, place.prefix + "plain")
    place.s3.put_object(Bucket=location.bucket, Key=location.key, Body=BODY, ContentType="text/csv")
    refused = one(migration(place, place.client(keyring), place.client(keyring)), location)
    assert (refused.outcome, "plaintext=pass" in refused.error) == (REFUSED, True)
    there = one(migration(place, keyring, place.client(keyring, profile=profile)), location)
    assert there.outcome == MIGRATED
    assert place.opens(keyring, location)
    back = one(migration(place, keyring, keyring, form=Form(plain=True)), location)
    assert back.outcome == MIGRATED
    got = place.s3.get_object(Bucket=location.bucket, Key=location.key)
    assert (got["Body"].read(), got["ContentType"]) == (BODY, "text/csv")
    assert not any(name.startswith("x-amz") for name in got["Metadata"])


def test_what_belongs_to_the_object_stays(place: Place) -> None:
    """Content type, caching, user metadata, tags and storage class come along."""
    more = {
        "ContentType": "text/csv",
        "CacheControl": "max-age=60",
        "Metadata": {"team": "flights"},
        "Tagging": "a=b",
        "StorageClass": "STANDARD_IA",
    }
    old = place.keyring("kms", "old")
    location = place.put(old, profile="emrfs", more=more)
    assert one(migration(place, old, old), location).outcome == MIGRATED
    head = place.s3.head_object(Bucket=location.bucket, Key=location.key)
    assert (head["ContentType"], head["CacheControl"]) == ("text/csv", "max-age=60")
    assert (head["Metadata"]["team"], head["TagCount"]) == ("flights", 1)
    assert head.get("StorageClass") == "STANDARD_IA"
    assert replacing.SOURCE_MARK not in head["Metadata"]


def test_a_long_object_streams(place: Place) -> None:
    """An object of several parts is migrated, and is the same; it is written in parts under a hidden name first."""
    old, body = place.keyring("aes", "old"), BODY * 15_000
    location = place.put(old, body=body, profile="emrfs")
    row = one(migration(place, old, place.client(old, profile="s3ec-v4")), location)
    assert (row.outcome, row.plaintext_bytes) == (MIGRATED, len(body))
    assert place.opens(old, location, body, legacy="refuse")


def parquet_file() -> bytes:
    out = io.BytesIO()
    table = pa.table({"a": list(range(100_000)), "b": [f"row {number % 1000}" for number in range(100_000)]})
    pq.write_table(table, out, row_group_size=20_000)
    return out.getvalue()


def test_parquet_gets_an_index(place: Place) -> None:
    """A Parquet file that others wrote carries an index afterwards; pages and footer are the same bytes."""
    old, body = place.keyring("kms", "old"), parquet_file()
    location = place.put(old, "part.parquet", body=body)
    work = migration(place, old, old, same_key=True)
    row = one(work, location)
    assert (row.outcome, row.indexed) == (MIGRATED, True)
    got = place.client(old).get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
    footer = int.from_bytes(body[-8:-4], "little") + 8
    assert (got[: len(body) - footer], got[-footer:]) == (body[:-footer], body[-footer:])
    assert len(got) > len(body)
    assert pq.read_table(io.BytesIO(got)) == pq.read_table(io.BytesIO(body))
    assert one(work, location).outcome == ALREADY


def test_an_index_of_the_old_key_is_replaced(place: Place) -> None:
    """A file that has an index gets one of its new key in its place, and does not grow."""
    old, new, body = place.keyring("kms", "old"), place.keyring("kms", "new"), parquet_file()
    location = place.put(old, "part.parquet", body=body)
    first = one(migration(place, old, old, same_key=True), location)
    second = one(migration(place, old, new), location)
    assert (second.outcome, second.stored_bytes_after) == (MIGRATED, first.stored_bytes_after)
    assert one(migration(place, new, new, same_key=True), location).outcome == ALREADY


def test_to_another_place(place: Place) -> None:
    """The new object is elsewhere, the old one stays; again it is known; another object there is not overwritten."""
    old, new = place.keyring("kms", "old"), place.keyring("aes", "new")
    location = place.put(old, "in/a/b.txt")
    options = {
        "source": Location(place.bucket, place.prefix + "in/"),
        "target": Location(place.bucket, place.prefix + "out"),
    }
    work = migration(place, old, new, **options)
    row = one(work, location)
    there = Location(place.bucket, place.prefix + "out/a/b.txt")
    assert (row.outcome, row.target) == (MIGRATED, there.uri)
    assert place.opens(new, there)
    assert place.opens(old, location)
    assert one(work, location).outcome == ALREADY
    place.put(old, "in/a/b.txt", body=BODY[::-1])
    refused = one(work, location)
    assert (refused.outcome, "--overwrite" in refused.error) == (REFUSED, True)
    again = one(migration(place, old, new, **options, overwrite=True, delete_source=True), location)
    assert again.outcome == MIGRATED
    assert place.opens(new, there, BODY[::-1])
    assert one(work, location).outcome == GONE


def test_a_mark_deletes_nothing(place: Place) -> None:
    """An object that only claims to be made of the source does not cost the source: it is made again before that."""
    old = place.keyring("kms", "old")
    location = place.put(old, "in/a")
    etag = place.s3.head_object(Bucket=location.bucket, Key=location.key)["ETag"].strip('"')
    there = place.put(old, "out/a", body=b"something else", more={"Metadata": {replacing.SOURCE_MARK: etag}})
    folders = {
        name: Location(place.bucket, place.prefix + folder) for name, folder in (("source", "in"), ("target", "out"))
    }
    assert one(migration(place, old, old, **folders, delete_source=True), location).outcome == MIGRATED
    assert place.opens(old, there)
    assert not place.opens(old, location)


def test_a_change_meanwhile_is_kept(place: Place, servers: Servers) -> None:
    """An object that is replaced while it is migrated is not overwritten: the new one is migrated instead."""
    own = Place(servers.s3_client(), place.bucket, place.stub, place.kms)
    old = own.keyring("kms", "old")
    location = own.put(old, profile="emrfs")
    left = [BODY[::-1]]

    def replaced_first(**_: Any) -> None:
        if left:
            own.put(old, body=left.pop(), profile="emrfs")

    own.s3.meta.events.register("before-call.s3.CopyObject", replaced_first)
    row = one(migration(own, old, own.client(old, profile="s3ec-v4")), location)
    assert (row.outcome, row.attempts) == (MIGRATED, 2)
    assert own.opens(old, location, BODY[::-1], legacy="refuse")
    assert hidden(own) == []


def test_what_does_not_verify_replaces_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new object reads as something else, the old one stays as it is."""
    old = place.keyring("kms", "old")
    location = place.put(old, profile="emrfs")
    before = place.stored(location)
    write = writing.write

    def wrong(*arguments: Any) -> bytes:
        write(*arguments)
        return bytes(32)

    monkeypatch.setattr(migrating, "write", wrong)
    row = one(migration(place, old, old), location)
    assert (row.outcome, "not what was written" in row.error) == (FAILED, True)
    assert place.stored(location) == before


def test_a_damaged_object_is_not_migrated(place: Place) -> None:
    """An object whose tag does not match is a failure, and nothing is made of it."""
    old = place.keyring("kms", "old")
    location = place.put(old)
    where = {"Bucket": location.bucket, "Key": location.key}
    answer = place.s3.get_object(**where)
    damaged = bytearray(answer["Body"].read())
    damaged[5] ^= 1
    place.s3.put_object(**where, Body=bytes(damaged), Metadata=answer["Metadata"])
    row = one(migration(place, old, place.client(old, profile="s3ec-v4")), location)
    assert row.outcome == FAILED
    assert "does not verify" in row.error
    assert hidden(place) == []
    assert place.s3.get_object(**where)["Body"].read() == bytes(damaged)


def killed_in_copy(monkeypatch: pytest.MonkeyPatch, work: Migration, location: Location) -> None:
    """Migrate until the object is to be replaced, and stop as a kill does: between the file and the object."""

    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(S3Store, "ask", _killing(S3Store.ask, killed))
    with pytest.raises(Killed):
        work.one(location)
    monkeypatch.undo()


def _killing(ask: Any, killed: Any) -> Any:
    def asked(self: Any, place: Location, method: str, *arguments: Any, **given: Any) -> Any:
        return killed() if method == "copy_object" else ask(self, place, method, *arguments, **given)

    return asked


@pytest.mark.parametrize(("profile", "name"), [("s3ec-v4", "new"), ("emrfs-v2", "old")])
def test_a_kill_between_file_and_object_is_made_good(
    place: Place, monkeypatch: pytest.MonkeyPatch, profile: str, name: str
) -> None:
    """Where a kill left the new instruction file beside the old object, the next run finishes from the hidden one."""
    old, new = place.keyring("kms", "old"), place.keyring("kms", name)
    location = place.put(old, storage="instruction-file", profile="emrfs")
    target = place.client(new, profile=profile, storage="instruction-file")
    work = migration(place, old, target, same_key=name == "old")
    killed_in_copy(monkeypatch, work, location)
    assert not place.opens(old, location)
    assert len(hidden(place)) == 2
    assert one(work, location).outcome == MIGRATED
    assert place.opens(new, location)
    assert hidden(place) == []


def test_leftovers_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kill left is written over by the next run, or deleted at its end."""
    old = place.keyring("kms", "old")
    location = place.put(old, profile="emrfs")
    target = place.client(old, profile="s3ec-v4")
    work = migration(place, old, target)
    killed_in_copy(monkeypatch, work, location)
    assert place.opens(old, location)
    options = MigrationOptions(source=Location(place.bucket, place.prefix))
    found = leftovers(S3Store(place.s3), options)
    assert found == [staging_of(location)]
    assert drop_leftovers(target, options, found) == 1
    assert hidden(place) == []


def test_a_dry_run_writes_nothing(place: Place) -> None:
    """A dry run opens the objects, which shows whether they could be read, and writes nothing."""
    old = place.keyring("kms", "old")
    location = place.put(old, profile="emrfs")
    before = place.stored(location)
    place.asked.clear()
    row = one(migration(place, old, old, dry_run=True), location)
    assert (row.outcome, row.becomes) == (WOULD, "emrfs-v2")
    assert "CBC" in row.was
    assert set(place.asked) == {"HeadObject", "GetObject"}
    assert place.stored(location) == before


def test_a_folder(place: Place) -> None:
    """All objects of a folder go, also one called like a file; hidden ones, journals, empty ones and files do not."""
    old = place.keyring("kms", "old")
    for name in ("a/1", "a/2", "ab"):
        place.put(old, name, profile="emrfs", storage="instruction-file")
    for name in ("a/_s3cse_overwrite_x.json", "a/.s3cse-migrating-x"):
        place.s3.put_object(Bucket=place.bucket, Key=place.prefix + name, Body=b"x")
    place.s3.put_object(Bucket=place.bucket, Key=place.prefix + "a/_SUCCESS", Body=b"")
    place.put(old, "a/3.instruction", profile="emrfs")
    file = place.s3.get_object(Bucket=place.bucket, Key=place.prefix + "a/2.instruction")["Body"].read()
    place.s3.put_object(
        Bucket=place.bucket, Key=place.prefix + "a/2.instruction", Body=file
    )  # as clients that mark none
    options = MigrationOptions(source=Location(place.bucket, place.prefix + "a/"))
    found = [row.location for row in listed(S3Store(place.s3), options)]
    names = [each.key.removeprefix(place.prefix) for each in found]
    assert names == ["a/1", "a/1.instruction", "a/2", "a/2.instruction", "a/3.instruction"]
    rows = list(migrate(migration(place, old, old), found, workers=2))
    done = sorted(row.uri.rpartition("/")[2] for row in rows)
    assert (done, {row.outcome for row in rows}) == (["1", "2", "3.instruction"], {MIGRATED})


def test_one_object_goes_under_its_own_name() -> None:
    """Of one object the name goes to the target folder, of a folder what is below it."""
    source, target = Location("b", "in/a.txt"), Location("c", "out/")
    assert MigrationOptions(source=source, target=target).final(source) == Location("c", "out/a.txt")
    folder = MigrationOptions(source=Location("b", "in/"), target=target)
    assert folder.final(Location("b", "in/x/a.txt")) == Location("c", "out/x/a.txt")


@pytest.mark.parametrize("folder", ["", "in/"])
def test_two_objects_never_become_one(folder: str) -> None:
    """Names that differ in slashes only have places of their own: one must not overwrite the other."""
    options = MigrationOptions(source=Location("b", folder), target=Location("c", "out/"))
    names = ("a", "/a", "//a", "x/a", "x//a", "/", "x/")
    assert len({options.final(Location("b", folder + name)) for name in names}) == len(names)


def test_a_folder_does_not_go_into_itself() -> None:
    """New objects would be listed as further ones to migrate, without an end; into another bucket, or up, it may."""
    for source, target in (("in/", "in/new/"), ("in", "in/new"), ("", "new/")):
        with pytest.raises(SettingsError, match="inside"):
            MigrationOptions(source=Location("b", source), target=Location("b", target))
    for bucket, source, target in (("c", "in/", "in/new/"), ("b", "in/new/", "in/"), ("b", "in/", "in2/")):
        MigrationOptions(source=Location("b", source), target=Location(bucket, target))


def test_a_source_that_changed_is_not_deleted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written to the source's place meanwhile stays, also where S3 heeds no condition of a deletion."""
    old = place.keyring("kms", "old")
    location = place.put(old, "in/a")
    folders = {
        name: Location(place.bucket, place.prefix + folder) for name, folder in (("source", "in"), ("target", "out"))
    }
    work = migration(place, old, old, **folders, delete_source=True)
    move = Migration._move

    def replaced_meanwhile(self: Migration, *arguments: Any) -> None:
        move(self, *arguments)
        place.put(old, "in/a", body=BODY[::-1])

    monkeypatch.setattr(Migration, "_move", replaced_meanwhile)
    monkeypatch.setattr(type(work._source.setup.parameters), "taken", lambda *_: {})
    row = one(work, location)
    assert row.outcome in (FAILED, REFUSED)
    assert place.opens(old, location, BODY[::-1])


def test_old_rsa_wraps_are_not_told_apart_by_opening(place: Place) -> None:
    """In place from one PKCS#1 v1.5 key to another nobody could say what is done, and a repeated run would destroy."""
    old, new = place.keyring("rsa", "old"), place.keyring("rsa", "new")
    location = place.put(old, profile="emrfs")
    target = place.client(new, profile="emrfs")
    row = one(migration(place, old, target), location)
    assert (row.outcome, "target" in row.error) == (REFUSED, True)
    assert place.opens(old, location)
    elsewhere = {"source": Location(place.bucket, place.prefix), "target": Location(place.bucket, f"to-{place.prefix}")}
    assert one(migration(place, old, target, **elsewhere), location).outcome == MIGRATED


def test_contradictions_are_refused() -> None:
    """In place there is nothing to overwrite or to delete, and a folder is not migrated to itself."""
    source = Location("b", "in/")
    with pytest.raises(SettingsError, match="in place"):
        MigrationOptions(source=source, delete_source=True)
    with pytest.raises(SettingsError, match="one place"):
        MigrationOptions(source=source, target=Location("b", "in"))


@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
def test_versions_keep_the_old_object(place: Place, bucket: str, storage: str) -> None:
    """In a bucket with versions the old object stays as one, and the hidden one leaves no trace."""
    place.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    own = Place(place.s3, bucket, place.stub, place.kms)
    old: Keyring = own.keyring("kms", "old")
    location = own.put(old, profile="emrfs")
    assert one(migration(own, old, own.client(old, storage=storage)), location).outcome == MIGRATED
    answer = own.s3.list_object_versions(Bucket=bucket, Prefix=own.prefix)
    file = [f"{location.key}.instruction"] if storage == "instruction-file" else []
    assert [row["Key"] for row in answer["Versions"]] == [location.key] * 2 + file
    assert "DeleteMarkers" not in answer
    own.leave()


def test_an_error_of_s3_is_a_row(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What S3 refuses is a failure of that object alone."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise TransferError("S3 did not describe the object", status=403)

    monkeypatch.setattr(S3Store, "head", refuse)
    row = one(migration(place, place.keyring("aes", "old"), place.keyring("aes", "new")), Location(place.bucket, "x"))
    assert (row.outcome, row.error.startswith(f"s3://{place.bucket}/x")) == (FAILED, True)
