"""The ciphertext spools: any order, memory, disk, and what is left behind."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from objects.fakes import open_files_in

from s3cse.errors import TransferError
from s3cse.storage.spool import PartSpool, SpoolFile

PART = 64


def refuse(*arguments: object) -> int:
    """Stand for a write that fails."""
    raise OSError(28, "No space left on device")


def parts_of(count: int, last: int = PART) -> list[bytes]:
    """Return ``count`` different parts, of which the last has another length."""
    return [bytes([index]) * (last if index == count - 1 else PART) for index in range(count)]


def fill(spool: PartSpool, parts: list[bytes], seed: int = 0) -> list[bool]:
    """Put the parts in, in an order that the seed gives, and return which buffers were kept."""
    numbers = list(range(len(parts)))
    random.Random(seed).shuffle(numbers)
    kept = {index: spool.put(index, bytearray(parts[index])) for index in numbers}
    return [kept[index] for index in range(len(parts))]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
@pytest.mark.parametrize("last", [1, 63, 64, 80])
@pytest.mark.parametrize("memory_parts", [0, 1, 2, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_parts_come_back_whatever_the_order(
    tmp_path: Path, count: int, last: int, memory_parts: int, seed: int
) -> None:
    """Every part reads back as it was, from memory or disk, as often as wanted; the last may be longer."""
    spool, written = PartSpool(PART, memory_parts * PART, str(tmp_path)), parts_of(count, last)
    kept = fill(spool, written, seed)
    assert spool.count == count
    assert sum(kept) == min(count, max(memory_parts, 1))
    for index in [*reversed(range(count)), *range(count)]:
        assert bytes(spool.read(index)) == written[index]
    spool.close()


def test_memory_is_used_up_to_its_limit(tmp_path: Path) -> None:
    """The first parts to come stay in memory without a copy; the buffers of the others may be used again."""
    spool, buffers = PartSpool(PART, 2 * PART, str(tmp_path)), [bytearray(PART) for _ in range(4)]
    assert [spool.put(index, buffers[index]) for index in (3, 1, 0, 2)] == [True, True, False, False]
    assert spool.read(3) is buffers[3]
    assert spool.read(1) is buffers[1]
    buffers[0][:] = b"x" * PART
    assert bytes(spool.read(0)) == bytes(PART)
    spool.close()


def test_many_threads_put_and_read(tmp_path: Path) -> None:
    """Workers put parts at once, in any order, and others read them at once."""
    spool, written = PartSpool(PART, 3 * PART, str(tmp_path)), parts_of(200)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda index: spool.put(index, bytearray(written[index])), reversed(range(200))))
        assert [bytes(part) for part in threads.map(spool.read, range(200))] == written
    spool.close()


def test_file_has_no_name_and_goes_with_the_spool(tmp_path: Path) -> None:
    """Nothing stays on disk however the process ends: the file is unlinked while it is in use."""
    spool = PartSpool(PART, PART, str(tmp_path))
    fill(spool, parts_of(5))
    assert list(tmp_path.iterdir()) == []
    assert open_files_in(tmp_path) == 1
    spool.close()
    spool.close()
    assert open_files_in(tmp_path) == 0
    with pytest.raises(KeyError):
        spool.read(0)


def test_full_disk_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room says so and what to do; the part is not counted."""
    spool = PartSpool(PART, PART, str(tmp_path))
    fill(spool, parts_of(2))
    monkeypatch.setattr("s3cse.storage.spool.os.pwrite", refuse)
    with pytest.raises(TransferError, match=r"found No space left on device; expected room.*Free some") as caught:
        spool.put(2, bytearray(PART))
    assert isinstance(caught.value.__cause__, OSError)
    assert spool.count == 2
    spool.close()


def test_missing_directory_is_a_clear_error(tmp_path: Path) -> None:
    """A spool directory that is not there is named, when the disk is needed."""
    spool = PartSpool(PART, PART, str(tmp_path / "absent"))
    spool.put(0, bytearray(PART))
    with pytest.raises(TransferError, match="absent"):
        spool.put(1, bytearray(PART))


def test_file_that_lost_bytes_is_noticed(tmp_path: Path) -> None:
    """A short read is an error and never a short part."""
    spool = PartSpool(PART, PART, str(tmp_path))
    for index, part in enumerate(parts_of(3)):
        spool.put(index, bytearray(part))
    assert spool._file is not None
    os.ftruncate(spool._file._file.fileno(), 2 * PART + 1)
    assert len(spool.read(1)) == PART
    with pytest.raises(TransferError, match="1 of 64 bytes"):
        spool.read(2)
    spool.close()


def test_file_takes_any_place_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes at any offset read back, also where the system takes and gives less at once than asked."""
    write, read = os.pwrite, os.preadv
    monkeypatch.setattr("s3cse.storage.spool.os.pwrite", lambda file, data, at: write(file, data[:7], at))
    monkeypatch.setattr("s3cse.storage.spool.os.preadv", lambda file, views, at: read(file, [views[0][:5]], at))
    data = bytes(range(100))
    with SpoolFile(str(tmp_path)) as file:
        file.write_at(50, memoryview(data)[50:])
        file.write_at(0, memoryview(data)[:50])
        out = bytearray(90)
        file.read_at(10, memoryview(out))
        assert out == data[10:]
        assert list(tmp_path.iterdir()) == []
    assert open_files_in(tmp_path) == 0
