"""Reading: whole and verified, or in ranges; damage, replacement, and what is left in buffers."""

from __future__ import annotations

import io
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from s3cse.crypto import native
from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects import fetch, ranges, reader
from s3cse.objects.download import read_to_file
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges, read_whole
from s3cse.objects.streaming import read_stream

from .fakes import KEY, PLACE, FakeKms, RecordingStore, Unordered, opened_of, write_object

GCM, CBC = find_profile("emrfs-v2", "kms"), find_profile("emrfs", "kms")
TEXT = b"".join(b"%09d\n" % index for index in range(40))
SIZES = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 400]


pytestmark = pytest.mark.usefixtures("small_requests")


@pytest.fixture(autouse=True)
def small_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges further apart than 32 bytes are fetched apart."""
    monkeypatch.setattr(reader, "coalesce", lambda spans: ranges.coalesce(spans, 32))


@pytest.fixture
def buffers(monkeypatch: pytest.MonkeyPatch) -> list[pa.Buffer]:
    """Every buffer that the reader allocates."""
    made: list[pa.Buffer] = []
    allocate = pa.allocate_buffer

    def note(size: int) -> pa.Buffer:
        made.append(allocate(size))
        return made[-1]

    monkeypatch.setattr(reader, "new_buffer", note)
    return made


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tail_bytes", [32, 48, 1000])
def test_whole_object_comes_back(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend, size: int, tail_bytes: int
) -> None:
    """Any length, fetched in any number of requests, gives the bytes that were written."""
    write_object(store, keyring, profile, TEXT[:size])
    buffer = read_whole(opened_of(store, keyring, backend, tail_bytes))
    assert buffer.to_pybytes() == TEXT[:size]
    assert buffer.size == size


def test_bytes_that_came_with_the_opening_are_not_fetched_again(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend
) -> None:
    """A small object costs one GET altogether."""
    write_object(store, keyring, profile, TEXT)
    store.log.clear()
    opened = opened_of(store, keyring, backend, 1000)
    read_whole(opened)
    read_unverified_ranges(opened, [Span(0, 10), Span(300, 400)])
    assert store.log == [("GET", PLACE.key)]


@pytest.mark.parametrize("place", [*range(33), *range(384, 416)])
def test_any_flipped_byte_of_a_gcm_object_releases_nothing(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend, buffers: list[pa.Buffer], place: int
) -> None:
    """One changed byte anywhere, tag included: an error, no byte returned, and the buffer wiped."""
    write_object(store, keyring, GCM, TEXT)
    store.flip(place, 0x80)
    with pytest.raises(IntegrityError, match=f"{PLACE.uri}: the object does not verify; nothing was released"):
        read_whole(opened_of(store, keyring, backend))
    assert [buffer.to_pybytes() for buffer in buffers] == [bytes(len(TEXT))]


@pytest.mark.parametrize("bit", range(8))
def test_any_flipped_bit_of_a_small_gcm_object_is_found(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend, bit: int
) -> None:
    """Every bit of body and tag counts."""
    write_object(store, keyring, GCM, b"five!")
    good = store.body()
    for place in range(len(good)):
        body = bytearray(good)
        body[place] ^= 1 << bit
        store.damage(body=bytes(body))
        with pytest.raises(IntegrityError):
            read_whole(opened_of(store, keyring, backend))


@pytest.mark.parametrize("change", [-400, -17, -16, -1, 1, 16])
def test_gcm_object_of_another_length_does_not_verify(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend, change: int
) -> None:
    """A body that was cut or grew is an error."""
    write_object(store, keyring, GCM, TEXT)
    store.damage(body=(store.body() + bytes(16))[: len(store.body()) + change])
    with pytest.raises(IntegrityError):
        read_whole(opened_of(store, keyring, backend))


@pytest.mark.parametrize("header", ["x-amz-iv", "x-amz-key-v2"])
def test_changed_iv_or_key_does_not_verify(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, backend: Backend, header: str
) -> None:
    """The body is bound to its IV and key."""
    write_object(store, keyring, GCM, b"other")
    other = store.metadata()[header]
    write_object(store, keyring, GCM, TEXT)
    store.damage(metadata=store.metadata() | {header: other})
    with pytest.raises(IntegrityError):
        read_whole(opened_of(store, keyring, backend))


@pytest.mark.parametrize("how", ["whole", "ranges"])
def test_object_replaced_between_requests(
    store: RecordingStore, kms: FakeKms, profile: Profile, backend: Backend, buffers: list[pa.Buffer], how: str
) -> None:
    """An object that is replaced after it was opened is an error with status 412, never a mix, and leaves no bytes."""
    keyring = KmsKeyring(kms, KEY)
    write_object(store, keyring, profile, TEXT)
    opened = opened_of(store, keyring, backend)
    write_object(store, keyring, profile, TEXT[::-1])
    with pytest.raises(TransferError, match="replaced") as caught:
        read_whole(opened) if how == "whole" else read_unverified_ranges(opened, [Span(0, 100)])
    assert caught.value.status == 412
    assert all(not any(buffer.to_pybytes()) for buffer in buffers)


@pytest.mark.parametrize("how", ["random", "reverse"])
def test_requests_may_end_in_any_order(keyring: KmsKeyring, profile: Profile, backend: Backend, how: str) -> None:
    """Each piece is decrypted where it belongs, whichever comes first."""
    store, text = Unordered(how), TEXT * 3
    write_object(store, keyring, profile, text)
    store.ended.clear()
    assert read_whole(opened_of(store, keyring, backend)).to_pybytes() == text
    assert store.ended != sorted(store.ended)
    assert read_unverified_ranges(opened_of(store, keyring, backend), [Span(3, 1199)])[0].to_pybytes() == text[3:1199]


def test_memory_is_one_buffer_of_the_plaintext(
    store: RecordingStore, keyring: KmsKeyring, buffers: list[pa.Buffer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verified read holds the object once: one Arrow buffer, and less than a tenth of it in Python."""
    monkeypatch.setattr(fetch, "cut", lambda span, size: ranges.cut(span, 1 << 18))
    size = (16 << 18) + 5
    write_object(store, keyring, GCM, bytes(size), part_bytes=1 << 20)
    opened = opened_of(store, keyring, native)
    body = store.body()

    def from_network(location: Any, start: int, out: Any, if_match: str) -> None:
        memoryview(out)[:] = memoryview(body)[start : start + len(out)]

    monkeypatch.setattr(store, "get_into", from_network)
    tracemalloc.start()
    try:
        buffer = read_whole(opened)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [each.size for each in buffers] == [buffer.size] == [size]
    assert peak < size / 10


