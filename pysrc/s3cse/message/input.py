"""Where a message's bytes come from: a buffer that holds all of it, or a file that is read piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from s3cse.errors import EnvelopeError

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

_PIECE = 1 << 20  # bytes asked for at once: what a length promises is believed as it arrives


class Readable(Protocol):
    """A binary file, or anything with its ``read``."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most ``size`` bytes, none at the end."""


class Input(Protocol):
    """The message, front to back."""

    def take(self, length: int, what: str) -> Buffer:
        """Return exactly the next ``length`` bytes.

        Raises:
            EnvelopeError: the message ends before; ``what`` names the field.
        """

    def check_end(self) -> None:
        """Make sure that nothing follows.

        Raises:
            EnvelopeError: something does.
        """


class BufferInput:
    """A whole message in memory. ``take`` returns views of it, no copies."""

    def __init__(self, message: Buffer) -> None:
        self.view = memoryview(message).cast("B").toreadonly()
        self.at = 0

    def take(self, length: int, what: str) -> memoryview:
        """See Input."""
        left = len(self.view) - self.at
        if length > left:
            raise cut_short(what, left, length)
        self.at += length
        return self.view[self.at - length : self.at]

    def check_end(self) -> None:
        """See Input."""
        if self.at != len(self.view):
            raise trailing(f"{len(self.view) - self.at} bytes")


class FileInput:
    """A message from a file. Memory grows with what arrives, not with what a length field promises."""

    def __init__(self, file: Readable) -> None:
        self._file = file

    def take(self, length: int, what: str) -> bytes | bytearray:
        """See Input; copies the file's bytes once if they do not come in one piece."""
        first = self._file.read(min(length, _PIECE)) if length else b""
        if first is not None and len(first) == length:
            return first
        data = bytearray(first or b"")
        while data and len(data) < length:
            piece = self._file.read(min(length - len(data), _PIECE))
            if not piece:
                break
            data += piece
        if len(data) != length:
            raise cut_short(what, len(data), length)
        return data

    def check_end(self) -> None:
        """See Input."""
        if self._file.read(1):
            raise trailing("at least one byte")


def cut_short(what: str, found: int, expected: int) -> EnvelopeError:
    """Return the error for a message that ends within a field."""
    return EnvelopeError(
        f"the message ends within its {what}",
        found=f"{found} bytes",
        expected=f"{expected} bytes",
        fix="it was cut short: fetch or restore the whole message",
    )


def trailing(found: str) -> EnvelopeError:
    """Return the error for a message that something follows."""
    return EnvelopeError(
        "something follows the end of the message",
        found=found,
        expected="nothing",
        fix="a message is one whole object: cut it where it ends, or restore it",
    )
