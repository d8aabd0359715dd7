"""Tables that others wrote get the segment index, file by file, in the format that each file has."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from keys.rotating import BODY, Place

from faults.kms_stub import KmsStub
from s3cse.local import Servers
from s3cse.migration.indexing import Indexing
from s3cse.migration.options import MigrationOptions
from s3cse.migration.parquet_shape import parquet_shape
from s3cse.migration.row import ALREADY, GONE, MIGRATED, REFUSED, WOULD
from s3cse.parquet.table import list_table
from s3cse.parquet.verify import VERIFIED, verify_file
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

TABLE = pa.table({"number": list(range(1000))})


@pytest.fixture(scope="module")
def place(servers: Servers, shared_bucket: str) -> Iterator[Place]:
    """A prefix and keys of this module's own."""
    with KmsStub() as stub:
        yield Place(servers.s3_client(), shared_bucket, stub)


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(TABLE, out)
    return out.getvalue()


def indexing(place: Place, **options: Any) -> Indexing:
    client = place.client(place.keyring("kms", "old"), plaintext="pass")
    return Indexing(client, MigrationOptions(source=Location(place.bucket, place.prefix), **options))


@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
@pytest.mark.parametrize("profile", ["emrfs-v2", "s3ec-v4"])
def test_each_file_keeps_its_format(place: Place, profile: str, storage: str) -> None:
    """The file has an index afterwards, and the format and storage it had; again changes nothing."""
    keyring = place.keyring("kms", "old")
    location = place.put(keyring, f"t/{profile}-{storage}.parquet", parquet(), profile=profile, storage=storage)
    would = indexing(place, dry_run=True).one(location)
    assert would is not None
    assert would.outcome == WOULD
    row = indexing(place).one(location)
    assert row is not None
    assert (row.outcome, row.error, row.indexed) == (MIGRATED, None, True)
    assert row.becomes == profile + (", instruction file" if storage == "instruction-file" else "")
    again = indexing(place).one(location)
    assert again is not None
    assert again.outcome == ALREADY


def test_the_table_is_one_of_ours_then(place: Place) -> None:
    """A strict reader reads an indexed file's rows, and they are the same."""
    keyring = place.keyring("kms", "old")
    location = place.put(keyring, "u/part.parquet", parquet())
    row = indexing(place).one(location)
    assert row is not None
    assert row.outcome == MIGRATED
    store = S3Store(place.s3)
    (file,) = list_table(store, Location(place.bucket, place.prefix + "u")).files
    client = place.client(keyring)
    report = verify_file(store, keyring, file, client._setup.policy)
    assert (report.status, report.rows) == (VERIFIED, TABLE.num_rows)


def test_what_can_have_none_is_refused(place: Place) -> None:
    """AES-CBC and plain files say which command helps; what is gone is told."""
    keyring = place.keyring("kms", "old")
    cbc = indexing(place).one(place.put(keyring, "v/cbc.parquet", parquet(), profile="emrfs"))
    plain = Location(place.bucket, place.prefix + "v/plain.parquet")
    place.s3.put_object(Bucket=plain.bucket, Key=plain.key, Body=parquet())
    for row in (cbc, indexing(place).one(plain)):
        assert row is not None
        assert row.outcome == REFUSED
        assert "s3cse migrate --format emrfs-v2" in str(row.error)
    gone = indexing(place).one(Location(place.bucket, place.prefix + "v/gone"))
    assert gone is not None
    assert gone.outcome == GONE


@pytest.mark.parametrize("body", [b"", BODY, b"PAR1", b"PAR1" + bytes(20), b"PAR1\0\0\0\0PAR1", b"x" * 40 + b"PAR1"])
def test_what_is_no_parquet_has_no_shape(body: bytes) -> None:
    """Short, foreign and damaged plaintexts are no Parquet files, and are left as they are."""
    assert parquet_shape(len(body), lambda start, end: body[start:end]) is None
