"""New memory that becomes bytes, and its wiping."""

from __future__ import annotations

import mmap

import pytest

from s3cse.crypto import memory
from s3cse.crypto.memory import NewBytes, wipe


@pytest.mark.parametrize("size", [0, 1, 4097, 33 << 20])
def test_what_was_written_is_taken(size: int) -> None:
    """All of it, zeros where nothing was written, and not a byte more."""
    new = NewBytes(size)
    with new.view() as view:
        assert len(view) == len(new) == size
        view[-5:] = b"12345"[:size]
    taken = new.taken()
    assert type(taken) is bytes
    assert len(taken) == size
    assert taken[-5:] == b"12345"[:size]
    assert not any(taken[:-5][:100_000])


def test_taken_bytes_are_the_memory_itself() -> None:
    """No copy: what BytesIO gives is one object, again and again."""
    new = NewBytes(100)
    assert new.taken() is new.taken()


def test_a_kernel_without_large_pages_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are a wish."""
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    monkeypatch.setattr(memory, "_LARGE_BYTES", 1)
    assert NewBytes(10_000).taken() == bytes(10_000)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (2 << 20) + 1])
def test_wiping_reaches_every_byte(size: int) -> None:
    """Of any length, and of items wider than bytes."""
    data = bytearray(b"x" * size)
    wipe(data)
    assert data == bytes(size)
    numbers = memoryview(bytearray(b"x" * 64)).cast("Q")
    wipe(numbers)
    assert not any(numbers)
