"""The life of every writer: open, then finished or aborted, whatever it writes."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from s3cse.envelope.profiles import ENCRYPTION_SDK, PROFILE_NAMES, SSE_C
from s3cse.errors import SettingsError, TransferError
from s3cse.message.options import MessageOptions
from s3cse.objects.new_object import new_object, wrapping
from s3cse.objects.writer import Writer
from s3cse.storage.port import Location, UploadedPart

from .fakes import PLACE, RecordingStore, assert_dead, assert_nothing_in, write_all
from .messages import FRAME, raw_key

TEXT = bytes(range(256)) * 2
PART = 64

Begin = Callable[..., Writer]


@pytest.fixture(params=PROFILE_NAMES)
def begin(request: pytest.FixtureRequest) -> Begin:
    """Begin an object of this profile in small parts, on a store."""
    keyring, found = wrapping(None if request.param == SSE_C else raw_key(), request.param, PLACE.uri)

    def begun(store: RecordingStore, length: int | None = None) -> Writer:
        return new_object(
            store,
            PLACE,
            keyring,
            found,
            length=length,
            part_bytes=PART,
            memory_bytes=PART,
            message=MessageOptions(frame_length=FRAME),
        )

    return begun


@pytest.mark.parametrize("length", [None, len(TEXT)])
def test_finished_is_finished(store: RecordingStore, begin: Begin, length: int | None) -> None:
    """Nothing more is taken; the upload waits in S3, without an object, until it is completed or dropped."""
    with begin(store, length) as writer:
        writer.write(TEXT)
        staged = writer.finish()
    assert staged.plaintext_bytes == writer.plaintext_bytes == len(TEXT)
    for use in (lambda: writer.write(b"x"), writer.finish):
        with pytest.raises(ValueError, match="finished or aborted"):
            use()
    assert [upload.upload_id for upload in store.list_uploads(PLACE)] == [staged.upload_id]
    assert store.head(PLACE) is None
    for _ in range(2):
        writer.abort()
    assert list(store.list_uploads(PLACE)) == []
    assert store.count("ABORT") == 1


@pytest.mark.parametrize("length", [None, len(TEXT)])
@pytest.mark.parametrize("failing", [False, True])
def test_what_is_not_finished_is_aborted(
    store: RecordingStore, begin: Begin, length: int | None, failing: bool
) -> None:
    """At the end of the block, with an error of the caller's or without."""
    with suppress(LookupError), begin(store, length) as writer:
        writer.write(TEXT)
        if failing:
            raise LookupError("the caller's")
    assert_dead(writer)
    assert_nothing_in(store)
    assert store.count("ABORT") == store.count("CREATE")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (511, "is shorter than was said; found 511 bytes; expected 512 bytes"),
        (513, "would be longer than was said; found 513 bytes; expected at most 512 bytes"),
    ],
)
def test_another_length_than_was_said(store: RecordingStore, begin: Begin, written: int, problem: str) -> None:
    """Is refused, with the object's name, and the upload aborted."""
    writer = begin(store, len(TEXT))
    with pytest.raises(SettingsError) as caught:
        write_all(writer, bytes(written), step=100)
    assert str(caught.value) == f"{PLACE.uri}: the object {problem}. Say the right length, or none"
    assert_dead(writer)
    assert_nothing_in(store)


class Refusing(RecordingStore):
    """A store that takes one part and no other."""

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        if number > 1:
            raise TransferError("S3 said no")
        return super().upload_part(location, upload_id, number, body)


@pytest.mark.parametrize("length", [None, len(TEXT)])
def test_after_an_error_it_is_dead(begin: Begin, length: int | None) -> None:
    """What S3 does not take ends the upload, and names the object."""
    store = Refusing()
    writer = begin(store, length)
    with pytest.raises(TransferError, match=f"{PLACE.uri}: S3 said no"):
        write_all(writer, TEXT, step=100)
    assert_dead(writer)
    assert_nothing_in(store)


class Watching(RecordingStore):
    """A store in which a part takes its time; looks at the writer when the upload is aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.writer: Any = None
        self.inside = 0
        self.seen: list[tuple[int, bytes]] = []
        self._counting = threading.Lock()

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        with self._counting:
            self.inside += 1
        threading.Event().wait(0.02)
        try:
            return super().upload_part(location, upload_id, number, body)
        finally:
            with self._counting:
                self.inside -= 1

    def abort_upload(self, location: Location, upload_id: str) -> None:
        self.seen.append((self.inside, bytes(self.writer._pipeline._part)))
        super().abort_upload(location, upload_id)


def test_wiped_before_s3_is_told(begin: Begin) -> None:
    """No part is in flight and no plaintext at hand when the upload is aborted: that request may take its time."""
    store = Watching()
    with begin(store, 2 * len(TEXT)) as writer:
        store.writer = writer
        writer.write(TEXT + b"plain")
    assert store.seen == [(0, b"")]


@pytest.mark.parametrize("finished", [False, True])
def test_a_waiting_frame_is_wiped(store: RecordingStore, finished: bool) -> None:
    """A message keeps its last frame until it is known to be the last, and not longer."""
    keyring, found = wrapping(raw_key(), ENCRYPTION_SDK, PLACE.uri)
    writer: Any = new_object(store, PLACE, keyring, found, message=MessageOptions(frame_length=FRAME))
    with writer:
        writer.write(b"x" * FRAME)
        assert bytes(writer._waiting) == b"x" * FRAME
        if finished:
            writer.finish()
    assert bytes(writer._waiting) == bytes(FRAME)


@pytest.mark.parametrize("data", [memoryview(bytes(64))[::2], "text", 5, None])
def test_what_is_no_buffer_is_not_taken(store: RecordingStore, begin: Begin, data: Any) -> None:
    """A wrong argument is a TypeError, takes nothing, and the writer goes on."""
    with begin(store) as writer:
        with pytest.raises(TypeError):
            writer.write(data)
        writer.write(memoryview(bytes(64)).cast("I"))
        assert writer.finish().plaintext_bytes == 64


def test_a_writer_is_not_pickled(store: RecordingStore, begin: Begin) -> None:
    """It holds an upload, and a key."""
    with begin(store) as writer, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(writer)
