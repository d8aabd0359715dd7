"""Reading messages whole, as streams and in ranges; what is released before a failure, and what never is."""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3cse.crypto.ciphers import Backend
from s3cse.errors import EnvelopeError, IntegrityError, TransferError
from s3cse.message import COMMITTING, COMMITTING_SIGNED, Suite
from s3cse.objects import message_body
from s3cse.objects.download import read_to_file
from s3cse.objects.policy import INTEGRITY, Policy
from s3cse.objects.ranged import ranged
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges, read_whole
from s3cse.objects.streaming import read_stream
from s3cse.objects.verified_ranges import read_verified
from s3cse.objects.workers import WINDOW
from s3cse.storage.spool import SpoolFile

from .fakes import PLACE, RecordingStore, Unordered, open_files_in
from .messages import FRAME, message_of, opened_message

TEXT = os.urandom(20 * FRAME + 7)
BOTH = pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED], ids=["unsigned", "signed"])
MEMORY = pytest.mark.parametrize("memory_bytes", [0, 1 << 20], ids=["spooled", "in memory"])


@pytest.fixture(autouse=True)
def requests_of_a_few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that short messages take several."""
    monkeypatch.setattr(message_body, "REQUEST_BYTES", 3 * (FRAME + 32))


def take(found: Generator[Any, None, None], into: bytearray) -> None:
    """Take all that comes, also where an error ends it."""
    for piece in found:
        into += bytes(piece)


def joined(found: Generator[Any, None, None]) -> bytes:
    return b"".join(bytes(piece) for piece in found)


@BOTH
@pytest.mark.parametrize("length", [0, 1, FRAME - 1, FRAME, FRAME + 1, 6 * FRAME, len(TEXT)])
def test_every_way_gives_the_plaintext(store: RecordingStore, backend: Backend, suite: Suite, length: int) -> None:
    """Whole, streamed, verified through memory and disk, into a file, and as one range."""
    text = TEXT[:length]
    opened = opened_message(store, message_of(text, suite=suite), backend=backend)
    assert read_whole(opened).to_pybytes() == text
    assert joined(read_stream(opened)) == text
    for memory_bytes in (0, 1 << 20):
        assert joined(read_verified(opened, Span(0, length), memory_bytes=memory_bytes)) == text
        out = io.BytesIO()
        assert read_to_file(opened, out, whole_bytes=memory_bytes) == length
        assert out.getvalue() == text
    assert read_unverified_ranges(opened, [Span(0, length)])[0].to_pybytes() == text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), length=st.integers(0, len(TEXT)), signed=st.booleans(), memory=st.sampled_from([0, 1 << 20]))
def test_any_range_is_the_slice(data: st.DataObject, length: int, signed: bool, memory: int) -> None:
    """Several at once too."""
    store, text = RecordingStore(), TEXT[:length]
    opened = opened_message(store, message_of(text, suite=COMMITTING_SIGNED if signed else COMMITTING))
    spans = []
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, length))
        spans.append(Span(start, data.draw(st.integers(start, length))))
    found = read_unverified_ranges(opened, spans)
    assert [buffer.to_pybytes() for buffer in found] == [text[span.start : span.end] for span in spans]
    for span in spans:
        assert joined(read_verified(opened, span, memory_bytes=memory)) == text[span.start : span.end]


@pytest.mark.parametrize("span", [Span(-1, 2), Span(0, len(TEXT) + 1), Span(5, 4)])
def test_ranges_outside(store: RecordingStore, span: Span) -> None:
    """Are a mistake of the caller."""
    opened = opened_message(store, message_of(TEXT))
    with pytest.raises(ValueError, match="outside"):
        read_unverified_ranges(opened, [span])
    with pytest.raises(ValueError, match="outside"):
        next(read_verified(opened, span))


def test_a_range_fetches_its_frames_only(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request for neighbours; what came along when it was opened costs none."""
    monkeypatch.setattr(message_body, "REQUEST_BYTES", 1 << 20)
    frame = 4096
    opened = opened_message(store, message_of(bytes(100 * frame), frame_length=frame))
    store.log.clear()
    read_unverified_ranges(opened, [Span(frame, frame + 1), Span(2 * frame, 2 * frame + 5)])
    assert store.log == [("GET", PLACE.key)]
    store.log.clear()
    list(read_verified(opened, Span(99 * frame, 100 * frame)))
    assert store.log == []


