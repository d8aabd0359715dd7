"""The body of a message: frames of equal length and a last one, or (old messages, read only) one piece.

Source: AWS Encryption SDK specification, data-format/message-body.md and message-body-aad.md. Each piece is a GCM
message of its own: its IV is its sequence number (where we write it), and its authenticated data are the message's id,
its kind, its sequence number and its length. So frames cannot be reordered, repeated, left out, or moved between
messages.

    regular frame   sequence (4) ‖ IV (12) ‖ ciphertext (the header's frame length) ‖ tag (16)
    final frame     FF FF FF FF ‖ sequence (4) ‖ IV (12) ‖ length (4) ‖ ciphertext ‖ tag (16)
    one piece       IV (12) ‖ length (8) ‖ ciphertext ‖ tag (16)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import GCM_IV_BYTES, GCM_MAX_PLAINTEXT_BYTES, GCM_TAG_BYTES
from s3cse.errors import EnvelopeError, IntegrityError, PolicyError, SettingsError
from s3cse.message.header import Header
from s3cse.message.input import Input

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

_FINAL_MARK = b"\xff\xff\xff\xff"
_SEQUENCE_BYTES = 4
_NUMBER = struct.Struct(">I")
#: Frames of one message: their sequence numbers have four bytes, and the last number marks the final frame.
MAX_FRAMES = 2**32 - 1
REGULAR_OVERHEAD = _SEQUENCE_BYTES + GCM_IV_BYTES + GCM_TAG_BYTES
FINAL_OVERHEAD = len(_FINAL_MARK) + REGULAR_OVERHEAD + 4


class Kind(Enum):
    """What a piece of a body is, as its authenticated data says it."""

    REGULAR = b"AWSKMSEncryptionClient Frame"
    FINAL = b"AWSKMSEncryptionClient Final Frame"
    SINGLE = b"AWSKMSEncryptionClient Single Block"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece as it was read: ``front`` is all before the ciphertext. Nothing of it is verified."""

    kind: Kind
    sequence: int
    iv: bytes
    front: bytes
    ciphertext: Buffer
    tag: Buffer

    @property
    def length(self) -> int:
        """Bytes of ciphertext, and of plaintext."""
        return len(memoryview(self.ciphertext))


def piece_iv(sequence: int) -> bytes:
    """Return a piece's IV: its sequence number. The header's is zero, which no piece has."""
    return sequence.to_bytes(GCM_IV_BYTES, "big")


def piece_aad(message_id: bytes, kind: Kind, sequence: int, length: int) -> bytes:
    """Return a piece's authenticated data."""
    return message_id + kind.value + sequence.to_bytes(4, "big") + length.to_bytes(8, "big")


def front_of(kind: Kind, sequence: int, length: int) -> bytes:
    """Return what a frame has before its ciphertext."""
    number, iv = sequence.to_bytes(_SEQUENCE_BYTES, "big"), piece_iv(sequence)
    if kind is Kind.REGULAR:
        return number + iv
    return _FINAL_MARK + number + iv + length.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How a plaintext of known length is cut into frames. The last frame is full where the length is a multiple."""

    length: int
    frame_length: int

    def __post_init__(self) -> None:
        if self.num_regular >= MAX_FRAMES:
            raise too_many_frames(self.frame_length)

    @property
    def num_regular(self) -> int:
        """Frames before the final one."""
        return max(0, -(-self.length // self.frame_length) - 1)

    @property
    def body_bytes(self) -> int:
        """Length of the message's body."""
        return self.length + self.num_regular * REGULAR_OVERHEAD + FINAL_OVERHEAD

    def __iter__(self) -> Iterator[tuple[Kind, int, int]]:
        """Give each frame's kind, sequence number and length."""
        for sequence in range(1, self.num_regular + 1):
            yield Kind.REGULAR, sequence, self.frame_length
        yield Kind.FINAL, self.num_regular + 1, self.length - self.num_regular * self.frame_length


