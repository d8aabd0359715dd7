"""Laws of encrypted objects: any writes, any ranges, any sizes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import cast

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.secret import Secret
from s3cse.envelope.detect import read_envelope
from s3cse.envelope.fields import decode_map, encode_map
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import KMS_PROFILE_NAMES, Profile, find_profile
from s3cse.errors import IntegrityError, S3CSEError
from s3cse.keyrings import DataKey
from s3cse.objects import fetch, ranges, reader
from s3cse.objects.download import read_to_file
from s3cse.objects.open import OpenObject, open_object
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span, coalesce, cut, widen
from s3cse.objects.reader import read_unverified_ranges, read_whole
from s3cse.objects.streaming import read_stream
from s3cse.objects.upload import ObjectWriter, StagedUpload, complete
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

PLACE = Location("bucket", "key")
POLICY = Policy(legacy="allow", plaintext="pass")
LONGEST = 700
#: Two cores, several people and a thread pool: time says nothing here.
no_deadline = settings(deadline=None)
BACKENDS = cast("Sequence[Backend]", [native, oracle])

texts = st.binary(max_size=LONGEST)
chunkings = st.lists(st.binary(max_size=200), max_size=12)
profiles = st.sampled_from([find_profile(name, "kms") for name in KMS_PROFILE_NAMES])
backends = st.sampled_from(BACKENDS)
part_sizes = st.integers(1, 12).map(lambda blocks: blocks * 16)
span_lists = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)).map(lambda pair: Span(pair[0], sum(pair))))


class Keys:
    """A keyring that wraps nothing: the blob is a number."""

    kind = "kms"

    def __init__(self) -> None:
        self.keys: list[bytes] = []

    def new_data_key(self, profile: Profile) -> DataKey:
        self.keys.append(os.urandom(32))
        context: Mapping[str, str] = {"aws:x-amz-cek-alg": profile.content_algorithm.value}
        stored = context if profile.wrap_algorithm == "kms+context" else {"kms_cmk_id": "k"}
        return DataKey(Secret(self.keys[-1]), b"%d" % (len(self.keys) - 1), stored)

    def unwrap(self, envelope: Envelope) -> Secret:
        number = envelope.encrypted_data_key
        return Secret(self.keys[int(number)] if number.isdigit() else bytes(32))


class World:
    """A store, a keyring and one object in it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.keyring = Keys()

    def write(
        self, chunks: Sequence[bytes], profile: Profile, part_bytes: int, backend: Backend, *, known: bool = False
    ) -> StagedUpload:
        with ObjectWriter(
            self.store,
            PLACE,
            self.keyring,
            profile,
            length=sum(map(len, chunks)) if known else None,
            part_bytes=part_bytes,
            memory_bytes=64,
            backend=backend,
        ) as writer:
            for chunk in chunks:
                writer.write(chunk)
            staged = writer.finish()
        complete(self.store, staged)
        return staged

    def open(self, backend: Backend, tail_bytes: int = 32) -> OpenObject:
        return open_object(self.store, self.keyring, PLACE, POLICY, tail_bytes=tail_bytes, backend=backend)

    def body(self) -> bytes:
        return self.store.get_tail(PLACE, 1 << 30)[1]


