"""What _SUCCESS remembers."""

from __future__ import annotations

import pytest

from s3cse.errors import TransferError
from s3cse.parquet.success import NAME, DoneJobs, done_jobs, mark_done
from s3cse.storage.customer_key_errors import CustomerKeyError
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, StoredObject
from spark.fakes import TABLE, FailingStore


def test_jobs_come_newest_first_and_once() -> None:
    """An append keeps what is known of the last overwrite."""
    store = MemoryStore()
    assert done_jobs(store, TABLE) == DoneJobs()
    for job, overwrite in (("a", False), ("b", True), ("c", False), ("a", False)):
        mark_done(store, TABLE, job, overwrite=overwrite)
    assert done_jobs(store, TABLE) == DoneJobs(("a", "c", "b"), "b")


def test_success_of_others_is_empty() -> None:
    """Spark's own has no metadata."""
    store = MemoryStore()
    store.put(TABLE.child(NAME), b"")
    assert done_jobs(store, TABLE) == DoneJobs()


def test_mark_under_another_customer_key() -> None:
    """Under SSE-C S3 shows nothing of a mark that another tool left with no key or its own."""

    class Foreign(MemoryStore):
        def head(self, location: Location) -> StoredObject | None:
            raise CustomerKeyError("not your key", status=403)

    assert done_jobs(Foreign(), TABLE) == DoneJobs()


def test_refusal_is_an_error_and_a_lost_answer_is_not() -> None:
    """What counts is whether the job is in there."""
    store = MemoryStore()
    with pytest.raises(TransferError):
        mark_done(FailingStore(store, 2), TABLE, "a", overwrite=True)
    assert done_jobs(store, TABLE) == DoneJobs()
    mark_done(FailingStore(store, 2, how="lost"), TABLE, "a", overwrite=True)
    assert done_jobs(store, TABLE) == DoneJobs(("a",), "a")