def test_an_unsigned_range_looks_at_its_own_frames(store: RecordingStore) -> None:
    """Damage elsewhere is not its affair; damage in it is never released, under any policy."""
    opened = opened_message(store, message_of(TEXT))
    assert opened.message is not None
    at = len(opened.message.raw_header) + 5 * (FRAME + 32) + 40
    store.flip(at)
    opened = opened_message(store)
    good, bad = Span(0, 5 * FRAME), Span(5 * FRAME + 1, 5 * FRAME + 2)
    for read in (lambda span: joined(read_verified(opened, span)), lambda span: read_unverified_ranges(opened, [span])):
        read(good)
        with pytest.raises(IntegrityError, match=f"{PLACE.key}: .*frame 6 does not verify"):
            read(bad)


def test_an_unsigned_stream_ends_where_it_is_damaged(store: RecordingStore) -> None:
    """What came before is a true beginning; nothing of the damaged frame comes."""
    opened = opened_message(store, message_of(TEXT))
    assert opened.message is not None
    store.flip(len(opened.message.raw_header) + 10 * (FRAME + 32) + 40)
    for read in (read_stream, lambda opened: read_verified(opened, Span(0, len(TEXT)))):
        given_out = bytearray()
        with pytest.raises(IntegrityError, match="frame 11"):
            take(read(opened_message(store)), given_out)
        assert len(given_out) <= 10 * FRAME
        assert TEXT.startswith(bytes(given_out))


@MEMORY
@pytest.mark.parametrize("where", ["first frame", "last frame", "signature"])
@pytest.mark.parametrize("span", [Span(0, len(TEXT)), Span(500, 600), Span(0, 0)])
def test_a_signed_message_releases_nothing_before_it_verified(
    store: RecordingStore, memory_bytes: int, where: str, span: Span
) -> None:
    """Strict readers get nothing of it, whatever is damaged, and whatever they ask for."""
    message = message_of(TEXT, suite=COMMITTING_SIGNED)
    opened = opened_message(store, message)
    assert opened.message is not None
    assert opened.message.layout is not None
    places = {
        "first frame": len(opened.message.raw_header) + 30,
        "last frame": opened.message.layout.body_end - 20,
        "signature": len(message) - 5,
    }
    store.flip(places[where])
    with pytest.raises((IntegrityError, EnvelopeError)) as caught:
        next(read_verified(opened_message(store), span, memory_bytes=memory_bytes))
    assert PLACE.uri in str(caught.value)
    with pytest.raises((IntegrityError, EnvelopeError)):
        read_whole(opened_message(store))


def test_a_signed_stream_keeps_its_last_frames_back(store: RecordingStore) -> None:
    """Frames come while they arrive, but the last ones only with the signature."""
    message = message_of(TEXT, suite=COMMITTING_SIGNED)
    store.put(PLACE, message)
    store.flip(len(message) - 5)
    given_out = bytearray()
    with pytest.raises(IntegrityError, match=f"{PLACE.key}: .*has been released"):
        take(read_stream(opened_message(store)), given_out)
    assert 0 < len(given_out) < len(TEXT)
    assert TEXT.startswith(bytes(given_out))


def test_another_signature_of_the_right_form(store: RecordingStore) -> None:
    """One of another message, by another key pair, does not pass."""
    ours, other = (message_of(TEXT, suite=COMMITTING_SIGNED) for _ in range(2))
    opened = opened_message(store, ours[:-105] + other[-105:])
    with pytest.raises(IntegrityError, match="signature"):
        read_whole(opened)


