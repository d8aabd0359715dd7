"""The file that pyarrow writes Parquet to: an encrypted object on its way, with the segment index before the footer.

Parquet allows a gap there, and no offset in the footer counts from the end, so the file stays an ordinary one.
"""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.objects.writer import Writer
from s3cse.parquet.footer import END_BYTES, footer_bytes


class EncryptedFile:
    """The few methods of a file that pyarrow's writer uses, on a Writer of objects."""

    def __init__(self, upload: Writer) -> None:
        self._upload = upload
        self._dropped = False
        self._held: bytearray | None = None
        self.closed = False

    def write(self, data: Any) -> int:
        """Take bytes and return how many."""
        if self._held is not None:
            self._held += data
            return len(data)
        return len(data) if self._dropped else self._upload.write(data)

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._upload.plaintext_bytes + len(self._held or b"")

    def flush(self) -> None:
        """Nothing to do: parts leave when they are full."""

    def close(self) -> None:
        """End writing; the upload is finished by its owner."""
        self.closed = True

    def end(self, writer: pq.ParquetWriter) -> None:
        """Close the Parquet writer that writes to this file, and put the index before the footer that it ends with."""
        self._held = bytearray()
        writer.close()
        held, self._held = self._held, None
        self._write_end(held)

    def _write_end(self, held: bytearray) -> None:
        """Write what the writer wrote as it closed: what comes before the footer, padding, the index, the footer."""
        if not self._upload.indexed:
            self._upload.write(held)
            return
        length = footer_bytes(held[-END_BYTES:])
        if length is None or length > len(held):
            raise ValueError("the Parquet writer ended without a footer")
        with memoryview(held) as view:
            footer_at = len(view) - length
            self._upload.write(view[:footer_at])
            self._upload.write(bytes(-self._upload.plaintext_bytes % BLOCK_BYTES))
            self._upload.write(self._upload.segment_index(view[footer_at:]))
            self._upload.write(view[footer_at:])

    def drop(self) -> None:
        """Abort the upload; pyarrow still writes a footer when its writer goes, which then goes nowhere."""
        self._dropped = True
        self._held = None
        self._upload.abort()
