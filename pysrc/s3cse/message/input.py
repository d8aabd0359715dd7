"""Where a message's bytes come from: a buffer that holds all of it, or a file that is read piece by piece."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from s3cse.errors import EnvelopeError

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

_PIECE = 1 << 20  # bytes asked for at once: what a length promises is believed as it arrives
_AHEAD = 1 << 18  # and at least, so that short frames come many at once


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
    """A message from a file, read ahead by at most 256 KiB.

    Memory grows with what arrives, not with what a length field promises.

    Pipes, sockets and raw files are asked for what is there already: nothing that has come waits for what has not.
    """

    def __init__(self, file: Readable) -> None:
        # Of that class only: another one may have a read of its own, which its read1 knows nothing of.
        self._read: Callable[[int], bytes | None] = file.read1 if type(file) is io.BufferedReader else file.read
        self._here = memoryview(b"")

    def ahead(self, length: int) -> memoryview:
        """Return what is here of the message and has not been taken: less than ``length`` at its end only."""
        if len(self._here) >= length:
            return self._here
        data: bytes | bytearray = bytes(self._here)
        self._here = memoryview(b"")  # what was taken is held no longer
        while len(data) < length:
            piece = self._read(min(max(length - len(data), _AHEAD), _PIECE))
            if not piece:
                break
            data = _joined(data, piece)
        self._here = memoryview(data).toreadonly()
        return self._here

    def take(self, length: int, what: str) -> memoryview:
        """See Input."""
        here = self.ahead(length)
        if len(here) < length:
            raise cut_short(what, len(here), length)
        self._here = here[length:]
        return here[:length]

    def check_end(self) -> None:
        """See Input."""
        if self.ahead(1):
            raise trailing("at least one byte")


def _joined(data: bytes | bytearray, piece: bytes) -> bytes | bytearray:
    """Return both, without a copy of the longer one where that can be had."""
    if not data:
        return piece
    if isinstance(data, bytes):
        data = bytearray(data)
    data += piece
    return data


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
