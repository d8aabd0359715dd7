"""Plain objects in parts: what is written is what is stored, and nothing is visible before its time."""

from __future__ import annotations

import os
import threading

import pytest

from s3cse.errors import SettingsError, TransferError
from s3cse.objects.destinations import PARTS_IN_FLIGHT
from s3cse.objects.envelope_storage import UPLOAD_MARK, EnvelopeStorage
from s3cse.objects.put import publish
from s3cse.objects.streamed_upload import PlainWriter
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import ObjectStore
from spark.fakes import FailingStore

from .fakes import PLACE, Blocking, RecordingStore, assert_nothing_in, write_all

PART = 100


def begin(store: ObjectStore, part_bytes: int = PART, parts_in_flight: int | None = None) -> PlainWriter:
    """A writer that knows no length, in small parts."""
    return PlainWriter(
        store,
        PLACE,
        length=None,
        storage=EnvelopeStorage(),
        part_bytes=part_bytes,
        parts_in_flight=parts_in_flight,
    )


@pytest.mark.parametrize("parts_in_flight", [None, 1])
@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
@pytest.mark.parametrize("step", [1, 33, 100, 1000])
def test_parts_join_to_what_was_written(
    store: RecordingStore, size: int, step: int, parts_in_flight: int | None
) -> None:
    """Whatever the length is to that of a part, however it is cut and however many parts travel at once."""
    body = os.urandom(size)
    writer = begin(store, parts_in_flight=parts_in_flight)
    staged = write_all(writer, body, step)
    assert store.head(PLACE) is None
    publish(store, staged)
    assert store.body() == body
    assert set(store.metadata()) == {UPLOAD_MARK}
    assert (staged.plaintext_bytes, staged.stored_bytes) == (size, size)


@pytest.mark.parametrize(("given", "found"), [(None, PARTS_IN_FLIGHT), (1, 1), (2, 2)])
def test_parts_in_flight_are_bounded(given: int | None, found: int) -> None:
    """A slow S3 makes write wait; the last part may travel beside the others."""
    store = Blocking()
    writer = begin(store, parts_in_flight=given)
    thread = threading.Thread(target=write_all, args=(writer, bytes(20 * PART)))
    thread.start()
    store.wait_for(found)
    assert store.inside == found
    store.gate.set()
    thread.join(20)
    assert found <= store.most <= found + 1
    assert len(store.sent) == 20


def test_a_lost_answer_is_settled() -> None:
    """Where only the answer to the completion was lost, the object's mark tells that it is there."""
    inner = MemoryStore()
    with begin(inner) as writer:
        writer.write(b"rows")
        staged = writer.finish()
    publish(FailingStore(inner, 1, how="lost"), staged)  # type: ignore[arg-type]
    assert inner.get_tail(PLACE, 10)[1] == b"rows"


@pytest.mark.parametrize("failing", [0, 1, 2, 5])
def test_abort_drops_everything(failing: int) -> None:
    """Also before the first part, twice, and after a part failed."""
    store = MemoryStore()
    writer = begin(FailingStore(store, failing), part_bytes=10)  # type: ignore[arg-type]
    if failing:
        with pytest.raises(TransferError):
            write_all(writer, bytes(100))
    writer.abort()
    writer.abort()
    assert_nothing_in(store)


@pytest.mark.parametrize("part_bytes", [0, -1])
def test_part_size_is_positive(store: RecordingStore, part_bytes: int) -> None:
    """And checked before anything is sent."""
    with pytest.raises(ValueError, match="positive"):
        begin(store, part_bytes)
    assert store.log == []


def test_there_is_no_instruction_file(store: RecordingStore) -> None:
    """What has no envelope has none for a file."""
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: an object that S3 encrypts has no envelope"):
        PlainWriter(store, PLACE, length=None, storage=EnvelopeStorage(kind="instruction-file"), part_bytes=PART)
    assert store.log == []
