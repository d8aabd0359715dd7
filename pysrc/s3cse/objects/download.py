"""Reading an object into a file: verified before a byte of it is written, in constant memory.

Long objects wait as ciphertext in a nameless file on local disk until their tag has matched, see
:mod:`s3cse.objects.verified_ranges`.
"""

from __future__ import annotations

import io
from contextlib import closing
from typing import IO, TYPE_CHECKING

from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_whole
from s3cse.objects.streaming import read_stream
from s3cse.objects.verified_ranges import WHOLE_BYTES, read_verified

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["WHOLE_BYTES", "read_to_file", "write_all"]


def read_to_file(
    opened: OpenObject, out: IO[bytes], *, spool_directory: str | None = None, whole_bytes: int = WHOLE_BYTES
) -> int:
    """Write the whole plaintext to ``out`` and return its length in bytes; of a GCM object only after it has verified.

    Of a message frame by frame, as each verifies; of a signed one after its signature has. Nothing verifies CBC and
    plain objects: they are written while they arrive. Memory: WINDOW × REQUEST_BYTES, whatever the length (messages
    twice that); disk: the stored length, of GCM objects and signed messages only.

    Args:
        out: a binary file open for writing, or anything with such a ``write``.
        spool_directory: where the ciphertext waits; None: the system's temporary directory.
        whole_bytes: objects up to this length wait in memory.

    Raises:
        IntegrityError: the object does not verify, and nothing was written; or the local disk returned something else
            than it was given, and what was written is right but not all.
        TransferError: it could not be fetched, was replaced meanwhile, or the local disk has no room.
    """
    if not opened.authenticated:
        for buffer in read_stream(opened):
            write_all(out, buffer)
    elif opened.plaintext_bytes <= whole_bytes:
        write_all(out, read_whole(opened))
    else:
        everything = Span(0, opened.plaintext_bytes)
        found = read_verified(opened, everything, spool_directory=spool_directory, memory_bytes=whole_bytes)
        with closing(found):
            for view in found:
                write_all(out, view)
    return opened.plaintext_bytes


def write_all(out: IO[bytes], data: Buffer) -> None:
    """Write all of it also where ``write`` takes less at once, as raw files may."""
    with memoryview(data) as whole, whole.cast("B") as view:
        done = 0
        while done < len(view):
            with view[done:] as rest:
                written = out.write(rest)
            if written is None:  # by files that do not say, everything; by raw ones that would block, nothing
                if isinstance(out, io.RawIOBase):
                    raise BlockingIOError("the file to write to is in non-blocking mode")
                return
            done += written
