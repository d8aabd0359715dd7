"""Plain objects in parts: what is written is what is stored, and nothing is visible before its time."""

from __future__ import annotations

import os

import pytest

from s3cse.errors import TransferError
from s3cse.objects.put import publish
from s3cse.services.redshift.plain_upload import PlainWriter
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location
from spark.fakes import FailingStore

PLACE = Location("bucket", "x/file")


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
def test_parts_join_to_what_was_written(size: int) -> None:
    """Whatever the length is to that of a part, and however it is cut."""
    store, body = MemoryStore(), os.urandom(size)
    writer = PlainWriter(store, PLACE, part_bytes=100)
    assert sum(writer.write(body[start : start + 33]) for start in range(0, size, 33)) == size
    staged = writer.finish()
    assert store.head(PLACE) is None
    publish(store, staged)
    assert store.get_tail(PLACE, 2000)[1] == body
    assert (staged.plaintext_bytes, staged.stored_bytes) == (size, size)


def test_a_lost_answer_is_settled() -> None:
    """Where only the answer to the completion was lost, the object's mark tells that it is there."""
    inner = MemoryStore()
    writer = PlainWriter(inner, PLACE)
    writer.write(b"rows")
    staged = writer.finish()
    publish(FailingStore(inner, 1, how="lost"), staged)  # type: ignore[arg-type]
    assert inner.get_tail(PLACE, 10)[1] == b"rows"


def test_abort_drops_everything() -> None:
    """Also before the first part, twice, and after a part failed."""
    store = MemoryStore()
    for failing in (0, 2):
        writer = PlainWriter(FailingStore(store, failing), PLACE, part_bytes=10)  # type: ignore[arg-type]
        if failing:
            with pytest.raises(TransferError):
                writer.write(bytes(100))
        writer.abort()
        writer.abort()
    assert list(store.list_uploads(Location("bucket", ""))) == []
    assert list(store.list(Location("bucket", ""))) == []