def count_regular(data: memoryview, first_sequence: int, frame_length: int, at_most: int = MAX_FRAMES) -> int:
    """Return how many regular frames the data begins with, whole and numbered from ``first_sequence`` on."""
    stride, count = frame_length + REGULAR_OVERHEAD, 0
    limit = min(at_most, len(data) // stride, MAX_FRAMES - first_sequence)
    while count < limit and _NUMBER.unpack_from(data, count * stride)[0] == first_sequence + count:
        count += 1
    return count


def read_pieces(
    source: Input, header: Header, max_piece_bytes: int | None = None, first_sequence: int = 1
) -> Iterator[Piece]:
    """Read the pieces of a body, in order; the last one is of kind FINAL or SINGLE.

    Args:
        source: just after the header, or after the frames before ``first_sequence``.
        header: verified.
        max_piece_bytes: the longest piece to take into memory; None: any, as for a message that is there already.

    Raises:
        EnvelopeError: the body is not valid, out of order, or cut short.
        PolicyError: a piece may be longer than allowed.
    """
    if not header.framed:
        yield _single(source, max_piece_bytes)
        return
    check_allowed(header.frame_length, max_piece_bytes)
    sequence = first_sequence
    kind = Kind.REGULAR
    while kind is Kind.REGULAR:
        piece = _frame(source, sequence, header.frame_length)
        kind = piece.kind
        yield piece
        sequence += 1


def _frame(source: Input, expected: int, frame_length: int) -> Piece:
    front = bytearray(source.take(_SEQUENCE_BYTES, "sequence number"))
    kind, length = Kind.REGULAR, frame_length
    if front == _FINAL_MARK:
        kind = Kind.FINAL
        front += source.take(_SEQUENCE_BYTES, "sequence number")
    sequence = int.from_bytes(front[-_SEQUENCE_BYTES:], "big")
    if sequence != expected:
        raise not_valid(f"frame {sequence}", f"frame {expected}")
    iv = _iv(source)
    front += iv
    if kind is Kind.FINAL:
        field = bytes(source.take(4, "frame length"))
        length = int.from_bytes(field, "big")
        front += field
    if length > frame_length:
        raise not_valid(f"a final frame of {length} bytes", f"at most the frame length, {frame_length}")
    return Piece(
        kind, sequence, iv, bytes(front), source.take(length, f"frame {sequence}"), source.take(GCM_TAG_BYTES, "tag")
    )


def _single(source: Input, max_piece_bytes: int | None) -> Piece:
    iv = _iv(source)
    field = bytes(source.take(8, "length of the body"))
    length = int.from_bytes(field, "big")
    if length > GCM_MAX_PLAINTEXT_BYTES:
        raise not_valid(f"a body of {length} bytes", f"at most {GCM_MAX_PLAINTEXT_BYTES}")
    check_allowed(length, max_piece_bytes)
    return Piece(Kind.SINGLE, 1, iv, iv + field, source.take(length, "body"), source.take(GCM_TAG_BYTES, "tag"))


def _iv(source: Input) -> bytes:
    # Any is taken, as by every other client: some wrote others than the sequence number, which the tag binds anyway.
    return bytes(source.take(GCM_IV_BYTES, "IV"))


def check_allowed(length: int, allowed: int | None) -> None:
    """Refuse a piece that is longer than what a reader holds in memory.

    Raises:
        PolicyError: it is.
    """
    if allowed is not None and length > allowed:
        raise PolicyError(
            "a piece of the message may be longer than what is held in memory",
            found=f"{length} bytes that verify as a whole only",
            expected=f"at most {allowed}",
            fix="allow more with max_piece_bytes, or use decrypt, which holds the whole message",
        )


def too_many_frames(frame_length: int) -> SettingsError:
    """Return the error for a message that would have more frames than sequence numbers."""
    return SettingsError(
        "the message would have more frames than the format can count",
        found=f"a frame length of {frame_length}",
        expected=f"at most {MAX_FRAMES} frames",
        fix="choose longer frames",
    )


def not_valid(found: str, expected: str) -> EnvelopeError:
    """Return the error for a body that breaks the format."""
    return EnvelopeError(
        "the message's body is not valid",
        found=found,
        expected=expected,
        fix="restore the message from a copy you trust",
    )


def does_not_verify(kind: Kind, sequence: int) -> IntegrityError:
    """Return the error for a piece whose tag is wrong."""
    what = "body" if kind is Kind.SINGLE else f"frame {sequence}"
    return IntegrityError(
        f"the message's {what} does not verify",
        expected="the bytes that its writer encrypted",
        fix="the message was changed: restore it from a copy you trust",
    )
