"""Where the plaintext of a new object comes from: memory, a file whose length is known, or a pipe."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from s3cse.errors import SettingsError

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What is asked of a file at once.
_READ_BYTES = 1 << 20


def in_memory(body: object) -> Buffer | None:
    """Return a Body that is bytes, a buffer, text (as UTF-8, as botocore has it) or nothing; None for a file.

    Raises:
        SettingsError: it is neither of these.
    """
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if callable(getattr(body, "read", None)):
        return None
    try:
        return memoryview(body).cast("B")  # type: ignore[arg-type]
    except TypeError:
        raise SettingsError(
            "the Body is nothing that can be read",
            found=type(body).__name__,
            expected="bytes, or a file that is open for reading in binary mode",
        ) from None


def length_of(file: Any) -> int | None:
    """Return how many bytes are left in a file; None for pipes and whatever else cannot be measured."""
    try:
        at = file.tell()
        end = file.seek(0, io.SEEK_END)
        end = file.tell() if end is None else end
        file.seek(at)
    except (AttributeError, OSError, ValueError):  # io.UnsupportedOperation is both of the latter
        return None
    return max(int(end) - int(at), 0) or None  # some files in /proc and /dev say 0 and have more


def read_up_to(file: Any, length: int) -> bytes:
    """Return the next ``length`` bytes of a file, fewer only at its end, however little it gives at once."""
    out = io.BytesIO()
    for piece in chunks(file, length):
        out.write(piece)
    return out.getvalue()


def chunks(file: Any, most: int | None = None) -> Iterator[bytes]:
    """Yield what is left in a file, at most ``most`` bytes.

    Raises:
        SettingsError: it gives text, or nothing yet.
    """
    left = most
    while left is None or left > 0:
        piece = file.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise SettingsError(
                "the file gives no bytes",
                found="text" if isinstance(piece, str) else repr(piece),
                expected="bytes",
                fix="open it in binary mode, blocking",
            )
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield bytes(piece)
