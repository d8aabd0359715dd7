"""Reading as a stream: in order, in constant memory, early, and loud at the end."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects import fetch, ranges, streaming
from s3cse.objects.open import OpenObject, open_object
from s3cse.objects.policy import Policy
from s3cse.objects.streaming import WINDOW, read_stream

from .fakes import PLACE, REQUEST, RecordingStore, Unordered, opened_of, write_object

if TYPE_CHECKING:
    from typing_extensions import Buffer

GCM = find_profile("emrfs-v2", "kms")
TEXT = b"".join(b"%09d\n" % index for index in range(200))
PIECES = -(-len(TEXT) // REQUEST)


pytestmark = pytest.mark.usefixtures("small_requests")


def whole(opened: OpenObject) -> bytes:
    return b"".join(read_stream(opened))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 63, 64, 65, 80, 128, 129, 144, 2000])
@pytest.mark.parametrize("tail_bytes", [32, 48, 3000])
def test_any_length_comes_back(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend, size: int, tail_bytes: int
) -> None:
    """The pieces join to the text; none is empty."""
    write_object(store, keyring, profile, TEXT[:size])
    buffers = list(read_stream(opened_of(store, keyring, backend, tail_bytes)))
    assert b"".join(buffers) == TEXT[:size]
    assert all(map(len, buffers))


@pytest.mark.parametrize("how", ["random", "reverse"])
def test_pieces_come_in_order_whatever_ends_first(
    keyring: KmsKeyring, profile: Profile, backend: Backend, how: str
) -> None:
    """Requests run at once and end in any order; the text does not."""
    store = Unordered(how)
    write_object(store, keyring, profile, TEXT)
    store.ended.clear()
    assert whole(opened_of(store, keyring, backend)) == TEXT
    assert store.ended != sorted(store.ended)


def test_plain_object_streams_too(store: RecordingStore, keyring: KmsKeyring) -> None:
    """A plain object comes as it is."""
    store.put(PLACE, TEXT)
    assert whole(open_object(store, keyring, PLACE, Policy(plaintext="pass"), tail_bytes=32)) == TEXT


@pytest.mark.parametrize("place", [0, 100, 1999, 2000, 2015])
def test_damage_is_released_and_reported_at_the_end(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend, place: int
) -> None:
    """Plaintext flows before the tag is seen; then the error says that it was released."""
    write_object(store, keyring, GCM, TEXT)
    store.flip(place, 0x80)
    released: list[int] = []
    stream = map(bytes, read_stream(opened_of(store, keyring, backend)))
    with pytest.raises(IntegrityError, match=f"{PLACE.uri}: .*has been released") as caught:
        released.extend(chain.from_iterable(stream))
    assert len(released) == len(TEXT)
    assert sum(one != other for one, other in zip(released, TEXT, strict=True)) == (place < len(TEXT))
    assert caught.value.__cause__ is None
    assert "nothing was released" not in str(caught.value)


def test_it_flows_before_the_end_is_fetched(keyring: KmsKeyring, profile: Profile) -> None:
    """The first piece is there while later ones have not been asked for: the window is bounded."""
    store = RecordingStore()
    write_object(store, keyring, profile, TEXT)
    opened = opened_of(store, keyring)
    store.log.clear()
    with closing(read_stream(opened)) as stream:
        assert store.log == []
        first = next(stream)
        assert bytes(first) == TEXT[:REQUEST]
        time.sleep(0.05)
        assert 0 < len(store.log) <= WINDOW
        for _ in range(5):
            next(stream)
        time.sleep(0.05)
        assert len(store.log) <= WINDOW + 5
    assert len(store.log) < PIECES


class Busy(RecordingStore):
    """Takes its time with every request, and counts those that are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.busy = self.calls = 0
        self.fail_at = -1

    def get_into(self, location: Any, start: int, out: Any, if_match: str) -> None:
        with self.lock:
            self.busy += 1
            self.calls += 1
        try:
            time.sleep(0.01)
            if start == self.fail_at:
                raise TransferError("cut", uri=location.uri)
            super().get_into(location, start, out, if_match)
        finally:
            with self.lock:
                self.busy -= 1


