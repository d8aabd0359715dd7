"""Wiping buffers."""

from __future__ import annotations

import array

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
