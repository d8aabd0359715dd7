"""Verified ranges: any range of an object whose tag has matched, and nothing of any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import find_profile
from s3cse.errors import IntegrityError
from s3cse.keyrings import KmsKeyring
from s3cse.objects.open import open_object
from s3cse.objects.ranges import Span
from s3cse.objects.verified_ranges import WHOLE_BYTES, read_verified

from .fakes import ALLOW, PLACE, RecordingStore, Unordered, open_files_in, write_object

GCM = find_profile("emrfs-v2", "kms")
TEXT = b"".join(b"%09d\n" % index for index in range(100))
BORDERS = [0, 1, 15, 16, 17, 63, 64, 65, 500, 935, 936, 985, 999, 1000]


pytestmark = pytest.mark.usefixtures("small_requests")


@pytest.mark.parametrize("memory_bytes", [0, WHOLE_BYTES])
@pytest.mark.parametrize("tail_bytes", [32, 80, 3000])
def test_any_range(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend, tail_bytes: int, memory_bytes: int
) -> None:
    """Every pair of borders gives the slice, through memory and through the disk."""
    write_object(store, keyring, GCM, TEXT)
    opened = open_object(store, keyring, PLACE, ALLOW, tail_bytes=tail_bytes, backend=backend)
    for start in BORDERS:
        for end in (border for border in BORDERS if border >= start):
            found = b"".join(map(bytes, read_verified(opened, Span(start, end), memory_bytes=memory_bytes)))
            assert found == TEXT[start:end]


@pytest.mark.parametrize("how", ["random", "reverse"])
@pytest.mark.parametrize("memory_bytes", [0, WHOLE_BYTES])
def test_order_of_requests_does_not_matter(keyring: KmsKeyring, how: str, memory_bytes: int) -> None:
    """Requests that end in any order give the same bytes in the same order."""
    store = Unordered(how)
    write_object(store, keyring, GCM, TEXT)
    opened = open_object(store, keyring, PLACE, ALLOW, tail_bytes=32)
    found = b"".join(map(bytes, read_verified(opened, Span(100, 700), memory_bytes=memory_bytes)))
    assert found == TEXT[100:700]


@pytest.mark.parametrize("place", [0, 99, 100, 300, 699, 700, 999, 1000, 1015])
@pytest.mark.parametrize("memory_bytes", [0, WHOLE_BYTES])
@pytest.mark.parametrize("span", [Span(100, 700), Span(0, 0), Span(0, 1000)])
def test_damage_anywhere_releases_nothing(
    store: RecordingStore, keyring: KmsKeyring, tmp_path: Path, span: Span, memory_bytes: int, place: int
) -> None:
    """A bit changed inside, outside or in the tag: no byte of the range comes, and no file stays."""
    write_object(store, keyring, GCM, TEXT)
    store.flip(place)
    opened = open_object(store, keyring, PLACE, ALLOW, tail_bytes=32)
    views = read_verified(opened, span, spool_directory=str(tmp_path), memory_bytes=memory_bytes)
    with pytest.raises(IntegrityError, match=f"{PLACE.uri}: the object does not verify; nothing was released"):
        next(views)
    assert open_files_in(tmp_path) == 0


def test_left_early(store: RecordingStore, keyring: KmsKeyring, tmp_path: Path) -> None:
    """Closing the iterator in the middle takes the file away."""
    write_object(store, keyring, GCM, TEXT)
    opened = open_object(store, keyring, PLACE, ALLOW, tail_bytes=32)
    views = read_verified(opened, Span(0, 1000), spool_directory=str(tmp_path), memory_bytes=0)
    assert bytes(next(views)) == TEXT[:64]
    assert open_files_in(tmp_path) == 1
    views.close()
    assert open_files_in(tmp_path) == 0


@pytest.mark.parametrize("span", [Span(-1, 5), Span(5, 4), Span(0, 1001)])
def test_ranges_outside(store: RecordingStore, keyring: KmsKeyring, span: Span) -> None:
    """A range that the plaintext does not have is a mistake of the caller."""
    write_object(store, keyring, GCM, TEXT)
    with pytest.raises(ValueError, match="outside"):
        next(read_verified(open_object(store, keyring, PLACE, ALLOW), span))
