"""Where the frames of a message are in its stored bytes. Pure arithmetic; all numbers are bytes unless they say so.

Frames of a message have one length, but for the last, so the message's own length says how many there are and how long
the plaintext is. That is a claim until the final frame has been opened: its number and its length are authenticated,
and no other message of this key has it.

    header ‖ regular frame 1 … regular frame n ‖ final frame n + 1 ‖ footer (of signed suites)
"""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.errors import EnvelopeError
from s3cse.message.frames import FINAL_OVERHEAD, MAX_FRAMES, REGULAR_OVERHEAD, not_valid
from s3cse.message.signature import SIGNATURE_BYTES
from s3cse.message.suites import Curve

_LENGTH_BYTES = 2
_DER_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class Layout:
    """The frames of one message. Frames are counted from 0; their sequence numbers are one more.

    Attributes:
        header_bytes: length of the header.
        frame_length: plaintext of every frame but the last.
        num_regular: frames before the last.
        final_length: plaintext of the last frame, at most the frame length.
        footer_bytes: length of the footer, 0 where there is none.
    """

    header_bytes: int
    frame_length: int
    num_regular: int
    final_length: int
    footer_bytes: int = 0

    @property
    def stride(self) -> int:
        """Stored length of a regular frame."""
        return self.frame_length + REGULAR_OVERHEAD

    @property
    def plaintext_bytes(self) -> int:
        """Length of the plaintext."""
        return self.num_regular * self.frame_length + self.final_length

    @property
    def final_start(self) -> int:
        """Where the final frame begins in the message."""
        return self.header_bytes + self.num_regular * self.stride

    @property
    def body_end(self) -> int:
        """Where the final frame ends, and the footer begins."""
        return self.final_start + FINAL_OVERHEAD + self.final_length

    def frames(self, start: int, end: int) -> range:
        """Return the frames that hold the plaintext bytes [start, end); none for an empty span.

        Raises:
            ValueError: the span is outside the plaintext.
        """
        if not 0 <= start <= end <= self.plaintext_bytes:
            raise ValueError(f"range [{start}, {end}) is outside [0, {self.plaintext_bytes})")
        return range(start // self.frame_length, (end - 1) // self.frame_length + 1) if start < end else range(0)

    def plaintext_of(self, frames: range) -> tuple[int, int]:
        """Return the plaintext bytes [start, end) that consecutive frames hold."""
        start, end = frames.start * self.frame_length, frames.stop * self.frame_length
        return start, max(start, min(end, self.plaintext_bytes))

    def stored_of(self, frames: range) -> tuple[int, int]:
        """Return where consecutive frames are in the message, [start, end)."""
        start = self.header_bytes + frames.start * self.stride
        end = self.body_end if frames.stop > self.num_regular else self.header_bytes + frames.stop * self.stride
        return start, end


def layout_of(header_bytes: int, frame_length: int, message_bytes: int, footer_bytes: int = 0) -> Layout:
    """Return the layout that a message in frames has by its length.

    There is one for each length at most: a final frame is no longer than others, and costs more.

    Raises:
        EnvelopeError: no message of this frame length has this length, so it was cut short or something follows it.
    """
    left = message_bytes - header_bytes - footer_bytes - FINAL_OVERHEAD
    num_regular, final_length = divmod(left, frame_length + REGULAR_OVERHEAD)
    if left < 0 or final_length > frame_length or num_regular >= MAX_FRAMES:
        raise EnvelopeError(
            "no message of this frame length has this length",
            found=f"{message_bytes} bytes, frames of {frame_length}",
            expected=f"a header of {header_bytes}, whole frames, and a last one",
            fix="it was cut short, or something follows it: restore the whole message",
        )
    return Layout(header_bytes, frame_length, num_regular, final_length, footer_bytes)


def footer_lengths(curve: Curve | None, tail: bytes) -> tuple[int, ...]:
    """Return how long a message's footer may be, by its last bytes; the likeliest first.

    DER signatures vary in length by a few bytes, and only their front says theirs. Which one is meant is known when the
    final frame before it has been opened.

    Args:
        curve: of the signature; None: there is no footer.
        tail: the end of the message, :func:`longest_footer` bytes at least, or all of it.

    Raises:
        EnvelopeError: none fits: the signature was cut off.
    """
    if curve is None:
        return (0,)
    usual = SIGNATURE_BYTES[curve] + _LENGTH_BYTES
    lengths = sorted(range(_LENGTH_BYTES + 1, longest_footer(curve) + 1), key=lambda length: abs(length - usual))
    found = tuple(length for length in lengths if length < len(tail) and _is_footer(tail[-length:]))
    if not found:
        raise not_valid("no signature at the end", "the footer of a signed message")
    return found


def longest_footer(curve: Curve) -> int:
    """Return how long a footer is at most; a signature can be nothing else than about as long as ours."""
    return _LENGTH_BYTES + 2 * SIGNATURE_BYTES[curve]


def _is_footer(data: bytes) -> bool:
    return int.from_bytes(data[:_LENGTH_BYTES], "big") == len(data) - _LENGTH_BYTES and data[2] == _DER_SEQUENCE
