"""The frames of a whole message in memory, in batches and on several threads: between one buffer and another."""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.message.frames import REGULAR_OVERHEAD, FramePlan, Kind, Piece, count_regular, read_pieces
from s3cse.message.header import Header
from s3cse.message.input import BufferInput
from s3cse.message.opening import Opened
from s3cse.message.sealing import Sealing
from s3cse.message.workers import run_all

#: Of plaintext, that one call of the cipher takes; an interrupt waits no longer than for one.
_BATCH_BYTES = 4 << 20
#: Likewise where a signature's hash reads them after the cipher: they are still in the processor's cache then.
_SIGNED_BATCH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Batch:
    """Regular frames that are done in one call: those from number ``before`` + 1 on."""

    before: int
    count: int


def seal_message(sealing: Sealing, plan: FramePlan, plaintext: memoryview, out: memoryview, threads: int) -> None:
    """Write the whole message of a plaintext.

    Args:
        sealing: of this message.
        plan: how the plaintext is cut.
        plaintext: bytes.
        out: of exactly the message's length; overlaps with nothing.
        threads: that run the cipher at once. A signature's hash runs in the caller's, behind them.
    """
    frame_length, stride = plan.frame_length, plan.frame_length + REGULAR_OVERHEAD
    start = len(sealing.raw_header)
    body = out[start:]
    out[:start] = sealing.raw_header

    def frames(batch: _Batch) -> memoryview:
        return body[batch.before * stride : (batch.before + batch.count) * stride]

    def seal(batch: _Batch) -> None:
        content = plaintext[batch.before * frame_length : (batch.before + batch.count) * frame_length]
        sealing.seal_frames(batch.before + 1, content, frames(batch))

    sign = (lambda batch: sealing.sign(frames(batch))) if sealing.signs else None
    run_all(_batches(plan.num_regular, frame_length, sealing.signs), seal, sign, threads)
    rest = plaintext[plan.num_regular * frame_length :]
    at = plan.num_regular * stride
    at += sealing.seal(Kind.FINAL, plan.num_regular + 1, rest, body[at:])
    body[at:] = sealing.footer()


@dataclass(frozen=True, slots=True)
class Body:
    """Where the pieces of a body are; nothing of it is verified.

    Attributes:
        frame_length: of regular frames.
        num_regular: of them there are so many, numbered from 1 on.
        frames: all regular frames.
        last: the final frame, or the body in one piece.
        end: what of the message's body ``last`` is, its front and tag included.
    """

    frame_length: int
    num_regular: int
    frames: memoryview
    last: Piece
    end: memoryview

    @property
    def length(self) -> int:
        """Of the plaintext, in bytes."""
        return self.num_regular * self.frame_length + self.last.length


def read_body(source: BufferInput, header: Header) -> Body:
    """Find the pieces of a body, and leave the source behind them.

    Raises:
        EnvelopeError: the body is not valid, out of order, or cut short.
    """
    frame_length, num_regular = header.frame_length, 0
    if header.framed:
        num_regular = count_regular(source.view[source.at :], 1, frame_length)
    frames = source.take(num_regular * (frame_length + REGULAR_OVERHEAD), "frames")
    at = source.at
    (last,) = read_pieces(source, header, first_sequence=num_regular + 1)
    return Body(frame_length, num_regular, frames, last, source.view[at : source.at])


def open_body(opened: Opened, found: Body, out: memoryview, threads: int) -> None:
    """Decrypt and verify all pieces of a body; the signature is left to its footer.

    Args:
        opened: the message.
        found: its pieces.
        out: of exactly the plaintext's length. What it holds after an error is for the caller to wipe.
        threads: that run the cipher at once. A signature's hash runs in the caller's, behind them.

    Raises:
        IntegrityError: a piece does not verify.
    """
    frame_length, stride = found.frame_length, found.frame_length + REGULAR_OVERHEAD
    verifier = opened.verifier

    def frames(batch: _Batch) -> memoryview:
        return found.frames[batch.before * stride : (batch.before + batch.count) * stride]

    def open_(batch: _Batch) -> None:
        content = out[batch.before * frame_length : (batch.before + batch.count) * frame_length]
        opened.cipher.open_frames(batch.before + 1, frame_length, frames(batch), content)

    hash_ = None if verifier is None else (lambda batch: verifier.update(frames(batch)))
    run_all(_batches(found.num_regular, frame_length, verifier is not None), open_, hash_, threads)
    opened.cipher.open(found.last, out[found.num_regular * frame_length :])
    if verifier is not None:
        verifier.update(found.end)


def _batches(num_regular: int, frame_length: int, signed: bool) -> list[_Batch]:
    at_once = max(1, (_SIGNED_BATCH_BYTES if signed else _BATCH_BYTES) // max(1, frame_length))
    return [_Batch(before, min(at_once, num_regular - before)) for before in range(0, num_regular, at_once)]
