"""Where the parts of a Parquet file are whose bytes are written anew with a segment index.

The index goes into the gap that Parquet allows before the footer (SEGMENTS.md section 2), so pages and footer stay byte
for byte what they were: no row is decoded, and none can change. An index that the file had belongs to its old key, and
is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.crypto.index import SEGMENT_BYTES, TRAILER_BYTES, read_trailer
from s3cse.crypto.segments import VALUE_BYTES
from s3cse.parquet.footer import END_BYTES, MAGIC, footer_bytes

#: Longer footers are held by no writer here: such files are written as they are.
MAX_FOOTER_BYTES = 64 << 20

#: Returns the plaintext from one offset to another.
Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class ParquetShape:
    """A Parquet file of ``length`` bytes: data up to ``data_end``, then perhaps an old index, then the footer."""

    data_end: int
    footer_at: int
    length: int

    @property
    def old_index(self) -> bool:
        """Whether there is an index of an old key."""
        return self.data_end != self.footer_at

    @property
    def indexed_length(self) -> int:
        """The length with a new index."""
        covered = -(-self.data_end // BLOCK_BYTES) * BLOCK_BYTES
        index = VALUE_BYTES * -(-covered // SEGMENT_BYTES) + TRAILER_BYTES
        return covered + index + self.length - self.footer_at


def parquet_shape(length: int, read: Read) -> ParquetShape | None:
    """Return the shape of a plaintext, None where it is no Parquet file.

    What is read need not be verified yet: who writes by it compares with what was verified (``fits``).

    Args:
        length: of the plaintext in bytes.
        read: gives pieces of it; asked for the end first.
    """
    if length < len(MAGIC) + END_BYTES:
        return None
    after = footer_bytes(read(length - END_BYTES, length))
    if after is None or not END_BYTES < after <= min(length - len(MAGIC), MAX_FOOTER_BYTES):
        return None
    if read(0, len(MAGIC)) != MAGIC:
        return None
    footer_at = length - after
    data_end = footer_at
    if footer_at >= TRAILER_BYTES:
        trailer = read_trailer(read(footer_at - TRAILER_BYTES, footer_at), footer_at)
        data_end = footer_at if trailer is None else trailer.covered
    return ParquetShape(data_end, footer_at, length)


def fits(shape: ParquetShape, trailer: bytes, footer: bytes) -> bool:
    """Whether a shape is that of the plaintext that was verified meanwhile.

    Args:
        trailer: the last 64 bytes of what was left out as an old index; empty where nothing was.
        footer: the bytes from ``footer_at`` on.
    """
    if len(footer) != shape.length - shape.footer_at or footer_bytes(footer[-END_BYTES:]) != len(footer):
        return False
    if not shape.old_index:
        return True
    found = read_trailer(trailer, shape.footer_at) if len(trailer) == TRAILER_BYTES else None
    return found is not None and found.covered == shape.data_end
