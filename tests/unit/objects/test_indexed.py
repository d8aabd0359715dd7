"""Ranges of indexed objects: any range equals the slice, nothing unverified comes out, little is fetched."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.index import TRAILER_BYTES
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, S3CSEError
from s3cse.objects import indexed, upload
from s3cse.objects.indexed import IndexedBody, find_index
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span
from s3cse.objects.upload import ObjectWriter, complete
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location
from spark.fakes import CBC, GCM, CountingStore, FakeKeyring

PLACE = Location("bucket", "object")
V3 = find_profile("s3ec-v4", "kms")
SEGMENT = 4096
AFTER = b"what follows the index" * 10
#: 25 segments, the last of them short, in parts of four.
DATA = random.Random(11).randbytes(24 * SEGMENT + 1008)


class Shelf:
    """One indexed object in memory."""

    def __init__(self, profile: Profile = GCM, data: bytes = DATA, backend: Backend = native) -> None:
        self.store, self.keyring = MemoryStore(), FakeKeyring()
        with ObjectWriter(
            self.store, PLACE, self.keyring, profile, part_bytes=4 * SEGMENT, segment_bytes=SEGMENT, backend=backend
        ) as writer:
            for at in range(0, len(data), 5000):
                writer.write(data[at : at + 5000])
            self.index = writer.segment_index(AFTER)
            writer.write(self.index)
            writer.write(AFTER)
            complete(self.store, writer.finish())
        self.data = data + self.index + AFTER

    def open(
        self, tail_bytes: int = 1024, store: CountingStore | None = None, backend: Backend = native
    ) -> IndexedBody:
        """Return the indexed body; there must be one."""
        opened = open_object(store or self.store, self.keyring, PLACE, Policy(), tail_bytes=tail_bytes, backend=backend)
        body = find_index(opened, len(AFTER)).body
        assert body is not None
        return body

    def flip(self, bit: int) -> None:
        """Flip one bit of what is stored."""
        stored, body = self.store.get_tail(PLACE, 1 << 30)
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        self.store.put(PLACE, bytes(changed), stored.metadata)


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    """An object of format V2."""
    return Shelf()


@pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])
@pytest.mark.parametrize("profile", [GCM, V3], ids=["V2", "V3"])
@pytest.mark.parametrize("tail_bytes", [32, 300, 1024, 5000, 1 << 20])
def test_any_ranges_are_the_slices(backend: Backend, profile: Profile, tail_bytes: int) -> None:
    """In both formats, on both backends, however much of the end came with the opening."""
    shelf = Shelf(profile, backend=backend)
    body = shelf.open(tail_bytes, backend=backend)
    assert body.after.to_pybytes() == AFTER
    end = len(shelf.data)
    spans = [Span(0, 1), Span(4095, 4097), Span(5, 5), Span(50_000, 60_000), Span(len(DATA) - 3, end), Span(0, end)]
    assert [found.to_pybytes() for found in body.read(spans)] == [shelf.data[span.start : span.end] for span in spans]


@settings(deadline=None, max_examples=50)
@given(borders=st.lists(st.tuples(st.integers(0, 103_000), st.integers(0, 30_000)), max_size=5))
def test_random_ranges_are_the_slices(shelf: Shelf, borders: list[tuple[int, int]]) -> None:
    """Any ranges at once, overlapping or not."""
    end = len(shelf.data)
    spans = [Span(min(start, end), min(start + length, end)) for start, length in borders]
    found = [buffer.to_pybytes() for buffer in shelf.open().read(spans)]
    assert found == [shelf.data[span.start : span.end] for span in spans]


def test_a_range_costs_its_segments(shelf: Shelf) -> None:
    """The index comes with the end, a range costs the segments it touches, and the end is never fetched again."""
    store = CountingStore(shelf.store)
    body = shelf.open(1024, store)
    assert [size for _, size in store.gets] == [1024]
    body.read([Span(4095, 4097)])
    assert [size for _, size in store.gets] == [1024, 2 * SEGMENT]
    body.read([Span(len(DATA) + 10, len(shelf.data))])
    assert len(store.gets) == 2
    body.read([Span(len(DATA) - 1, len(shelf.data))])  # of the last segment the end holds a part already
    assert sum(size for _, size in store.gets) <= 1024 + 2 * SEGMENT + 1008


def test_a_short_end_costs_one_request_more(shelf: Shelf) -> None:
    """Where opening brought too little along, the index is fetched."""
    store = CountingStore(shelf.store)
    shelf.open(32, store)
    assert len(store.gets) <= 3


@pytest.mark.parametrize("profile", [GCM, V3], ids=["V2", "V3"])
def test_every_flipped_bit_is_noticed(profile: Profile) -> None:
    """One flipped bit anywhere: its segment is refused, or the index is, and a segment elsewhere reads as ever.

    At or above the index the answer is an error or no index at all, never an index.
    """
    size = len(Shelf(profile).data) + 16
    for at in [*range(0, size - 16, 1999), *range(size - 16 - len(AFTER) - 500, size, 7)]:
        shelf = Shelf(profile)
        shelf.flip(8 * at + at % 8)
        opened = open_object(shelf.store, shelf.keyring, PLACE, Policy(), tail_bytes=2048)
        if at >= len(DATA):
            try:
                assert find_index(opened, len(AFTER)).body is None
            except IntegrityError as error:
                named = "s3://bucket/object" in str(error)
                assert named
            continue
        body = find_index(opened, len(AFTER)).body
        assert body is not None
        with pytest.raises(IntegrityError, match="s3://bucket/object"):
            body.read([Span(at, at + 1)])
        other = (at // SEGMENT + 1) % 25 * SEGMENT
        assert body.read([Span(other, other + 1)])[0].to_pybytes() == shelf.data[other : other + 1]


def test_a_changed_tag_is_an_error_although_the_index_is_right() -> None:
    """The HMAC alone is not enough: the object's own tag must be the one that the index gives."""
    shelf = Shelf()
    shelf.flip(8 * (len(shelf.data) + 15))
    with pytest.raises(IntegrityError, match="does not verify"):
        shelf.open()


