"""Which buffers the oracle accepts, by the same rules as csrc/src/span.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _cffi_backend import FFI  # type: ignore[import-untyped]  # cryptography's; cffi itself would bring a C parser

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

_FFI = FFI()


def readable(data: Buffer) -> memoryview:
    """Return the bytes of ``data``; used as a context, so that the caller's buffer is free again when a call fails."""
    view = memoryview(data)
    if not view.c_contiguous:
        raise TypeError("the input must be a contiguous buffer of bytes")
    return view.cast("B")


def writable(out: Buffer) -> memoryview:
    """Return the bytes of ``out``, which must be writable; a context as well."""
    view = memoryview(out)
    if view.readonly or not view.c_contiguous:
        raise TypeError("the output must be a writable contiguous buffer of bytes")
    return view.cast("B")


def check_room(target: memoryview, needed: int) -> None:
    """Refuse an output of less than ``needed`` bytes."""
    if len(target) < needed:
        raise ValueError("the output buffer is too small")


def check_pair(source: memoryview, target: memoryview, needed: int) -> None:
    """Refuse a short output, and one whose first ``needed`` bytes overlap the input unless both start together."""
    check_room(target, needed)
    if needed == 0 or len(source) == 0:
        return
    distance = _address(target) - _address(source)
    if distance and -needed < distance < len(source):
        raise ValueError("the output overlaps the input other than exactly")


def check_apart(source: memoryview, target: memoryview, needed: int) -> None:
    """Refuse a short output, and one whose first ``needed`` bytes overlap the input at all."""
    check_pair(source, target, needed)
    if needed and len(source) and _address(target) == _address(source):
        raise ValueError("the output overlaps the input")


def _address(view: memoryview) -> int:
    return int(_FFI.cast("uintptr_t", _FFI.from_buffer(view)))