@pytest.fixture(scope="module", autouse=True)
def small_requests() -> Iterator[None]:
    """Requests of 64 bytes and holes of 32, so that small objects take several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "cut", lambda span, size: ranges.cut(span, 64))
        patch.setattr(reader, "coalesce", lambda spans: ranges.coalesce(spans, 32))
        yield


@no_deadline
@given(chunkings, part_sizes, backends, st.booleans())
def test_any_chunking_is_one_gcm_message(chunks: list[bytes], part_bytes: int, backend: Backend, known: bool) -> None:
    """However the writes are cut, `cryptography` opens the object in one shot."""
    world = World()
    world.write(chunks, find_profile("emrfs-v2", "kms"), part_bytes, backend, known=known)
    envelope = read_envelope(world.store.get_tail(PLACE, 1)[0].metadata)
    assert envelope is not None
    assert AESGCM(world.keyring.keys[0]).decrypt(envelope.iv, world.body(), None) == b"".join(chunks)


@no_deadline
@given(chunkings, profiles, part_sizes, st.integers(1, LONGEST), backends, backends, st.booleans())
def test_any_chunking_reads_back(
    chunks: list[bytes],
    profile: Profile,
    part_bytes: int,
    tail_bytes: int,
    writer: Backend,
    reader_: Backend,
    known: bool,
) -> None:
    """What one backend wrote in any cut, any backend reads in any way with any tail; sizes by formula are right."""
    world, text = World(), b"".join(chunks)
    staged = world.write(chunks, profile, part_bytes, writer, known=known)
    opened = world.open(reader_, tail_bytes)
    assert read_whole(opened).to_pybytes() == text
    assert b"".join(read_stream(opened)) == text
    out = io.BytesIO()
    assert read_to_file(opened, out, whole_bytes=0) == len(text)
    assert out.getvalue() == text
    assert staged.plaintext_bytes == opened.plaintext_bytes == len(text)
    assert staged.stored_bytes == len(world.body()) == profile.content_algorithm.stored_bytes(len(text))
    claimed = staged.metadata.get("x-amz-unencrypted-content-length")
    assert claimed == (None if profile.content_algorithm.commits else str(len(text)))


@no_deadline
@given(st.data(), texts, st.sampled_from([*KMS_PROFILE_NAMES, "plain"]), st.integers(1, LONGEST), backends)
def test_any_range_equals_the_slice(
    data: st.DataObject, text: bytes, kind: str, tail_bytes: int, backend: Backend
) -> None:
    """Any list of ranges of GCM, CBC and plain objects, overlapping or empty, equals the slices."""
    world = World()
    if kind == "plain":
        world.store.put(PLACE, text)
    else:
        world.write([text], find_profile(kind, "kms"), 64, backend)
    place = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(place, place).map(lambda pair: Span(min(pair), max(pair))), max_size=8))
    found = read_unverified_ranges(world.open(backend, tail_bytes), spans)
    assert [buffer.to_pybytes() for buffer in found] == [text[span.start : span.end] for span in spans]


@no_deadline
@given(st.data(), texts, backends)
def test_any_change_of_a_gcm_body_is_an_error(data: st.DataObject, text: bytes, backend: Backend) -> None:
    """No changed, shortened or lengthened body is ever released."""
    world = World()
    world.write([text], find_profile("emrfs-v2", "kms"), 64, backend)
    good, metadata = world.body(), dict(world.store.get_tail(PLACE, 1)[0].metadata)
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    changed = good[:start] + data.draw(st.binary(max_size=40)) + good[end:]
    if changed == good:
        return
    world.store.put(PLACE, changed, metadata)
    out = io.BytesIO()
    ways: list[Callable[[OpenObject], object]] = [
        read_whole,
        lambda opened: list(read_stream(opened)),
        lambda opened: read_to_file(opened, out, whole_bytes=0),
    ]
    for read in ways:
        with pytest.raises(S3CSEError) as caught:
            read(world.open(backend))
        assert not changed or isinstance(caught.value, IntegrityError)
    assert out.getvalue() == b""


@no_deadline
@given(st.data(), texts, backends)
def test_any_change_of_a_cbc_body_is_an_error_or_bytes_of_the_right_length(
    data: st.DataObject, text: bytes, backend: Backend
) -> None:
    """Nothing authenticates CBC, but no change makes the reader crash or return more than the body holds."""
    world = World()
    world.write([text], find_profile("emrfs", "kms"), 64, backend)
    metadata = dict(world.store.get_tail(PLACE, 1)[0].metadata)
    world.store.put(PLACE, changed := data.draw(st.binary(max_size=100)), metadata)
    try:
        opened = world.open(backend)
    except S3CSEError:
        return
    assert len(changed) - 16 <= opened.plaintext_bytes < len(changed)
    assert read_whole(opened).size == opened.plaintext_bytes


HEADERS = [
    "x-amz-key",
    "x-amz-key-v2",
    "x-amz-3",
    "x-amz-c",
    "x-amz-d",
    "x-amz-i",
    "x-amz-w",
    "x-amz-iv",
    "X-Amz-Iv",
    "x-amz-wrap-alg",
    "x-amz-cek-alg",
    "x-amz-tag-len",
    "x-amz-matdesc",
    "x-amz-unencrypted-content-length",
    "other",
]
VALUES = [
    "YQ==",
    "AAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAA==",
    "kms",
    "kms+context",
    "128",
    "{}",
    "AES/GCM/NoPadding",
    "AES/CBC/PKCS5Padding",
    '{"aws:x-amz-cek-alg":"AES/GCM/NoPadding"}',
]
headers = st.dictionaries(st.sampled_from(HEADERS), st.one_of(st.text(max_size=30), st.sampled_from(["", *VALUES])))


@given(headers, st.binary(max_size=40))
@settings(no_deadline, max_examples=500)
def test_no_headers_crash_the_reader(metadata: dict[str, str], body: bytes) -> None:
    """Whatever an attacker writes into headers and body: bytes, or an error of ours."""
    world = World()
    world.keyring.keys.append(bytes(32))
    world.store.put(PLACE, body, metadata)
    found = None
    try:
        read_whole(world.open(oracle))
    except S3CSEError as error:
        found = error
    assert found is None or found.uri == PLACE.uri


@no_deadline
@given(st.dictionaries(st.text(), st.text()))
def test_contexts_survive_their_header(context: dict[str, str]) -> None:
    """Any context of proper text reads back from pure ASCII."""
    text = encode_map(context)
    assert text.isascii()
    assert decode_map("x-amz-matdesc", text) == context


@no_deadline
@given(span_lists, st.integers(0, 400))
def test_coalesced_spans_cover_and_stay_apart(spans: list[Span], hole: int) -> None:
    """Coalescing loses no byte, adds only holes shorter than the limit, and gives sorted spans that far apart."""
    merged = coalesce(spans, hole)
    assert merged == sorted(merged)
    for before, after in pairwise(merged):
        assert after.start - before.end >= hole
    for span in spans:
        assert len(span) == 0 or any(run.start <= span.start and span.end <= run.end for run in merged)
    wanted = {place for span in spans for place in range(span.start, span.end)}
    for run in merged:
        assert {run.start, run.end - 1} <= wanted
        gap = 0
        for place in range(run.start, run.end):
            gap = 0 if place in wanted else gap + 1
            assert gap < max(hole, 1)


@no_deadline
@given(span_lists, st.integers(0, 400))
def test_coalescing_twice_changes_nothing(spans: list[Span], hole: int) -> None:
    """Coalescing is idempotent and does not depend on order."""
    merged = coalesce(spans, hole)
    assert coalesce(merged, hole) == merged
    assert coalesce(list(reversed(spans)), hole) == merged


@no_deadline
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 64).map(lambda blocks: blocks * 16))
def test_cut_pieces_join_to_the_span(start: int, length: int, size: int) -> None:
    """Pieces are not empty, not too long, and follow each other from start to end."""
    pieces = cut(Span(start, start + length), size)
    assert all(0 < len(piece) <= size for piece in pieces)
    assert [piece.end for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    assert sum(map(len, pieces)) == length
    assert not pieces or (pieces[0].start, pieces[-1].end) == (start, start + length)


@no_deadline
@given(st.integers(0, 10_000), st.integers(0, 500), st.integers(0, 500))
def test_widened_spans_are_whole_blocks(start: int, length: int, beyond: int) -> None:
    """Widening reaches block borders or the limit, adds less than a block on each side, and is idempotent."""
    span, limit = Span(start, start + length), start + length + beyond
    wide = widen(span, limit)
    assert span.start - 16 < wide.start <= span.start
    assert span.end <= wide.end < span.end + 16
    assert wide.start % 16 == 0
    assert wide.end % 16 == 0 or wide.end == limit
    assert wide.end <= limit
    assert widen(wide, limit) == wide
