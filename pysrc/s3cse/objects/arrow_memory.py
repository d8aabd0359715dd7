"""Memory of Arrow's for what Arrow reads. Arrow is imported with the first of it: commands that copy files need none.

Importing pyarrow, which brings NumPy along, takes longer than copying a folder of a hundred small files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def new_buffer(size: int) -> pa.Buffer:
    """Return ``size`` bytes of Arrow's pool; they are not zeros, and may have been used before."""
    import pyarrow as pa

    return pa.allocate_buffer(size)
