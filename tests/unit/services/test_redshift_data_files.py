"""How the files of an export are written."""

from __future__ import annotations

import threading

import pytest
from objects.fakes import Blocking, RecordingStore, write_all

from s3cse.objects.envelope_storage import UPLOAD_MARK
from s3cse.objects.put import publish
from s3cse.services.redshift import data_files
from s3cse.services.redshift.data_files import new_upload
from s3cse.storage.port import Location

PLACE = Location("bucket", "exports/run-1/rows.csv")
PART = 100


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 100 bytes."""
    monkeypatch.setattr(data_files, "PART_BYTES", PART)


def test_without_a_key_the_rows_are_stored() -> None:
    """S3 encrypts them: the object is what was written, and its metadata a mark."""
    store = RecordingStore()
    upload = new_upload(store, PLACE, None, 1)
    publish(store, write_all(upload, b"rows" * 200, step=300))
    assert store.body(PLACE) == b"rows" * 200
    assert set(store.metadata(PLACE)) == {UPLOAD_MARK}
    assert store.count("PART") == 8


def test_without_a_key_one_part_travels_at_a_time() -> None:
    """As many files are open as the cluster has slices, so that each has few parts in memory."""
    store = Blocking()
    upload = new_upload(store, PLACE, None, 4)
    thread = threading.Thread(target=write_all, args=(upload, bytes(10 * PART)))
    thread.start()
    store.wait_for(1)
    assert store.inside == 1
    store.gate.set()
    thread.join(20)
    assert store.most <= 2  # the last one may travel beside the one before
    assert len(store.sent) == 10
