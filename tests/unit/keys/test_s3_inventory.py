"""Reports of S3 Inventory, made by hand as AWS documents them."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import json
import tracemalloc
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.errors import SettingsError, TransferError
from s3cse.keys import row as words
from s3cse.keys.found import Found
from s3cse.keys.inspection import Inspection
from s3cse.keys.inventory import inventory, read_all
from s3cse.keys.s3_inventory import S3InventoryReport
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

MANIFEST = Location("reports", "daily/lake/all/2026-11-28T01-00Z/manifest.json")
WHEN = dt.datetime(2026, 11, 27, 8, 30, 5, tzinfo=dt.timezone.utc)
KEYS = ["a/plain", "a/with space+plus", 'b/häß%lich,"quoted"', "b/last"]
COLUMNS = (
    "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, "
    "IsMultipartUploaded, ReplicationStatus, EncryptionStatus, ObjectLockRetainUntilDate"
)
PARQUET_SCHEMA = (
    "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);  "
    "optional binary version_id (STRING);  optional boolean is_latest;  optional boolean is_delete_marker;  "
    "optional int64 size;  optional int64 last_modified_date (TIMESTAMP(MILLIS,true));  "
    "optional binary e_tag (STRING);  optional binary storage_class (STRING);  "
    "optional binary encryption_status (STRING);}"
)


def csv_file(keys: list[str], encryption: str = "SSE-S3") -> bytes:
    """Return a file of a report: quoted values, URL-encoded keys, no header row."""
    lines = []
    for key in keys:
        values = ["lake", quote_plus(key, safe="/"), "", "true", "false", "5", "2026-11-27T08:30:05.000Z"]
        values += ["5d41402abc4b2a76b9719d911017c592", "STANDARD", "false", "", encryption, ""]
        lines.append(",".join(f'"{value}"' for value in values))
    return gzip.compress("\n".join(lines).encode() + b"\n")


def parquet_file(keys: list[str]) -> bytes:
    """Return a file of a report in Parquet."""
    count = len(keys)
    table = pa.table(
        {
            "bucket": ["lake"] * count,
            "key": keys,
            "version_id": pa.array([None] * count, pa.string()),
            "is_latest": pa.array([None] * count, pa.bool_()),
            "is_delete_marker": [False] * count,
            "size": pa.array([5] * count, pa.int64()),
            "last_modified_date": pa.array([WHEN] * count, pa.timestamp("ms", tz="UTC")),
            "e_tag": ["5d41402abc4b2a76b9719d911017c592"] * count,
            "storage_class": ["STANDARD"] * count,
            "encryption_status": ["SSE-S3"] * count,
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def put_report(store: Any, kind: str, files: list[bytes]) -> None:
    """Store a report: its files and its manifest."""
    listed = []
    for number, body in enumerate(files):
        key = f"daily/lake/all/data/{number}.{'csv.gz' if kind == 'CSV' else kind.lower()}"
        store.put(Location("reports", key), body)
        listed.append({"key": key, "size": len(body), "MD5checksum": hashlib.md5(body).hexdigest()})
    manifest = {
        "sourceBucket": "lake",
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": "1795827600000",
        "fileFormat": kind,
        "fileSchema": COLUMNS if kind == "CSV" else PARQUET_SCHEMA,
        "files": listed,
    }
    store.put(MANIFEST, json.dumps(manifest).encode())


def listed(store: Any, token: str | None = None) -> list[Found]:
    """Return all objects of the report."""
    return [found for page in S3InventoryReport(store, MANIFEST).pages(token) for found in page.objects]


@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_rows_of_a_report(kind: str) -> None:
    """Keys with any characters, sizes, times, tags and S3's encryption come out as they went in, from several files."""
    store = MemoryStore()
    make = csv_file if kind == "CSV" else parquet_file
    put_report(store, kind, [make(KEYS[:3]), make(KEYS[3:])])
    found = listed(store)
    assert [each.location for each in found] == [Location("lake", key) for key in KEYS]
    first = found[0]
    assert (first.size, first.etag, first.last_modified) == (5, '"5d41402abc4b2a76b9719d911017c592"', WHEN)
    assert (first.storage_class, first.encryption, first.version_id) == ("STANDARD", "SSE-S3", None)
    assert first.is_delete_marker is False


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_any_key_in_csv(keys: list[str]) -> None:
    """Whatever characters a key has, it comes out of the CSV as it is."""
    store = MemoryStore()
    put_report(store, "CSV", [csv_file(keys)])
    assert [each.location.key for each in listed(store)] == keys


