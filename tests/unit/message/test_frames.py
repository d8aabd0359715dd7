"""Frames: how a plaintext is cut, and bodies that are refused before any key is used."""

from __future__ import annotations

from typing import Any

import pytest

from s3cse.errors import EnvelopeError, PolicyError, SettingsError
from s3cse.message.frames import (
    FINAL_OVERHEAD,
    MAX_FRAMES,
    REGULAR_OVERHEAD,
    FramePlan,
    Kind,
    Piece,
    piece_aad,
    read_pieces,
)
from s3cse.message.header import Header
from s3cse.message.input import BufferInput
from s3cse.message.suites import COMMITTING

IV, TAG, END = bytes(12), bytes(16), b"\xff\xff\xff\xff"


def header_of(frame_length: int) -> Header:
    """A header; its keys do not matter here."""
    return Header(COMMITTING, bytes(32), {}, (), frame_length, bytes(32))


def pieces_of(body: bytes, frame_length: int = 4, limit: int | None = None) -> list[Piece]:
    """All pieces of a body, which must end there."""
    source = BufferInput(body)
    pieces = list(read_pieces(source, header_of(frame_length), limit))
    source.check_end()
    return pieces


def regular(sequence: int, data: bytes = b"abcd") -> bytes:
    """A regular frame."""
    return sequence.to_bytes(4, "big") + IV + data + TAG


def final(sequence: int, data: bytes = b"", length: int | None = None) -> bytes:
    """A final frame."""
    size = len(data) if length is None else length
    return END + sequence.to_bytes(4, "big") + IV + size.to_bytes(4, "big") + data + TAG


@pytest.mark.parametrize(
    ("length", "lengths"), [(0, [0]), (1, [1]), (3, [3]), (4, [4]), (5, [4, 1]), (8, [4, 4]), (9, [4, 4, 1])]
)
def test_a_plan_ends_in_one_final_frame(length: int, lengths: list[int]) -> None:
    """Every frame but the last is full; the last is full too where the length is a multiple."""
    plan = FramePlan(length, 4)
    frames = list(plan)
    assert [size for _, _, size in frames] == lengths
    assert [number for _, number, _ in frames] == list(range(1, len(lengths) + 1))
    assert [kind for kind, _, _ in frames] == [Kind.REGULAR] * (len(lengths) - 1) + [Kind.FINAL]
    assert plan.body_bytes == length + REGULAR_OVERHEAD * (len(lengths) - 1) + FINAL_OVERHEAD


def test_there_are_as_many_frames_as_sequence_numbers() -> None:
    """The last number fits, one frame more does not."""
    assert FramePlan(MAX_FRAMES * 4, 4).num_regular == MAX_FRAMES - 1
    with pytest.raises(SettingsError, match="more frames"):
        FramePlan(MAX_FRAMES * 4 + 1, 4)


def test_frames_are_read() -> None:
    """Kinds, numbers and contents, and all bytes in front of the ciphertext for the signature."""
    found = pieces_of(regular(1) + regular(2) + final(3, b"xy"))
    assert [(piece.kind, piece.sequence, bytes(piece.ciphertext)) for piece in found] == [
        (Kind.REGULAR, 1, b"abcd"),
        (Kind.REGULAR, 2, b"abcd"),
        (Kind.FINAL, 3, b"xy"),
    ]
    assert b"".join(piece.front + bytes(piece.ciphertext) + bytes(piece.tag) for piece in found) == (
        regular(1) + regular(2) + final(3, b"xy")
    )


BROKEN = {
    "begins at 0": regular(0) + final(1),
    "begins at 2": regular(2) + final(3),
    "a number twice": regular(1) + regular(1) + final(2),
    "a number left out": regular(1) + regular(3) + final(4),
    "two frames swapped": regular(2) + regular(1) + final(3),
    "the final frame numbered too low": regular(1) + final(1),
    "the final frame numbered too high": regular(1) + final(3),
    "a final frame longer than a frame": regular(1) + final(2, b"abcde"),
    "a final frame that promises more": final(1, b"ab", length=3),
    "a final frame that promises 4 GiB": final(1, b"ab", length=0xFFFFFFFF),
    "no final frame": regular(1) + regular(2),
    "a frame after the final one": final(1) + regular(2),
    "a second final frame": final(1) + final(2),
    "one byte after": final(1) + b"\0",
    "nothing": b"",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_broken_bodies_are_refused(body: bytes) -> None:
    """Order, numbers, lengths and the end are checked while reading."""
    with pytest.raises(EnvelopeError):
        pieces_of(body)


def test_every_cut_is_refused() -> None:
    """A body that ends early says so, wherever it ends."""
    whole = regular(1) + final(2, b"xyz")
    for length in range(len(whole)):
        with pytest.raises(EnvelopeError, match="ends within"):
            pieces_of(whole[:length])


def test_a_body_in_one_piece() -> None:
    """It has a length of eight bytes, up to GCM's limit."""
    (piece,) = pieces_of(IV + (3).to_bytes(8, "big") + b"abc" + TAG, frame_length=0)
    assert (piece.kind, piece.sequence, bytes(piece.ciphertext)) == (Kind.SINGLE, 1, b"abc")
    with pytest.raises(EnvelopeError, match="at most 68719476704"):
        pieces_of(IV + (2**36 - 31).to_bytes(8, "big"), frame_length=0)
    with pytest.raises(EnvelopeError, match="ends within"):
        pieces_of(IV + (2**36 - 32).to_bytes(8, "big") + b"abc", frame_length=0)


def test_pieces_that_do_not_fit_into_memory_are_refused_before_they_are_read() -> None:
    """The limit holds for frames, whose length the header says, and for a body in one piece."""
    assert pieces_of(final(1), frame_length=9, limit=9)
    for body, frame_length in ((b"", 10), (IV + (10).to_bytes(8, "big"), 0)):
        with pytest.raises(PolicyError, match="held in memory"):
            pieces_of(body, frame_length, limit=9)


def test_authenticated_data_is_the_specifications() -> None:
    """data-format/message-body-aad.md: id, text of the kind, number, length."""
    texts: dict[Any, bytes] = {Kind.REGULAR: b"Frame", Kind.FINAL: b"Final Frame", Kind.SINGLE: b"Single Block"}
    for kind, text in texts.items():
        wanted = b"id" + b"AWSKMSEncryptionClient " + text + bytes.fromhex("00000007 0000000000000009")
        assert piece_aad(b"id", kind, 7, 9) == wanted
