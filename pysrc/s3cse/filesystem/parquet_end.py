"""The end of a Parquet file that somebody else's writer writes, held back until its footer is known.

The segment index goes before the footer (see s3cse.parquet.encrypted_file), and how long that is its last bytes tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.objects.writer import Writer
from s3cse.parquet.footer import END_BYTES, MAGIC, footer_bytes

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: The longest footer that there is an index for. That of 10,000 columns has 1 MiB per row group.
HELD_BYTES = 16 << 20


def begins_parquet(begun: Buffer) -> bool:
    """Whether a file begins as Parquet files do."""
    return bytes(memoryview(begun)[: len(MAGIC)]) == MAGIC


class ParquetEnd:
    """Writes to an object's writer all but the last HELD_BYTES, and at the end the index before the footer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._held = bytearray()

    def write(self, data: Buffer) -> None:
        """Take what comes next."""
        self._held += memoryview(data)
        if len(self._held) > 2 * HELD_BYTES:
            with memoryview(self._held) as held, held[:-HELD_BYTES] as done:
                self._writer.write(done)
            del self._held[:-HELD_BYTES]

    def end(self) -> None:
        """Write what is held; where it ends with no footer, as it is."""
        length = footer_bytes(self._held[-END_BYTES:]) if len(self._held) >= END_BYTES else None
        held, self._held = self._held, bytearray()
        with memoryview(held) as view:
            if length is None or length > len(view):
                self._writer.write(view)
                return
            footer_at = len(view) - length
            self._writer.write(view[:footer_at])
            self._writer.write(bytes(-self._writer.plaintext_bytes % BLOCK_BYTES))
            self._writer.write(self._writer.segment_index(view[footer_at:]))
            self._writer.write(view[footer_at:])