@pytest.mark.parametrize("how", ["close", "drop", "error"])
def test_consumer_may_stop_early(keyring: KmsKeyring, profile: Profile, how: str) -> None:
    """However the stream is left, nothing hangs, nobody writes any more, and the rest is not fetched."""
    store = Busy()
    write_object(store, keyring, profile, TEXT)
    stream = read_stream(opened_of(store, keyring))
    next(stream)
    if how == "close":
        stream.close()
    elif how == "drop":
        del stream
    else:
        with pytest.raises(ZeroDivisionError):
            stream.throw(ZeroDivisionError)
    assert store.busy == 0
    calls = store.calls
    time.sleep(0.05)
    assert store.calls == calls < PIECES


def test_stream_that_was_never_begun_costs_nothing(store: RecordingStore, keyring: KmsKeyring) -> None:
    """Nothing is fetched before the first piece is asked for."""
    write_object(store, keyring, GCM, TEXT)
    opened = opened_of(store, keyring)
    store.log.clear()
    read_stream(opened).close()
    assert store.log == []


@pytest.mark.parametrize("piece", [0, 3, 10])
def test_failed_request_ends_the_stream(
    keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """What came before a failed request was released; the rest is wiped, and no request is under way."""
    made: list[pa.Buffer] = []
    allocate = pa.allocate_buffer

    def note(size: int) -> pa.Buffer:
        made.append(allocate(size))
        memoryview(made[-1]).cast("B")[:] = bytes(size)  # the allocator gives back what others left
        return made[-1]

    monkeypatch.setattr(streaming, "new_buffer", note)
    store = Busy()
    store.fail_at = piece * REQUEST
    write_object(store, keyring, profile, TEXT)
    released: list[Buffer] = []
    with pytest.raises(TransferError, match="cut"):
        released.extend(read_stream(opened_of(store, keyring)))
    assert sum(map(len, map(memoryview, released))) == piece * REQUEST
    assert store.busy == 0
    taken = {pa.py_buffer(buffer).address for buffer in released}
    assert all(b"0000" not in buffer.to_pybytes() for buffer in made if buffer.address not in taken)


def test_memory_is_a_window(store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long object never more than WINDOW + 1 pieces exist, if the caller keeps none."""
    monkeypatch.setattr(fetch, "cut", lambda span, size: ranges.cut(span, 1 << 16))
    write_object(store, keyring, GCM, bytes(100 << 16), part_bytes=1 << 20)
    opened = opened_of(store, keyring)
    base, most = pa.total_allocated_bytes(), 0
    for buffer in read_stream(opened):
        most = max(most, pa.total_allocated_bytes() - base)
        del buffer
    assert most <= (WINDOW + 1) << 16


def test_pieces_are_as_long_as_the_docstring_says(
    store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests of a long object are not longer in a stream, whose memory they are."""
    monkeypatch.undo()
    write_object(store, keyring, GCM, TEXT)
    opened = opened_of(store, keyring)
    long = replace(opened, stored=replace(opened.stored, size=(1 << 30) + 16), plaintext_bytes=1 << 30)
    assert max(map(len, fetch.pieces(long, ranges.Span(0, 1 << 30)))) == ranges.LONG_REQUEST_BYTES
    assert max(map(len, streaming._pieces(long, 1 << 30))) == ranges.REQUEST_BYTES


def test_values_are_wiped(store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """The segments' values are gone after a stream, read to its end or not."""
    bodies: list[Any] = []
    values: list[Any] = []

    class Noting(streaming.GcmBody):
        def __exit__(self, *arguments: Any) -> None:
            bodies.append(self)
            values.extend(self._values)
            super().__exit__(*arguments)

    monkeypatch.setattr(streaming, "GcmBody", Noting)
    write_object(store, keyring, GCM, TEXT)
    whole(opened_of(store, keyring))
    with closing(read_stream(opened_of(store, keyring))) as stream:
        next(stream)
    assert len(bodies) == 2
    assert len(values) > PIECES
    assert all(bytes(value.view()) == bytes(16) for value in values)
