"""Writing objects: failures at every step, and what is left behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from s3cse.crypto import native
from s3cse.crypto.ciphers import Backend
from s3cse.envelope.model import ContentAlgorithm
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, SettingsError, TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects import pipeline
from s3cse.objects.put import put_object
from s3cse.objects.upload import PARTS_IN_FLIGHT, ObjectWriter
from s3cse.storage.port import Location, UploadedPart

from .fakes import (
    PLACE,
    FakeKms,
    RecordingStore,
    assert_dead,
    assert_nothing_in,
    open_files_in,
    write_all,
    write_object,
)

GCM = find_profile("emrfs-v2", "kms")
TEXT = bytes(range(256)) * 2
PART = 64


def refuse(*arguments: object) -> int:
    """Stand for a disk that is full."""
    raise OSError(28, "No space left on device")


class Failing(RecordingStore):
    """Fails at one operation; ``parts`` of them succeed first."""

    def __init__(self, at: str, parts: int = 0, error: BaseException | None = None) -> None:
        super().__init__()
        self.at, self.left = at, parts
        self.error = error or TransferError("S3 said no", uri=PLACE.uri)

    def create_upload(self, location: Location, metadata: Any) -> str:
        if self.at == "create":
            raise self.error
        return super().create_upload(location, metadata)

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        if self.at == "part":
            self.left -= 1
            if self.left < 0:
                raise self.error
        return super().upload_part(location, upload_id, number, body)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("at", ["create", "part"])
@pytest.mark.parametrize("parts", [0, 1, 5, 7])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), MemoryError()], ids=["transfer", "interrupt", "memory"])
def test_failed_upload_leaves_nothing(
    keyring: KmsKeyring,
    profile: Profile,
    tmp_path: Path,
    at: str,
    parts: int,
    error: BaseException | None,
    known: bool,
) -> None:
    """Whatever fails, whenever: the error comes out, the upload is aborted, the spool is gone, the writer is dead."""
    store = Failing(at, parts, error)
    writer = ObjectWriter(
        store,
        PLACE,
        keyring,
        profile,
        length=len(TEXT) if known else None,
        part_bytes=PART,
        memory_bytes=PART,
        spool_directory=str(tmp_path),
    )
    with pytest.raises((TransferError, KeyboardInterrupt, MemoryError)) as caught:
        write_all(writer, TEXT)
    assert caught.value is store.error
    assert_nothing_in(store)
    assert open_files_in(tmp_path) == 0
    assert_dead(writer)


def test_error_of_a_worker_comes_with_the_next_write(keyring: KmsKeyring, profile: Profile) -> None:
    """A part that S3 refuses while others are written is reported soon, not after hours of work."""
    store = Failing("part", 2)
    writer = ObjectWriter(store, PLACE, keyring, profile, length=1 << 20, part_bytes=PART)
    with pytest.raises(TransferError) as caught:
        write_all(writer, bytes(1 << 20), step=PART)
    assert caught.value is store.error
    assert writer.plaintext_bytes <= (2 + 2 * PARTS_IN_FLIGHT + 2) * PART
    assert list(store.list_uploads(PLACE)) == []
    assert_dead(writer)


class SlowButFirst(RecordingStore):
    """Refuses part 1 at once; the others take their time."""

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        if number == 1:
            raise TransferError("S3 said no", uri=PLACE.uri)
        time.sleep(0.05)
        return super().upload_part(location, upload_id, number, body)


@pytest.mark.parametrize("known", [False, True])
def test_no_part_is_sent_after_the_abort(keyring: KmsKeyring, profile: Profile, known: bool) -> None:
    """Parts in flight are over before the upload is aborted: S3 would keep, and bill, what comes later."""
    store = SlowButFirst()
    with pytest.raises(TransferError, match="S3 said no"):
        write_object(store, keyring, profile, TEXT, length=len(TEXT) if known else None)
    assert store.log[-1] == ("ABORT", PLACE.key)
    time.sleep(0.2)
    assert store.log[-1] == ("ABORT", PLACE.key)
    assert store.count("PART") <= PARTS_IN_FLIGHT


def test_abort_does_not_hide_the_first_error(keyring: KmsKeyring, profile: Profile) -> None:
    """An abort that fails too does not cover the reason."""
    store = Failing("part")

    def refuse_abort(location: Location, upload_id: str) -> None:
        raise TransferError("abort refused")

    store.abort_upload = refuse_abort  # type: ignore[method-assign]
    with pytest.raises(TransferError, match="S3 said no"):
        write_object(store, keyring, profile, TEXT)


@pytest.mark.parametrize("known", [False, True])
def test_left_block_aborts(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, tmp_path: Path, known: bool
) -> None:
    """Leaving the block without finish shows nothing, closes the spool and leaves no upload."""
    length = len(TEXT) if known else None
    with ObjectWriter(
        store, PLACE, keyring, profile, length=length, part_bytes=PART, memory_bytes=1, spool_directory=str(tmp_path)
    ) as writer:
        writer.write(TEXT)
    assert_nothing_in(store)
    assert (store.count("CREATE"), store.count("ABORT")) == ((1, 1) if known else (0, 0))
    assert open_files_in(tmp_path) == 0
    assert_dead(writer)


@pytest.mark.parametrize("length", [0, 1, PART, 3 * PART, 500])
def test_abandoned_plaintext_is_wiped(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """An aborted writer leaves no plaintext in its buffers, whether parts were sealed or not."""
    made: list[bytearray] = []
    monkeypatch.setattr(pipeline, "bytearray", lambda size=0: made.append(bytearray(size)) or made[-1], raising=False)
    text = b"plaintext here! " * 40
    with ObjectWriter(store, PLACE, keyring, profile, length=1000, part_bytes=PART) as writer:
        writer.write(text[:length])
    assert any(made)
    assert not any(b"plain" in buffer or b"text" in buffer for buffer in made)


@pytest.mark.parametrize("known", [False, True])
def test_staged_upload_can_be_aborted_by_its_writer(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, known: bool
) -> None:
    """abort after finish drops the parts in S3."""
    length = len(TEXT) if known else None
    with ObjectWriter(store, PLACE, keyring, profile, length=length, part_bytes=PART) as writer:
        writer.write(TEXT)
        writer.finish()
    assert list(store.list_uploads(PLACE)) != []
    writer.abort()
    assert list(store.list_uploads(PLACE)) == []


def test_full_disk_kills_the_writer(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that lost a part on the way cannot be finished: the error names it, and the writer is dead."""
    monkeypatch.setattr("s3cse.storage.spool.os.pwrite", refuse)
    writer = ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART)
    with pytest.raises(TransferError, match=f"{PLACE.uri}: the ciphertext .*No space left"):
        write_all(writer, TEXT * 2, step=len(TEXT))
    assert_dead(writer)
    assert store.log == []