@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_goes_on_in_the_middle(kind: str) -> None:
    """Behind a page's token come the rows that it had not, also from the middle of a file."""
    store = MemoryStore()
    keys = [f"a/{number:05}" for number in range(2500)]
    make = csv_file if kind == "CSV" else parquet_file
    put_report(store, kind, [make(keys[:1700]), make(keys[1700:])])
    pages = list(S3InventoryReport(store, MANIFEST).pages())
    assert [len(page.objects) for page in pages] == [1000, 1000, 500]
    for number, page in enumerate(pages[:-1], 1):
        rest = listed(store, page.token)
        assert [each.location.key for each in rest] == keys[1000 * number :]


def test_inventory_of_a_report() -> None:
    """Objects of the report are looked at; one that is gone, and one under a customer key, are rows that say so."""
    store = MemoryStore()
    store.put(Location("lake", "a/plain"), b"hello")
    put_report(store, "CSV", [csv_file(["a/plain", "a/gone"]), csv_file(["a/secret"], "SSE-C")])
    table = read_all(inventory(S3InventoryReport(store, MANIFEST), Inspection(store=store)))
    rows = {row["key"]: row for row in table.to_pylist()}
    assert rows["a/plain"]["format"] == words.PLAIN
    assert "gone" in rows["a/gone"]["error"]
    assert (rows["a/secret"]["format"], rows["a/secret"]["server_side_encryption"]) == (words.SSE_C, "SSE-C")


def test_report_may_be_narrowed() -> None:
    """A prefix leaves out what does not begin with it."""
    store = MemoryStore()
    put_report(store, "CSV", [csv_file(KEYS)])
    pages = S3InventoryReport(store, MANIFEST, "b/").pages()
    assert [found.location.key for page in pages for found in page.objects] == KEYS[2:]


def test_file_that_the_manifest_does_not_mean() -> None:
    """A file of another length than the manifest's, or none, ends the reading: the report is not whole."""
    store = MemoryStore()
    put_report(store, "CSV", [csv_file(KEYS)])
    store.put(Location("reports", "daily/lake/all/data/0.csv.gz"), csv_file(KEYS[:1]))
    with pytest.raises(TransferError, match="not the one that its manifest names"):
        listed(store)


@pytest.mark.parametrize(
    "body", [b"no JSON", b"{}", b'{"files": [], "fileFormat": "ORC", "fileSchema": "", "sourceBucket": "lake"}']
)
def test_no_manifest(body: bytes) -> None:
    """What is no manifest, or lists files that are not read here, is refused with what would be right."""
    store = MemoryStore()
    store.put(MANIFEST, body)
    with pytest.raises(SettingsError, match=r"no manifest|files that are not read here"):
        listed(store)


def test_row_with_missing_columns() -> None:
    """A CSV row that does not fit the manifest's columns is an error, not a wrong key."""
    store = MemoryStore()
    put_report(store, "CSV", [gzip.compress(b'"lake","a"\n')])
    with pytest.raises(SettingsError, match="2 columns"):
        listed(store)


@pytest.mark.parametrize("token", ["x", "1", '{"KeyMarker": "a"}'])
def test_token_of_another_source(token: str) -> None:
    """A token that is not a report's is refused."""
    store = MemoryStore()
    put_report(store, "CSV", [csv_file(KEYS)])
    with pytest.raises(SettingsError, match="another source"):
        listed(store, token)


LINE = csv_file(["a"])


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"x" * (64 << 20)),
        gzip.compress(b'"' + b"x\n" * (1 << 20)),
        LINE[:-12],
        b"no gzip at all",
        LINE[:20] + b"\xff" * 40,
        gzip.compress(b"\xff\xfe\n"),
        gzip.compress(gzip.decompress(LINE).replace(b'"5"', b'"many"')),
        gzip.compress(gzip.decompress(LINE).replace(b"2026", b"soon")),
    ],
    ids=["one endless line", "one endless value", "cut short", "other", "damaged", "no text", "no size", "no time"],
)
def test_damaged_files_are_an_error_in_little_memory(body: bytes) -> None:
    """A file that unpacks to an endless line is refused at its beginning; any other damage names the file."""
    store = MemoryStore()
    put_report(store, "CSV", [body])
    tracemalloc.start()
    try:
        with pytest.raises(SettingsError, match="of the report is not valid"):
            list(S3InventoryReport(store, MANIFEST).pages())
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