@pytest.mark.parametrize("damaged", [False, True])
def test_values_are_wiped_in_the_end(
    store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    """The segments' values are secrets: zeros after the read, whether it verified or not."""
    values: list[Any] = []

    class Noting(reader.GcmBody):
        def __exit__(self, *arguments: Any) -> None:
            values.extend(self._values)
            assert all(any(value.view()) for value in values)
            super().__exit__(*arguments)

    monkeypatch.setattr(reader, "GcmBody", Noting)
    write_object(store, keyring, GCM, TEXT)
    if damaged:
        store.damage(body=b"x" * len(store.body()))
        with pytest.raises(IntegrityError):
            read_whole(opened_of(store, keyring, native))
    else:
        read_whole(opened_of(store, keyring, native))
    assert len(values) == 7
    assert all(bytes(value.view()) == bytes(16) for value in values)


def test_key_that_authenticates_nothing_does_not_verify(
    store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one key in 2^128 with a hash key of zero accepts any body: it is refused like a damaged object."""

    def refuse(*arguments: object) -> None:
        raise IntegrityError("the key authenticates nothing")

    write_object(store, keyring, GCM, TEXT)
    opened = opened_of(store, keyring, native)
    monkeypatch.setattr(native, "object_cipher", refuse)
    with pytest.raises(IntegrityError, match="the object does not verify; nothing was released") as caught:
        read_whole(opened)
    assert caught.value.__cause__ is None


class Failing(RecordingStore):
    """Fails the first range at once; the others are slow. Counts how many are being written."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.lock = threading.Lock()
        self.busy = 0

    def get_into(self, location: Any, start: int, out: Any, if_match: str) -> None:
        with self.lock:
            self.calls += 1
            call = self.calls
            self.busy += 1
        try:
            if call == 1:
                raise TransferError("cut", uri=location.uri)
            threading.Event().wait(0.05)
            super().get_into(location, start, out, if_match)
        finally:
            with self.lock:
                self.busy -= 1


@pytest.mark.parametrize("how", ["whole", "ranges"])
def test_failed_fetch_leaves_nobody_writing(
    keyring: KmsKeyring, profile: Profile, backend: Backend, buffers: list[pa.Buffer], how: str
) -> None:
    """When one of several requests fails, the others are over before the error is raised, and buffers are wiped."""
    store = Failing()
    write_object(store, keyring, profile, TEXT)
    opened = opened_of(store, keyring, backend)
    with pytest.raises(TransferError, match="cut"):
        read_whole(opened) if how == "whole" else read_unverified_ranges(opened, [Span(0, 100), Span(200, 390)])
    assert store.busy == 0
    assert buffers
    assert all(not any(buffer.to_pybytes()) for buffer in buffers)


def test_every_range_equals_the_slice(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend
) -> None:
    """All ranges of a small object, on both sides of every block border and of the tail."""
    text = TEXT[:70]
    write_object(store, keyring, profile, text)
    opened = opened_of(store, keyring, backend)
    for start in range(len(text) + 1):
        spans = [Span(start, end) for end in range(start, len(text) + 1)]
        found = [buffer.to_pybytes() for buffer in read_unverified_ranges(opened, spans)]
        assert found == [text[span.start : span.end] for span in spans]


def test_overlapping_and_repeated_ranges(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend
) -> None:
    """Spans may overlap, repeat, be empty and come in any order; the answers come in theirs."""
    write_object(store, keyring, profile, TEXT)
    spans = [
        Span(390, 400),
        Span(0, 50),
        Span(10, 20),
        Span(0, 50),
        Span(7, 7),
        Span(49, 51),
        Span(150, 390),
        Span(400, 400),
    ]
    found = read_unverified_ranges(opened_of(store, keyring, backend), spans)
    assert [buffer.to_pybytes() for buffer in found] == [TEXT[span.start : span.end] for span in spans]
    assert read_unverified_ranges(opened_of(store, keyring, backend), []) == []


@pytest.mark.parametrize("span", [Span(-1, 5), Span(0, 401), Span(401, 401), Span(5, 4)])
def test_range_outside_the_object_is_refused(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend, span: Span
) -> None:
    """A range past the end is an error and never tag or padding bytes; nothing is fetched for it."""
    write_object(store, keyring, profile, TEXT)
    opened = opened_of(store, keyring, backend)
    store.log.clear()
    with pytest.raises(ValueError, match="outside"):
        read_unverified_ranges(opened, [Span(0, 1), span])
    assert store.log == []


def test_close_ranges_share_requests_and_all_carry_the_etag(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coalesced spans cost one request, distant ones their own, and each is under If-Match."""
    asked: list[str] = []
    real = store.get_into

    def note(location: Any, start: int, out: Any, if_match: str) -> None:
        asked.append(if_match)
        real(location, start, out, if_match)

    monkeypatch.setattr(store, "get_into", note)
    write_object(store, keyring, profile, TEXT)
    opened = opened_of(store, keyring, backend)
    read_unverified_ranges(opened, [Span(0, 5), Span(20, 25), Span(40, 45), Span(200, 210)])
    assert asked == [opened.stored.etag] * 2


def test_plain_object_in_ranges(store: RecordingStore, keyring: KmsKeyring, backend: Backend) -> None:
    """Plain objects are read the same way."""
    store.put(PLACE, TEXT)
    opened = open_object(store, keyring, PLACE, Policy(plaintext="pass"), tail_bytes=32, backend=backend)
    assert read_whole(opened).to_pybytes() == TEXT
    assert read_unverified_ranges(opened, [Span(3, 390)])[0].to_pybytes() == TEXT[3:390]


def test_flipped_byte_of_a_range_comes_back_flipped(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend
) -> None:
    """Ranges of GCM are unverified, as their name says: this is what strict reading is for."""
    write_object(store, keyring, GCM, TEXT)
    store.flip(5)
    found = read_unverified_ranges(opened_of(store, keyring, backend), [Span(0, 10)])[0].to_pybytes()
    assert found == TEXT[:5] + bytes([TEXT[5] ^ 1]) + TEXT[6:10]


def test_many_threads_read_one_open_object(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend
) -> None:
    """An open object may be read by several threads at once, whole, as a stream, into files and in ranges."""
    write_object(store, keyring, profile, TEXT)
    opened = opened_of(store, keyring, backend)
    results: list[bytes] = []

    def into_file() -> bytes:
        out = io.BytesIO()
        read_to_file(opened, out, whole_bytes=0)
        return out.getvalue()

    ways: list[Callable[[], bytes]] = [
        lambda: read_whole(opened).to_pybytes(),
        lambda: b"".join(read_stream(opened)),
        into_file,
        lambda: read_unverified_ranges(opened, [Span(0, len(TEXT))])[0].to_pybytes(),
    ]
    threads = [threading.Thread(target=lambda way=way: results.append(way())) for way in ways * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [TEXT] * 12
