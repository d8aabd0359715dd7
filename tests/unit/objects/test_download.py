"""Reading into files: verified first, in constant memory, and without trust in the local disk."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects import fetch, ranges, verified_ranges
from s3cse.objects.download import WHOLE_BYTES, read_to_file
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import REQUEST_BYTES
from s3cse.objects.streaming import WINDOW
from s3cse.storage.spool import SpoolFile

from .fakes import PLACE, REQUEST, RecordingStore, Unordered, open_files_in, opened_of, write_object

GCM = find_profile("emrfs-v2", "kms")
TEXT = b"".join(b"%09d\n" % index for index in range(200))


pytestmark = pytest.mark.usefixtures("small_requests")


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 63, 64, 65, 80, 129, 144, 2000])
@pytest.mark.parametrize("tail_bytes", [32, 48, 3000])
@pytest.mark.parametrize("whole_bytes", [0, WHOLE_BYTES])
def test_any_length_is_written(
    store: RecordingStore,
    keyring: KmsKeyring,
    profile: Profile,
    backend: Backend,
    size: int,
    tail_bytes: int,
    whole_bytes: int,
) -> None:
    """Any object arrives in the file, through the spool or through memory."""
    write_object(store, keyring, profile, TEXT[:size])
    out = io.BytesIO()
    opened = opened_of(store, keyring, backend, tail_bytes)
    assert read_to_file(opened, out, whole_bytes=whole_bytes) == size
    assert out.getvalue() == TEXT[:size]


@pytest.mark.parametrize("how", ["random", "reverse"])
def test_order_of_requests_does_not_matter(keyring: KmsKeyring, backend: Backend, how: str) -> None:
    """Pieces go to their places on disk in any order, and out in theirs."""
    store = Unordered(how)
    write_object(store, keyring, GCM, TEXT)
    out = io.BytesIO()
    read_to_file(opened_of(store, keyring, backend), out, whole_bytes=0)
    assert out.getvalue() == TEXT


def test_plain_object(store: RecordingStore, keyring: KmsKeyring) -> None:
    """A plain object is written as it is."""
    store.put(PLACE, TEXT)
    out = io.BytesIO()
    read_to_file(open_object(store, keyring, PLACE, Policy(plaintext="pass"), tail_bytes=32), out, whole_bytes=0)
    assert out.getvalue() == TEXT


@pytest.mark.parametrize("place", [0, 63, 64, 1000, 1999, 2000, 2015])
@pytest.mark.parametrize("whole_bytes", [0, WHOLE_BYTES])
def test_damaged_object_writes_nothing(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend, tmp_path: Path, place: int, whole_bytes: int
) -> None:
    """One changed byte anywhere: an error, and the file is untouched."""
    write_object(store, keyring, GCM, TEXT)
    store.flip(place)
    out = io.BytesIO()
    with pytest.raises(IntegrityError, match=f"{PLACE.uri}: the object does not verify; nothing was released"):
        read_to_file(opened_of(store, keyring, backend), out, spool_directory=str(tmp_path), whole_bytes=whole_bytes)
    assert out.getvalue() == b""
    assert open_files_in(tmp_path) == 0


@pytest.mark.parametrize("place", [0, 64, 700, 1999])
def test_disk_that_changes_what_it_was_given(
    store: RecordingStore,
    keyring: KmsKeyring,
    backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: int,
) -> None:
    """Ciphertext that changes on disk after the tag has matched is found before its piece is written."""

    class Rotting(SpoolFile):
        def read_at(self, offset: int, out: memoryview) -> None:
            super().read_at(offset, out)
            if offset <= place < offset + len(out):
                out[place - offset] ^= 1

    monkeypatch.setattr(verified_ranges, "SpoolFile", Rotting)
    write_object(store, keyring, GCM, TEXT)
    out = io.BytesIO()
    with pytest.raises(IntegrityError, match=f"{PLACE.uri}: the ciphertext on local disk changed") as caught:
        read_to_file(opened_of(store, keyring, backend), out, spool_directory=str(tmp_path), whole_bytes=0)
    assert out.getvalue() == TEXT[: place // REQUEST * REQUEST]
    assert caught.value.__cause__ is None
    assert open_files_in(tmp_path) == 0


def test_spool_holds_ciphertext_only_and_has_no_name(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What waits on disk is the stored bytes, in a file without a name."""
    seen: list[bytes] = []

    class Watched(SpoolFile):
        def close(self) -> None:
            if not self._file.closed:
                seen.append(os.pread(self._file.fileno(), 1 << 20, 0))
                assert list(tmp_path.iterdir()) == []
            super().close()

    monkeypatch.setattr(verified_ranges, "SpoolFile", Watched)
    write_object(store, keyring, GCM, TEXT)
    read_to_file(opened_of(store, keyring, backend), io.BytesIO(), spool_directory=str(tmp_path), whole_bytes=0)
    assert seen == [store.body()[:-16]]
    assert open_files_in(tmp_path) == 0


