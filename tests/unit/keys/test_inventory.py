"""The inventory as a stream: sources, order, bounded memory, and going on where it was broken off."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import s3cse
from keys.lake import Lake
from s3cse.errors import SettingsError, TransferError
from s3cse.keys import row as words
from s3cse.keys.found import Found, FoundPage, Prefix, Table, Versions
from s3cse.keys.inspection import Inspection
from s3cse.keys.inventory import PARALLEL, InventoryBatch, checked, inventory, read_all, write_parquet
from s3cse.keys.parts import (
    EncryptedFolder,
    Folder,
    LocalFolder,
    State,
    StoredFolder,
    part_name,
    read_parts,
    read_state,
    write_parts,
)
from s3cse.keys.row import SCHEMA, Row, to_batch
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, StoredObject
from spark.fakes import Lake as FakeLake

PLACE = Location("lake", "a/")
FIELDS = {
    "x-amz-key-v2": "AAAA",
    "x-amz-iv": "AAAAAAAAAAAAAAAA",
    "x-amz-wrap-alg": "kms",
    "x-amz-cek-alg": "AES/GCM/NoPadding",
    "x-amz-tag-len": "128",
    "x-amz-matdesc": '{"kms_cmk_id":"key","team":"flights"}',
}


def many(count: int, page_rows: int = 1000) -> MemoryStore:
    """Return a store with so many objects under PLACE."""
    store = MemoryStore(page_rows=page_rows)
    for number in range(count):
        store.put(Location("lake", f"a/{number:06}"), bytes(20), FIELDS)
    store.log.clear()
    return store


def batches(store: MemoryStore, token: str | None = None) -> Iterator[InventoryBatch]:
    """Look at everything under PLACE."""
    return inventory(Prefix(store, PLACE), Inspection(store=store), token)


def test_row_has_the_columns_of_the_schema() -> None:
    """What a row holds is what the schema names, in its order."""
    assert list(Row.__slots__) == SCHEMA.names
    assert to_batch([Row("bucket", "key")]).schema == SCHEMA


def test_rows_come_in_the_order_of_the_listing() -> None:
    """One row per object and one batch per page, in order, whatever the threads do."""
    found = list(batches(many(25, page_rows=10)))
    assert [batch.rows.num_rows for batch in found] == [10, 10, 5]
    assert read_all(found)["key"].to_pylist() == [f"a/{number:06}" for number in range(25)]
    assert found[-1].token is None


def test_goes_on_behind_a_token() -> None:
    """The rows behind a batch's token are those that it had not."""
    store = many(25, page_rows=10)
    first = next(iter(batches(store)))
    rest = read_all(batches(store, first.token))
    assert rest["key"].to_pylist() == [f"a/{number:06}" for number in range(10, 25)]


def test_folder_is_not_the_beginning_of_another() -> None:
    """``a`` means the object and the folder of that name, and not what else begins so."""
    store = MemoryStore()
    for key in ("a", "a/1", "a2", "a.txt"):
        store.put(Location("lake", key), b"x")
    for place, expected in (("a", ["a", "a/1"]), ("a/", ["a/1"]), ("", ["a", "a.txt", "a/1", "a2"])):
        (page,) = Prefix(store, Location("lake", place)).pages()
        assert [found.location.key for found in page.objects] == expected


def test_pages_without_objects() -> None:
    """Pages that hold nothing come out as batches without rows, in their places."""

    class Gaps:
        def pages(self, token: str | None = None) -> Iterator[FoundPage]:
            yield FoundPage((), "1")
            yield FoundPage((Found(Location("lake", "a/1")),), "2")
            yield FoundPage((), "3")
            yield FoundPage((), None)

    found = list(inventory(Gaps(), Inspection(store=MemoryStore())))
    assert [(batch.rows.num_rows, batch.token) for batch in found] == [(0, "1"), (1, "2"), (0, "3"), (0, None)]


def test_bounded_memory(tmp_path: Path) -> None:
    """10,000 objects are written in a fraction of the memory that their rows would take, if they were kept."""

    class Endless:
        """Every object there can be, with the same metadata."""

        def head(self, location: Location) -> StoredObject:
            return StoredObject(location, 20, '"etag"', FIELDS)

        def pages(self, token: str | None = None) -> Iterator[FoundPage]:
            for page in range(10):
                rows = (Found(Location("lake", f"a/{page:03}{number:03}")) for number in range(1000))
                yield FoundPage(tuple(rows), str(page) if page < 9 else None)

    source, path = Endless(), tmp_path / "inventory.parquet"
    inspection = Inspection(store=source)  # type: ignore[arg-type]
    write_parquet([InventoryBatch(to_batch([Row("lake", "a")]), None)], str(path))  # what is imported on first use
    tracemalloc.start()
    try:
        assert write_parquet(inventory(source, inspection), str(path)) == 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20  # as many rows as one page has take 2 MiB
    table = checked(pq.read_table(path))
    assert (table.num_rows, table.schema) == (10_000, SCHEMA)
    assert dict(table["encryption_context"][0].as_py()) == {"kms_cmk_id": "key", "team": "flights"}


def test_threads_do_not_wait_for_one_another() -> None:
    """More objects than there are threads are opened and searched for their index at once, and all come out."""
    lake = FakeLake()
    for number in range(3 * PARALLEL):
        lake.put_indexed(f"{number}.parquet", pa.table({"x": range(10)}))
    inspection = Inspection(store=lake.store, keyring=lake.keyring)
    found = read_all(inventory(Prefix(lake.store, lake.table), inspection))
    assert found["opens"].to_pylist() == [True] * 3 * PARALLEL