def test_signed_ranges_without_the_signature(store: RecordingStore) -> None:
    """Who asks for unverified ranges gets frames that verify, and no word on the signature."""
    message = message_of(TEXT, suite=COMMITTING_SIGNED)
    store.put(PLACE, message)
    store.flip(len(message) - 5)
    opened = opened_message(store)
    assert read_unverified_ranges(opened, [Span(100, 200)])[0].to_pybytes() == TEXT[100:200]


def test_the_spool_is_not_trusted_and_goes(
    store: RecordingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds ciphertext; other bytes than were put there are no plaintext."""
    opened = opened_message(store, message_of(TEXT, suite=COMMITTING_SIGNED))
    found = read_verified(opened, Span(0, len(TEXT)), spool_directory=str(tmp_path), memory_bytes=0)
    next(found)
    assert open_files_in(tmp_path) == 1
    found.close()
    assert open_files_in(tmp_path) == 0

    def read_at(self: SpoolFile, offset: int, out: memoryview) -> None:
        out[:] = bytes(len(out))

    monkeypatch.setattr(SpoolFile, "read_at", read_at)
    with pytest.raises((IntegrityError, EnvelopeError)):
        next(read_verified(opened, Span(0, len(TEXT)), memory_bytes=0))


@BOTH
def test_requests_that_end_in_another_order(suite: Suite) -> None:
    """Change nothing."""
    store = Unordered("random")
    opened = opened_message(store, message_of(TEXT, suite=suite))
    assert read_whole(opened).to_pybytes() == TEXT
    assert joined(read_stream(opened)) == TEXT


@BOTH
def test_replaced_while_it_is_read(store: RecordingStore, suite: Suite) -> None:
    """Is an error, and never a mix."""
    text = bytes(3000 * FRAME)
    opened = opened_message(store, message_of(text, suite=suite))
    store.put(PLACE, message_of(text, suite=suite))
    for read in (read_whole, lambda opened: joined(read_stream(opened))):
        with pytest.raises(TransferError):
            read(opened)


@pytest.mark.parametrize("integrity", INTEGRITY)
def test_how_ranges_may_be_read(store: RecordingStore, integrity: str) -> None:
    """Unsigned: verified, always. Signed: not where all must be verified first. In one piece: never."""
    policy = Policy(integrity=integrity)
    unsigned = ranged(opened_message(store, message_of(TEXT)), policy)
    assert unsigned is not None
    assert unsigned.verified
    assert unsigned.read([Span(5, 9)])[0].to_pybytes() == TEXT[5:9]
    signed = ranged(opened_message(store, message_of(TEXT, suite=COMMITTING_SIGNED)), policy)
    assert (signed is None) == (integrity in ("strict", "stream"))
    assert signed is None or not signed.verified
    assert ranged(opened_message(store, message_of(TEXT, in_one_piece=True)), policy) is None


def test_ranges_of_a_message_in_one_piece(store: RecordingStore) -> None:
    """Come out of the whole, verified."""
    opened = opened_message(store, message_of(TEXT, in_one_piece=True))
    assert joined(read_verified(opened, Span(3, 10))) == TEXT[3:10]
    assert read_unverified_ranges(opened, [Span(3, 10)])[0].to_pybytes() == TEXT[3:10]
    assert joined(read_stream(opened)) == TEXT


@BOTH
def test_memory_of_a_stream(store: RecordingStore, monkeypatch: pytest.MonkeyPatch, suite: Suite) -> None:
    """Is a window of requests, stored bytes and plaintext, whatever the length."""
    request = 1 << 15
    monkeypatch.setattr(message_body, "REQUEST_BYTES", request)
    opened = opened_message(store, message_of(bytes(24 * request), frame_length=1 << 12, suite=suite))
    for read in (read_stream(opened), read_verified(opened, Span(0, opened.plaintext_bytes), memory_bytes=0)):
        before, most = pa.total_allocated_bytes(), 0
        for _ in read:
            most = max(most, pa.total_allocated_bytes() - before)
        assert request < most <= 2 * (WINDOW + 2) * request
