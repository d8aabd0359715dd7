"""Verification says of every file what is known of it, and stops at none."""

from __future__ import annotations

import pyarrow as pa
import pytest

from s3cse.objects.policy import Policy
from s3cse.parquet.table import list_table
from s3cse.parquet.verify import FAILED, UNAUTHENTICATED, VERIFIED, FileReport, verify_file
from spark.fakes import CBC, FailingStore, FakeKeyring, Lake

POLICY = Policy(legacy="allow", plaintext="pass")
ROWS = pa.table({"x": range(1000), "text": ["marker-of-the-data"] * 1000})


def report(lake: Lake, policy: Policy = POLICY, store: object = None) -> FileReport:
    """Verify the only file of a lake."""
    (file,) = list_table(lake.store, lake.table).files
    return verify_file(store or lake.store, lake.keyring, file, policy)  # type: ignore[arg-type]


def test_gcm_is_verified() -> None:
    """An intact GCM file is verified, with its rows counted by decoding them and its format told."""
    lake = Lake()
    lake.put("f", ROWS, row_group_size=300)
    found = report(lake)
    assert (found.status, found.rows, found.remark) == (VERIFIED, 1000, "")
    assert found.uri == "s3://bucket/lake/table/f"
    assert "AES/GCM/NoPadding" in found.envelope
    assert found.stored_bytes == next(lake.store.list(lake.table)).size


@pytest.mark.parametrize(("profile", "envelope"), [(CBC, "AES/CBC/PKCS5Padding"), (None, "not encrypted")])
def test_what_nothing_authenticates_is_not_called_verified(profile: object, envelope: str) -> None:
    """CBC and plain files are readable, and reported as unauthenticated."""
    lake = Lake()
    lake.put("f", ROWS, profile)  # type: ignore[arg-type]
    found = report(lake)
    assert (found.status, found.rows) == (UNAUTHENTICATED, 1000)
    assert envelope in found.envelope


@pytest.mark.parametrize("at", [0, 1000, -17, -16, -1])
def test_one_flipped_bit_fails(at: int) -> None:
    """A flipped bit anywhere, tag included, is a failure that names the file and shows nothing of it."""
    lake = Lake()
    lake.change(lake.put("f", ROWS), at)
    found = report(lake)
    assert (found.status, found.rows) == (FAILED, 0)
    assert "s3://bucket/lake/table/f" in found.remark
    assert "marker-of-the-data" not in found.remark


def test_errors_of_all_kinds_become_reports() -> None:
    """No key, no Parquet, no object, no network: each is a report, so that the next file is still read."""
    lake = Lake()
    lake.put("f", ROWS)
    other = Lake(store=lake.store, keyring=FakeKeyring())
    assert report(other).status == FAILED
    assert report(lake, store=FailingStore(lake.store, 1)).status == FAILED
    assert report(lake, Policy(commitment="require")).status == FAILED
    (file,) = list_table(lake.store, lake.table).files
    lake.store.delete([file.location])
    assert verify_file(lake.store, lake.keyring, file, POLICY).status == FAILED
    lake.put("f", b"no Parquet")
    assert report(lake).status == FAILED
    lake.put("f", b"", None)
    assert report(lake).status == FAILED


def test_damaged_cbc_pages_fail() -> None:
    """Damage in a CBC body that makes it undecodable is a failure, with the advice that fits."""
    lake = Lake()
    location = lake.put("f", ROWS, CBC, compression="gzip")
    for at in range(16, 400, 16):
        lake.change(location, at)
    assert report(lake).status == FAILED


def test_lying_length_header_is_remarked() -> None:
    """A plaintext length in the headers that is not the real one is no error for reading, but said."""
    lake = Lake()
    location = lake.put("f", ROWS)
    stored, body = lake.store.get_tail(location, 1 << 30)
    lake.store.put(location, body, {**stored.metadata, "x-amz-unencrypted-content-length": "1"})
    found = report(lake)
    assert found.status == VERIFIED
    assert "x-amz-unencrypted-content-length says 1" in found.remark