def test_failure_at_the_very_end_of_the_spool(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up with the last part is noticed too, and nothing was started in S3."""
    writer = ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART)
    writer.write(TEXT[: 2 * PART])
    monkeypatch.setattr("s3cse.storage.spool.os.pwrite", refuse)
    with pytest.raises(TransferError, match=f"{PLACE.uri}: .*No space left"):
        writer.finish()
    assert_dead(writer)
    assert store.log == []


@pytest.mark.parametrize("fail_at", [1, 2, 4])
@pytest.mark.parametrize("known", [False, True])
def test_failing_cipher_kills_the_writer(
    store: RecordingStore, keyring: KmsKeyring, monkeypatch: pytest.MonkeyPatch, fail_at: int, known: bool
) -> None:
    """An error of the cipher in any part, the last included, aborts everything."""

    class Cipher:
        count = 0

        def __init__(self, *arguments: Any) -> None:
            self.real = native.object_cipher(*arguments)

        def encrypt_segment(self, *arguments: Any) -> Any:
            Cipher.count += 1
            if Cipher.count == fail_at:
                raise MemoryError("no room")
            return self.real.encrypt_segment(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    class Broken:
        object_cipher = Cipher

    backend: Any = Broken
    length = 4 * PART if known else None
    writer = ObjectWriter(store, PLACE, keyring, GCM, length=length, part_bytes=PART, backend=backend)
    with pytest.raises(MemoryError):
        write_all(writer, TEXT[: 4 * PART])
    assert_dead(writer)
    assert_nothing_in(store)


def test_key_that_authenticates_nothing_is_not_used(
    store: RecordingStore, keyring: KmsKeyring, backend: Backend
) -> None:
    """The one key in 2^128 whose hash key is zero is an error that names the object, before anything is sent."""

    class Weak:
        def object_cipher(self, *arguments: object) -> Any:
            raise IntegrityError("the key authenticates nothing")

    weak: Any = Weak()
    with pytest.raises(IntegrityError, match=PLACE.uri):
        ObjectWriter(store, PLACE, keyring, GCM, backend=weak)
    assert store.log == []


def test_longer_than_gcm_allows(store: RecordingStore, keyring: KmsKeyring) -> None:
    """The length limit is a clear error, and the writer is dead: no shortened object can be finished."""
    writer = ObjectWriter(store, PLACE, keyring, GCM, part_bytes=PART)
    writer.write(b"x" * 16)
    writer.plaintext_bytes = ContentAlgorithm.AES_GCM.max_plaintext_bytes - 16
    writer._check_room(16)
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: .*longer than AES/GCM/NoPadding allows.*several objects"):
        writer.write(b"x" * 17)
    assert_dead(writer)


def test_put_object_that_fails_leaves_nothing(kms: FakeKms, keyring: KmsKeyring, profile: Profile) -> None:
    """The short way for objects in memory aborts as well."""
    store = Failing("part")
    with pytest.raises(TransferError, match="S3 said no"):
        put_object(store, PLACE, keyring, profile, TEXT, part_bytes=64)
    assert list(store.list_uploads(PLACE)) == []
