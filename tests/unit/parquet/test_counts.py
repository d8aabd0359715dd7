"""What scans report: sums over tasks, and nothing but reports."""

from __future__ import annotations

import pytest

from s3cse.errors import EnvelopeError
from s3cse.parquet.counts import Counts, collect, leave
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

FOLDER = Location("bucket", "reports/run")


def test_reports_add_up() -> None:
    """Every task leaves its own; the sum is the scan's. Other objects in the folder are left alone."""
    store = MemoryStore()
    leave(store, FOLDER, Counts(1, 10, 2, 20, 3, ["s3://bucket/x"]))
    leave(store, FOLDER, Counts(verified_files=4, unverified=["s3://bucket/y"]))
    store.put(FOLDER.child("notes.txt"), b"not a report")
    total = collect(store, FOLDER)
    assert sorted(total.unverified) == ["s3://bucket/x", "s3://bucket/y"]
    total.unverified = []
    assert total == Counts(5, 10, 2, 20, 3)


def test_nothing_reported_is_nothing() -> None:
    """An empty folder is a scan that touched nothing."""
    assert collect(MemoryStore(), FOLDER) == Counts()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"version": 2}', b'{"version": 1, "other": 1}'])
def test_a_damaged_report_is_named(body: bytes) -> None:
    """It is an error, not a smaller sum."""
    store = MemoryStore()
    store.put(FOLDER.child("s3cse-scan-1.json"), body)
    with pytest.raises(EnvelopeError, match=r"reports/run/s3cse-scan-1\.json"):
        collect(store, FOLDER)