def test_full_disk_writes_nothing(store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for the ciphertext: a clear error that names the object, and nothing is written."""

    def refuse(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("s3cse.storage.spool.os.pwrite", refuse)
    write_object(store, keyring, GCM, TEXT)
    out = io.BytesIO()
    with pytest.raises(TransferError, match=f"{PLACE.uri}: .*No space left.*another spool directory"):
        read_to_file(opened_of(store, keyring), out, whole_bytes=0)
    assert out.getvalue() == b""


def test_object_replaced_meanwhile_writes_nothing(store: RecordingStore, keyring: KmsKeyring) -> None:
    """An overwrite between opening and reading is a 412."""
    write_object(store, keyring, GCM, TEXT)
    opened = opened_of(store, keyring)
    write_object(store, keyring, GCM, TEXT[::-1])
    out = io.BytesIO()
    with pytest.raises(TransferError) as caught:
        read_to_file(opened, out, whole_bytes=0)
    assert (caught.value.status, out.getvalue()) == (412, b"")


class Stingy(io.RawIOBase):
    """Takes ``most`` bytes at once; None: none, as a pipe that is full."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.taken = bytearray()

    def write(self, data: Any) -> int | None:
        if self.most is None:
            return None
        self.taken += data[: self.most]
        return len(data[: self.most])


class Silent:
    """Takes everything and does not say so."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: Any) -> None:
        self.taken += data


@pytest.mark.parametrize("whole_bytes", [0, WHOLE_BYTES])
def test_files_that_take_less_at_once(store: RecordingStore, keyring: KmsKeyring, whole_bytes: int) -> None:
    """Raw files may write less than asked; one that would block is an error; others may return nothing."""
    write_object(store, keyring, GCM, TEXT)
    out: Any = Stingy(7)
    read_to_file(opened_of(store, keyring), out, whole_bytes=whole_bytes)
    assert out.taken == TEXT
    out = Silent()
    read_to_file(opened_of(store, keyring), out, whole_bytes=whole_bytes)
    assert out.taken == TEXT
    with pytest.raises(BlockingIOError):
        read_to_file(opened_of(store, keyring), Stingy(None), whole_bytes=whole_bytes)


def test_file_that_fails_leaves_nothing(
    store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """When the caller's file fails, its own error comes out, the spool is gone, and the buffers are wiped."""
    made: list[bytearray] = []
    monkeypatch.setattr(
        verified_ranges, "bytearray", lambda size: made.append(bytearray(size)) or made[-1], raising=False
    )

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() >= 500:
                raise OSError(28, "mine")
            return super().write(data)

    write_object(store, keyring, GCM, TEXT)
    with pytest.raises(OSError, match="mine"):
        read_to_file(opened_of(store, keyring), Full(), spool_directory=str(tmp_path), whole_bytes=0)
    assert len(made) == WINDOW
    assert not any(map(any, made))
    assert open_files_in(tmp_path) == 0


def test_memory_is_a_window_whatever_the_length(
    store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The peak is WINDOW × the request's length, as the docstring promises."""
    request = 1 << 18
    monkeypatch.setattr(fetch, "cut", lambda span, size: ranges.cut(span, request))
    write_object(store, keyring, GCM, bytes(40 * request), part_bytes=1 << 20)
    opened = opened_of(store, keyring)

    def slow(location: Any, start: int, out: Any, if_match: str, body: bytes = store.body()) -> None:
        time.sleep(0.001)
        memoryview(out)[:] = memoryview(body)[start : start + len(out)]

    monkeypatch.setattr(store, "get_into", slow)
    tracemalloc.start()
    try:
        with open(tmp_path / "out", "wb") as out:
            read_to_file(opened, out, spool_directory=str(tmp_path), whole_bytes=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= WINDOW * request + (1 << 17)
    assert (tmp_path / "out").stat().st_size == 40 * request


def test_promised_numbers() -> None:
    """What the docstring calls constant memory is 48 MiB."""
    assert WINDOW * REQUEST_BYTES == WHOLE_BYTES == 48 << 20
