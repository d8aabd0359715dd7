"""Overwriting payload that was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

_ZEROS = bytes(1 << 16)


def wipe(buffer: Buffer) -> None:
    """Overwrite a writable buffer with zeros."""
    with memoryview(buffer) as whole, whole.cast("B") as view:
        for at in range(0, len(view), len(_ZEROS)):
            with view[at : at + len(_ZEROS)] as piece:
                piece[:] = _ZEROS[: len(piece)]
