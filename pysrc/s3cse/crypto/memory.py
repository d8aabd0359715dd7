"""Memory for results: new bytes that nobody copies, and the wiping of what must not be seen.

New memory is not free: the kernel clears it page by page as it is touched, and for 256 MiB in pages of 4 KiB that takes
twice as long as AES-GCM over it. Where it hands out pages of 2 MiB on request (``madvise`` in
/sys/kernel/mm/transparent_hugepage/enabled, as most distributions have it), large results ask for them.
"""

from __future__ import annotations

import ctypes
import io
import mmap
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

#: From here on glibc's malloc always asks the kernel (its largest mmap threshold): no page is shared with other blocks.
_LARGE_BYTES = 32 << 20
_ZEROS = memoryview(bytes(1 << 20))


class NewBytes:
    """Memory of a known size that becomes ``bytes`` without a copy: CPython's BytesIO gives away its own object.

    Args:
        size: bytes; they are zero.
    """

    def __init__(self, size: int) -> None:
        self._file = io.BytesIO(bytes(size))
        self._size = size
        if size >= _LARGE_BYTES:
            with self.view() as view:
                _ask_for_large_pages(view)

    def __len__(self) -> int:
        return self._size

    def view(self) -> memoryview:
        """Return the memory; release the view before the bytes are taken."""
        return self._file.getbuffer()

    def taken(self) -> bytes:
        """Return the bytes."""
        return self._file.getvalue()


def wipe(out: Buffer) -> None:
    """Overwrite a writable buffer with zeros."""
    with memoryview(out) as whole, whole.cast("B") as view:
        for at in range(0, len(view), len(_ZEROS)):
            with view[at : at + len(_ZEROS)] as piece, _ZEROS[: len(piece)] as zeros:  # a view: no second copy of zeros
                piece[:] = zeros


def _ask_for_large_pages(view: memoryview) -> None:
    """Ask the kernel; it may refuse, or not know them, and nothing but time depends on it."""
    advice = getattr(mmap, "MADV_HUGEPAGE", None)  # Linux alone has them
    if advice is None:
        return
    start = ctypes.addressof(ctypes.c_char.from_buffer(view))
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    _libc().madvise(
        ctypes.c_void_p(first), ctypes.c_size_t((start + len(view) - first) // mmap.PAGESIZE * mmap.PAGESIZE), advice
    )


@cache
def _libc() -> Any:
    return ctypes.CDLL(None)
