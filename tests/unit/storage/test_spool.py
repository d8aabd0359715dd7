"""The ciphertext spool: order, memory, disk, and what is left behind."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from s3cse.errors import TransferError
from s3cse.storage.spool import PartSpool

PART = 64


def open_files_in(folder: Path) -> int:
    """Return how many files of this folder the process holds open, unlinked ones included."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # another thread's has gone meanwhile
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sum(link.startswith(str(folder)) for link in links)


def fill(spool: PartSpool, count: int, last: int = PART) -> list[bytes]:
    """Put ``count`` parts in and return what they were."""
    written = []
    part = bytearray(PART)
    for index in range(count):
        part[:] = bytes([index]) * PART
        length = last if index == count - 1 else PART
        written.append(bytes(part[:length]))
        part = spool.take(part, length)
        assert len(part) == PART
    return written


@pytest.mark.parametrize("count", [1, 2, 3, 10])
@pytest.mark.parametrize("last", [1, 63, 64])
@pytest.mark.parametrize("memory_parts", [0, 1, 2, 100])
def test_parts_come_back_in_any_order(tmp_path: Path, count: int, last: int, memory_parts: int) -> None:
    """Every part reads back as it was, from memory or disk, as often as wanted."""
    spool = PartSpool(PART, memory_parts * PART, str(tmp_path))
    written = fill(spool, count, last)
    assert spool.count == count
    for index in [*reversed(range(count)), *range(count)]:
        assert bytes(spool.read(index)) == written[index]
    spool.close()


def test_memory_is_used_up_to_its_limit(tmp_path: Path) -> None:
    """The first parts stay in memory without a copy, the rest costs one buffer."""
    spool = PartSpool(PART, 2 * PART, str(tmp_path))
    part = bytearray(PART)
    buffers = []
    for _ in range(5):
        buffers.append(part)
        part = spool.take(part, PART)
    assert spool.read(0) is buffers[0]
    assert spool.read(1) is buffers[1]
    assert part is buffers[4] is buffers[3] is buffers[2]
    spool.close()


def test_file_has_no_name_and_goes_with_the_spool(tmp_path: Path) -> None:
    """Nothing stays on disk however the process ends: the file is unlinked while it is in use."""
    spool = PartSpool(PART, PART, str(tmp_path))
    fill(spool, 5)
    assert list(tmp_path.iterdir()) == []
    assert open_files_in(tmp_path) == 1
    spool.close()
    spool.close()
    assert open_files_in(tmp_path) == 0
    with pytest.raises(IndexError):
        spool.read(0)


def test_full_disk_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room says so and what to do; the part is not counted."""
    spool = PartSpool(PART, PART, str(tmp_path))
    fill(spool, 2)

    def refuse(file: object, view: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("s3cse.storage.spool._write_all", refuse)
    with pytest.raises(
        TransferError, match=r"found No space left on device; expected room.*free some|Free some"
    ) as caught:
        spool.take(bytearray(PART), PART)
    assert isinstance(caught.value.__cause__, OSError)
    assert spool.count == 2


def test_missing_directory_is_a_clear_error(tmp_path: Path) -> None:
    """A spool directory that is not there is named."""
    spool = PartSpool(PART, PART, str(tmp_path / "absent"))
    spool.take(bytearray(PART), PART)
    with pytest.raises(TransferError, match="absent"):
        spool.take(bytearray(PART), PART)


def test_file_that_lost_bytes_is_noticed(tmp_path: Path) -> None:
    """A short read is an error and never a short part."""
    spool = PartSpool(PART, PART, str(tmp_path))
    fill(spool, 3)
    assert spool._file is not None
    os.ftruncate(spool._file.fileno(), PART + 1)
    assert len(spool.read(1)) == PART
    with pytest.raises(TransferError, match="1 of 64 bytes"):
        spool.read(2)