def test_refused_listing_is_an_error() -> None:
    """What cannot be listed ends the inventory: it would not be whole."""

    class Closed(MemoryStore):
        def list_page(self, *_: Any, **__: Any) -> Any:
            raise TransferError("S3 did not list", status=403)

    with pytest.raises(TransferError):
        list(batches(Closed()))


def test_parts_go_on_after_every_break(tmp_path: Path) -> None:
    """Broken off after any part, or between a part and its note, the inventory has each object exactly once."""
    store = many(45, page_rows=10)
    folder = LocalFolder(tmp_path / "parts")

    class BrokenError(Exception):
        pass

    class Breaks:
        """Breaks before or after its n-th write."""

        def __init__(self, at: int) -> None:
            self.left = at

        def read(self, name: str) -> bytes | None:
            return folder.read(name)

        def write(self, name: str, body: bytes) -> None:
            self.left -= 1
            if self.left < 0:
                raise BrokenError
            folder.write(name, body)

    for at in (0, 1, 2, 3):
        with pytest.raises(BrokenError):
            write_parts(Breaks(at), "this", lambda token: batches(store, token), part_rows=10)
        with pytest.raises(SettingsError, match="no finished inventory"):
            read_parts(folder)
    told: list[State] = []
    state = write_parts(folder, "this", lambda token: batches(store, token), part_rows=10, progress=told.append)
    assert (state.done, state.rows) == (True, 45)
    assert told[-1] == state
    assert read_parts(folder)["key"].to_pylist() == [f"a/{number:06}" for number in range(45)]


def test_finished_parts_are_left_alone(tmp_path: Path) -> None:
    """Started again, a finished inventory sends no request; one of something else is refused."""
    store, folder = many(5), LocalFolder(tmp_path)
    write_parts(folder, "this", lambda token: batches(store, token))
    store.log.clear()
    assert write_parts(folder, "this", lambda token: batches(store, token)).done
    assert store.log == []
    with pytest.raises(SettingsError, match="something else"):
        write_parts(folder, "that", lambda token: batches(store, token))


def test_missing_part_is_an_error(tmp_path: Path) -> None:
    """An inventory that lost a part is not read as if it were whole."""
    store, folder = many(5), LocalFolder(tmp_path)
    write_parts(folder, "this", lambda token: batches(store, token))
    (tmp_path / part_name(0)).unlink()
    with pytest.raises(SettingsError, match="part of the inventory is missing"):
        read_parts(folder)


def test_parts_in_s3_plain_and_encrypted(lake: Lake) -> None:
    """A folder in S3 holds an inventory as a local one does; encrypted, nothing of it is readable."""
    lake.put("objects/one")
    place = Location(lake.bucket, f"{lake.prefix}objects/")
    client = s3cse.Client(lake.s3, lake.keyring("kms"))
    source, inspection = Prefix(lake.store, place), Inspection(store=lake.store)
    folders: dict[str, Folder] = {
        "plain": StoredFolder(lake.store, Location(lake.bucket, f"{lake.prefix}plain")),
        "secret": EncryptedFolder(client, Location(lake.bucket, f"{lake.prefix}secret")),
    }
    for name, folder in folders.items():
        assert read_state(folder) is None
        write_parts(folder, "this", lambda token: inventory(source, inspection, token))
        assert read_parts(folder)["key"].to_pylist() == [f"{lake.prefix}objects/one"]
        key = f"{lake.prefix}{name}/{part_name(0)}"
        body = lake.s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
        assert (b"PAR1" in body) is (name == "plain")


def test_table_is_its_data_files(lake: Lake) -> None:
    """Of a table, only data files are looked at: no hidden names, no instruction files."""
    for name in ("part=1/a.parquet", "_SUCCESS", ".hidden/b.parquet"):
        lake.put_plain(name)
    lake.put("part=1/c.parquet", storage="instruction-file")
    found = read_all(inventory(Table(lake.store, lake.place), Inspection(store=lake.store)))
    names = [key.removeprefix(lake.prefix) for key in found["key"].to_pylist()]
    assert names == ["part=1/a.parquet", "part=1/c.parquet"]


def test_all_versions(lake: Lake, bucket: str) -> None:
    """Each version is a row with what it was written with, and a delete marker is one, too."""
    lake.bucket = bucket
    lake.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    lake.put("object", profile="emrfs")
    lake.put("object", "aes")
    lake.put("filed", storage="instruction-file")
    lake.put("filed")
    lake.s3.delete_object(Bucket=bucket, Key=f"{lake.prefix}object")
    found = read_all(inventory(Versions(lake.store, lake.place), Inspection(store=lake.store))).to_pylist()
    mine = [row for row in found if row["key"].endswith("object")]
    assert {(row["format"], row["wrap_algorithm"], row["is_latest"]) for row in mine} == {
        (words.DELETE_MARKER, None, True),
        ("V2", "AES/GCM", False),
        ("V2", "kms", False),
    }
    old = next(row for row in found if row["key"].endswith("filed") and not row["is_latest"])
    assert (old["format"], old["key_evidence"]) == (None, words.UNKNOWN)
    assert "version is not known" in old["error"]


def test_no_inventory(tmp_path: Path) -> None:
    """Another Parquet file is not taken for an inventory."""
    pq.write_table(SCHEMA.empty_table().drop_columns(["key_id"]), tmp_path / "x.parquet")
    with pytest.raises(SettingsError, match="no inventory"):
        checked(pq.read_table(tmp_path / "x.parquet"))
