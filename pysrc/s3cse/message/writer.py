"""Messages written piece by piece, in bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from s3cse.crypto.ciphers import Backend
from s3cse.crypto.memory import wipe
from s3cse.errors import SettingsError
from s3cse.message.frames import FINAL_OVERHEAD, MAX_FRAMES, REGULAR_OVERHEAD, Kind, too_many_frames
from s3cse.message.header import Header
from s3cse.message.limits import DEFAULT_FRAME_LENGTH, checked_frame_length
from s3cse.message.sealing import Sealing
from s3cse.message.suites import COMMITTING, Suite, writable_suite

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer, Self

    from s3cse.keyrings.message_keys import MessageKeyring


#: Of plaintext, that one call of the cipher takes.
_BATCH_BYTES = 1 << 20


class Writable(Protocol):
    """A binary file, or anything with its ``write``."""

    def write(self, data: memoryview, /) -> object:
        """Take the bytes and return how many, if not all of them; they are overwritten after the call."""


class MessageWriter:
    """Encrypts what is written to it into a message in ``file``; the streaming twin of :func:`s3cse.message.encrypt`.

    The message is whole after ``close``, which the end of a ``with`` block calls. If the block fails, or ``abandon`` is
    called, the end is never written, and no reader takes what is there for a whole message. Nothing is written when the
    garbage collector comes. Memory: twice the frame length, or once and 1 MiB. Not thread-safe; the file stays open and
    is its owner's.

    Args:
        file: gets the message, front to back.
        keyring, context, required_keys, suite, frame_length, backend: see encrypt.
        plaintext_bytes: how much will be written at most, if that is known; more is refused. A keyring that reuses data
            keys does so only then.

    Raises:
        KeyringError: there is no data key to be had.
        SettingsError: an argument is wrong.
    """

    def __init__(
        self,
        file: Writable,
        keyring: MessageKeyring,
        *,
        context: Mapping[str, str] | None = None,
        required_keys: Collection[str] = (),
        suite: Suite | int = COMMITTING,
        frame_length: int = DEFAULT_FRAME_LENGTH,
        plaintext_bytes: int | None = None,
        backend: Backend | None = None,
    ) -> None:
        frame_length = checked_frame_length(frame_length)
        self._file = file
        self._sealing = Sealing(
            keyring, writable_suite(suite), context or {}, required_keys, frame_length, plaintext_bytes, backend
        )
        # A full frame waits here until more comes: only then is it known not to be the last.
        self._waiting = bytearray(frame_length)
        self._num_waiting = 0
        self._at_once = max(1, _BATCH_BYTES // frame_length)
        self._sealed = bytearray(frame_length + FINAL_OVERHEAD)  # longer once several frames come at once
        self._sequence = 0
        self._left = plaintext_bytes
        self._closed = False
        self._write(memoryview(self._sealing.raw_header))

    @property
    def header(self) -> Header:
        """The message's header."""
        return self._sealing.header

    @property
    def closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._closed

    def write(self, data: Buffer) -> int:
        """Encrypt the next bytes and return their number. Whole frames are encrypted from where they are.

        Raises:
            SettingsError: the message would have more frames than the format can count, or more bytes than was said.
            ValueError: it is closed.
        """
        if self._closed:
            raise ValueError("the message is closed")
        with memoryview(data).cast("B") as source:
            self._count(len(source))
            try:
                self._take(source)
            except BaseException:
                self.abandon()  # what the file has got is not known: there is no going on
                raise
            return len(source)

    def close(self) -> None:
        """Write the final frame and the footer; idempotent. After ``abandon`` it does nothing."""
        if self._closed:
            return
        try:
            with memoryview(self._waiting) as waiting:
                self._seal(Kind.FINAL, waiting[: self._num_waiting])
            self._write(memoryview(self._sealing.footer()))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give the message up: what was written has no end, so it never verifies as a whole. Idempotent."""
        self._closed = True
        wipe(self._waiting)

    def _count(self, num_bytes: int) -> None:
        if self._left is None:
            return
        if num_bytes > self._left:
            raise SettingsError(
                "more is written than the message was to have",
                found=f"{num_bytes} bytes",
                expected=f"at most {self._left} more",
                fix="give the right plaintext_bytes, or leave it out",
            )
        self._left -= num_bytes

    def _take(self, source: memoryview) -> None:
        at, frame_length = 0, len(self._waiting)
        while at < len(source):
            if self._num_waiting == frame_length:
                with memoryview(self._waiting) as waiting:
                    self._seal(Kind.REGULAR, waiting)
                self._num_waiting = 0
            if self._num_waiting == 0 and len(source) - at > frame_length:
                at += self._seal_batch(source[at:])
                continue
            num = min(frame_length - self._num_waiting, len(source) - at)
            self._waiting[self._num_waiting : self._num_waiting + num] = source[at : at + num]
            self._num_waiting += num
            at += num

    def _seal_batch(self, source: memoryview) -> int:
        """Encrypt whole frames that more follows, from where they are; return their length."""
        frame_length = len(self._waiting)
        count = min((len(source) - 1) // frame_length, self._at_once, MAX_FRAMES - 1 - self._sequence)
        if count <= 0:
            raise too_many_frames(frame_length)
        needed = count * (frame_length + REGULAR_OVERHEAD)
        if len(self._sealed) < needed:
            self._sealed = bytearray(needed)
        with memoryview(self._sealed) as sealed:
            size = self._sealing.seal_regular(self._sequence + 1, source[: count * frame_length], sealed)
            self._sequence += count
            self._write(sealed[:size])
        return count * frame_length

    def _seal(self, kind: Kind, plaintext: memoryview) -> None:
        if self._sequence >= MAX_FRAMES - (kind is Kind.REGULAR):
            raise too_many_frames(len(self._waiting))
        self._sequence += 1
        with memoryview(self._sealed) as sealed:
            size = self._sealing.seal(kind, self._sequence, plaintext, sealed)
            self._write(sealed[:size])

    def _write(self, data: memoryview) -> None:
        while data:
            written = self._file.write(data)  # an unbuffered file may take less
            if not isinstance(written, int):
                return
            if written <= 0:
                raise OSError("the file takes no more bytes")
            data = data[written:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
