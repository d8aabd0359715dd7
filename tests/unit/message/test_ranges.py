"""Where frames are in a stored message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cse.errors import EnvelopeError
from s3cse.keyrings import AesKeyring
from s3cse.message import COMMITTING, COMMITTING_SIGNED, encrypt
from s3cse.message.frames import FINAL_OVERHEAD, REGULAR_OVERHEAD, FramePlan
from s3cse.message.header import read_header
from s3cse.message.input import BufferInput
from s3cse.message.ranges import Layout, footer_lengths, layout_of, longest_footer
from s3cse.message.suites import SUITES

KEYRING = AesKeyring(bytes(32), provider_id="tests", key_id="a")
lengths = st.integers(0, 1 << 40)
frame_lengths = st.integers(1, (1 << 32) - 1)


@given(lengths, st.integers(1 << 12, (1 << 32) - 1), st.integers(50, 5000), st.sampled_from([0, 73, 105]))
def test_the_stored_length_says_it_all(length: int, frame_length: int, header: int, footer: int) -> None:
    """The layout of a message's length is that of the plan that it was written by."""
    plan = FramePlan(length, frame_length)
    layout = layout_of(header, frame_length, header + plan.body_bytes + footer, footer)
    assert layout.plaintext_bytes == length
    assert layout.num_regular == plan.num_regular
    assert layout.body_end + footer == header + plan.body_bytes + footer
    assert layout.final_start == header + plan.num_regular * layout.stride


@given(st.integers(0, 3000), st.integers(1, 300))
def test_no_two_layouts_have_one_length(stored: int, frame_length: int) -> None:
    """A length is that of one number of frames, or of none: only those fit that arithmetic gives."""
    fitting = [
        (regular, final)
        for regular in range(stored // (frame_length + REGULAR_OVERHEAD) + 1)
        if 0 <= (final := stored - FINAL_OVERHEAD - regular * (frame_length + REGULAR_OVERHEAD)) <= frame_length
    ]
    try:
        layout = layout_of(0, frame_length, stored)
    except EnvelopeError:
        assert fitting == []
    else:
        assert fitting == [(layout.num_regular, layout.final_length)]


@pytest.mark.parametrize("stored", [0, 99, 100 + FINAL_OVERHEAD - 1])
def test_too_short(stored: int) -> None:
    """What has no room for a final frame was cut short."""
    with pytest.raises(EnvelopeError, match="cut short, or something follows"):
        layout_of(100, 16, stored)


def test_more_frames_than_can_be_counted() -> None:
    """A length that needs more sequence numbers than there are is no message's."""
    with pytest.raises(EnvelopeError, match="no message of this frame length"):
        layout_of(100, 1, 100 + (1 + REGULAR_OVERHEAD) * 2**32 + FINAL_OVERHEAD)


@given(st.data(), st.integers(1, 50), st.integers(0, 500))
def test_frames_of_a_span_hold_it(data: st.DataObject, frame_length: int, length: int) -> None:
    """They are the fewest that do, and their stored bytes are theirs alone."""
    plan = FramePlan(length, frame_length)
    layout = layout_of(10, frame_length, 10 + plan.body_bytes)
    start = data.draw(st.integers(0, length))
    end = data.draw(st.integers(start, length))
    frames = layout.frames(start, end)
    first, last = layout.plaintext_of(frames)
    if start == end:
        assert not frames
        return
    assert first <= start < min(first + frame_length, last)
    assert max(first, last - frame_length) < end <= last
    stored_start, stored_end = layout.stored_of(frames)
    final = frames.stop > layout.num_regular
    overhead = (len(frames) - final) * REGULAR_OVERHEAD + final * FINAL_OVERHEAD
    assert stored_end - stored_start == last - first + overhead
    assert stored_start == layout.header_bytes + frames.start * layout.stride


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (0, 21), (5, 4)])
def test_spans_outside_the_plaintext(start: int, end: int) -> None:
    """Are a mistake of the caller."""
    with pytest.raises(ValueError, match="outside"):
        Layout(100, 10, 1, 10).frames(start, end)


@pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 160])
def test_real_messages(suite: object, length: int) -> None:
    """The layout of a written message, its footer found by its last bytes, gives its plaintext's length."""
    message = encrypt(bytes(length), KEYRING, suite=suite, frame_length=16)  # type: ignore[arg-type]
    header = read_header(BufferInput(message), 16)
    curve = header.header.suite.curve
    tail = message[-longest_footer(curve) :] if curve else b""
    found = [layout_of(header.size, 16, len(message), footer) for footer in footer_lengths(curve, tail)[:1]]
    assert [layout.plaintext_bytes for layout in found] == [length]


@pytest.mark.parametrize("number", [0x0214, 0x0346, 0x0378, 0x0578])
@pytest.mark.parametrize("signature", [8, 68, 70, 72, 100, 102, 104])
def test_signatures_of_every_length(number: int, signature: int) -> None:
    """DER signatures vary: whatever says its own length is among what is tried."""
    curve = SUITES[number].curve
    assert curve is not None
    footer = signature.to_bytes(2, "big") + b"\x30" + bytes(signature - 1)
    assert len(footer) in footer_lengths(curve, bytes(200) + footer)


def test_no_signature_at_the_end() -> None:
    """A signed message whose footer was cut off is not valid."""
    with pytest.raises(EnvelopeError, match="no signature at the end"):
        footer_lengths("P-384", bytes(500))
