"""Wiping buffers."""

from __future__ import annotations

import array
import tracemalloc

import pyarrow as pa
import pytest

from s3cse.crypto.memory import wipe


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 16) + 1, 300_000])
def test_every_byte_goes(size: int) -> None:
    """Buffers of any length are zeros afterwards, and free again."""
    buffer = bytearray(b"x" * size)
    wipe(buffer)
    assert buffer == bytes(size)
    buffer.clear()


def test_any_writable_buffer() -> None:
    """Arrow buffers, arrays and views are wiped; what cannot be written is an error."""
    arrow = pa.allocate_buffer(10)
    memoryview(arrow).cast("B")[:] = b"0123456789"
    wipe(arrow)
    assert arrow.to_pybytes() == bytes(10)
    numbers = array.array("q", [1, 2, 3])
    wipe(numbers)
    assert list(numbers) == [0, 0, 0]
    whole = bytearray(b"abcdef")
    wipe(memoryview(whole)[2:4])
    assert whole == b"ab\0\0ef"
    with pytest.raises(TypeError):
        wipe(b"fixed")


def test_wiping_takes_no_memory() -> None:
    """Zeros are not made for each piece: a wipe in the window of a transfer would add a buffer to its bound."""
    buffer = bytearray(3 << 20)
    tracemalloc.start()
    try:
        wipe(buffer)
        wipe(memoryview(buffer)[: 1 << 18])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 14
