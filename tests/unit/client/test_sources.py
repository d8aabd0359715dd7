"""Where plaintext comes from."""

from __future__ import annotations

import io
import mmap
import os
from pathlib import Path
from typing import Any

import pytest

from s3cse.client.sources import chunks, in_memory, length_of, read_up_to
from s3cse.errors import SettingsError


class Trickle(io.RawIOBase):
    """Gives three bytes at once."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def read(self, size: int | None = -1) -> bytes:
        return self._inner.read(3)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, b""), (b"ab", b"ab"), (bytearray(b"ab"), b"ab"), (memoryview(b"abcd")[::1], b"abcd"), ("ä", b"\xc3\xa4"),
        (memoryview(b"abcdefgh").cast("I"), b"abcdefgh"),
    ],
)  # fmt: skip
def test_memory(body: object, expected: bytes) -> None:
    """Bytes, buffers of any item, text as UTF-8, and nothing."""
    found = in_memory(body)
    assert found is not None
    assert bytes(found) == expected


@pytest.mark.parametrize("body", [5, [b"a"], object(), memoryview(b"abcd")[::2]])
def test_what_cannot_be_read(body: object) -> None:
    """Anything else is an error that names its type."""
    with pytest.raises(SettingsError, match="nothing that can be read"):
        in_memory(body)


def test_lengths(tmp_path: Path) -> None:
    """What is left of a file from where it stands; pipes and files that say 0 are not known."""
    path = tmp_path / "f"
    path.write_bytes(b"123456")
    with open(path, "rb") as file:
        file.read(2)
        assert (length_of(file), file.read(1)) == (4, b"3")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert (length_of(mapped), read_up_to(mapped, 9)) == (6, b"123456")
    with open("/proc/self/status", "rb") as file:
        assert length_of(file) is None
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert length_of(pipe) is None
    assert length_of(Trickle(b"x")) is None
    assert length_of(io.BytesIO()) is None


@pytest.mark.parametrize("length", [0, 1, 3, 4, 10, 11])
def test_files_that_give_little_at_once(length: int) -> None:
    """A read goes on until it has what was asked for, or the end is there."""
    assert read_up_to(Trickle(b"0123456789"), length)[:length] == b"0123456789"[:length]
    assert b"".join(chunks(Trickle(b"0123456789"))) == b"0123456789"


@pytest.mark.parametrize(("piece", "found"), [("text", "text"), (None, "None")])
def test_files_that_give_no_bytes(piece: Any, found: str) -> None:
    """A file in text mode or one that would block is an error that says what to do."""

    class Wrong:
        def read(self, size: int) -> Any:
            return piece

    with pytest.raises(SettingsError, match=f"gives no bytes; found {found}.*binary mode"):
        list(chunks(Wrong()))