def test_the_index_of_another_object_is_none() -> None:
    """An index from elsewhere, at the right place, encrypted under this object's key, is a claim and nothing else."""
    shelf, other = Shelf(), Shelf()
    data = DATA + other.index + AFTER
    with ObjectWriter(shelf.store, PLACE, shelf.keyring, GCM, part_bytes=1 << 20) as writer:
        writer.write(data)
        complete(shelf.store, writer.finish())
    search = find_index(open_object(shelf.store, shelf.keyring, PLACE, Policy()), len(AFTER))
    assert search.body is None
    assert search.claimed


@pytest.mark.parametrize("after", [-1, 0, 1, 8, len(AFTER) - 16, len(AFTER) + 1, len(DATA), 1 << 40])
def test_a_wrong_place_is_no_index(shelf: Shelf, after: int) -> None:
    """Wherever the object's end says that the index is: if it is not there, there is none."""
    opened = open_object(shelf.store, shelf.keyring, PLACE, Policy(), tail_bytes=64)
    assert find_index(opened, after).body is None


def test_an_object_that_is_shorter_or_longer_is_refused() -> None:
    """Cut or extended, the object is not the one of the index."""
    for change in (lambda body: body[: -16 - len(AFTER)], lambda body: body + bytes(16), lambda body: body[16:]):
        shelf = Shelf()
        stored, body = shelf.store.get_tail(PLACE, 1 << 30)
        shelf.store.put(PLACE, change(body), stored.metadata)
        with pytest.raises((S3CSEError, AssertionError)):
            shelf.open().read([Span(0, 16)])


def test_ranges_outside_are_mistakes(shelf: Shelf) -> None:
    """A range beyond the end is the caller's mistake, not the object's."""
    with pytest.raises(ValueError, match="outside"):
        shelf.open().read([Span(0, len(shelf.data) + 1)])


def test_a_made_up_place_far_from_the_end_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the index would lie is the object's own word: far from the end its 64 bytes are looked at first."""
    monkeypatch.setattr(indexed, "GUESSED_BYTES", 8 * SEGMENT)
    shelf = Shelf()
    store = CountingStore(shelf.store)
    opened = open_object(store, shelf.keyring, PLACE, Policy(), tail_bytes=512)
    far = len(shelf.data) - 2 * SEGMENT
    assert find_index(opened, far - (len(shelf.data) - far) % 16).body is None
    assert [size for _, size in store.gets][1:] == [TRAILER_BYTES]


def test_a_long_end_is_fetched_once_its_trailer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that is longer than a guess may be is read all the same."""
    monkeypatch.setattr(indexed, "GUESSED_BYTES", 100)
    shelf = Shelf()
    assert shelf.open(32).read([Span(5, 50)])[0].to_pybytes() == DATA[5:50]


@pytest.mark.parametrize("segment_bytes", [4096, None])
def test_parts_stay_whole_segments_however_long_the_object(
    monkeypatch: pytest.MonkeyPatch, segment_bytes: int | None
) -> None:
    """A length that needs larger parts gives parts of whole segments."""
    monkeypatch.setattr(upload, "MAX_PARTS", 3)
    store, keyring = MemoryStore(), FakeKeyring()
    length = 3 * 4096 + 4096 + (16 if segment_bytes is None else 4096)
    with ObjectWriter(
        store, PLACE, keyring, GCM, length=length + 0, part_bytes=4096, segment_bytes=segment_bytes
    ) as writer:
        writer.write(bytes(length))
        if segment_bytes:
            writer._pipeline.seal_begun()
            assert {value.length for value in writer._segments.body.values()} == {4096}  # type: ignore[union-attr]
        staged = writer.finish()
    assert len(staged.parts) <= 3


def test_cbc_has_no_index() -> None:
    """Nothing authenticates CBC, so its writer gives no index."""
    with ObjectWriter(MemoryStore(), PLACE, FakeKeyring(), CBC, part_bytes=16 * SEGMENT, segment_bytes=SEGMENT) as one:
        assert not one.indexed
        with pytest.raises(ValueError, match="no index"):
            one.segment_index(b"")


def test_an_index_needs_whole_blocks() -> None:
    """The writer refuses an index in the middle of a block, and parts that are not whole segments."""
    with ObjectWriter(MemoryStore(), PLACE, FakeKeyring(), GCM, segment_bytes=SEGMENT) as writer:
        writer.write(b"17 bytes of data.")
        with pytest.raises(ValueError, match="not at this place"):
            writer.segment_index(b"")
    with pytest.raises(ValueError, match="multiple of 4096"):
        ObjectWriter(MemoryStore(), PLACE, FakeKeyring(), GCM, part_bytes=4096 + 16, segment_bytes=SEGMENT)
