"""Where the footer of a Parquet file is: its Thrift, a length of 4 bytes, and a magic.

Source: the Parquet format specification, "File Format".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC = b"PAR1"
_END = struct.Struct("<I4s")
END_BYTES = _END.size


def footer_bytes(end: Buffer) -> int | None:
    """Return the footer's length with its length field and magic, None where there is no footer.

    Args:
        end: the last 8 bytes of the file.
    """
    length, magic = _END.unpack(end)
    return length + END_BYTES if magic == MAGIC else None
