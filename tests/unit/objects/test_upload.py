"""Writing objects: bytes, bounds, retries, failures at every step."""

from __future__ import annotations

import os
import pickle
import threading
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3cse.crypto.ciphers import Backend
from s3cse.envelope import v2
from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import ContentAlgorithm
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError, SettingsError, TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects import upload
from s3cse.objects.open import open_object
from s3cse.objects.reader import read_whole
from s3cse.objects.upload import PARTS_IN_FLIGHT, ObjectWriter, complete, put_object
from s3cse.storage.port import Location, UploadedPart

from .fakes import ALLOW, KEY, PLACE, FakeKms, RecordingStore, refusal, write_object

GCM, CBC = find_profile("emrfs-v2", "kms"), find_profile("emrfs", "kms")
TEXT = bytes(range(256)) * 2
PART = 64
SIZES = [0, 1, 15, 16, 17, 47, 48, 49, 63, 64, 65, 111, 112, 113, 127, 128, 129, 500, 512]
STEPS = [1, 5, 16, 63, 64, 65, 1000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", STEPS)
def test_every_length_by_every_step(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend, size: int, step: int
) -> None:
    """However the text is cut and wherever it ends, it reads back, its length header is exact, and parts are full."""
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART, backend=backend) as writer:
        assert writer.write(b"") == 0
        for at in range(0, size, step):
            piece = TEXT[at : min(at + step, size)]
            assert writer.write(piece) == len(piece)
        staged = writer.finish()
    complete(store, staged)
    assert (staged.plaintext_bytes, staged.stored_bytes) == (size, len(store.body()))
    assert store.metadata()["x-amz-unencrypted-content-length"] == str(size)
    lengths = [len(body) for _, body in sorted(store.sent)]
    assert set(lengths[:-1]) <= {PART}
    assert 0 < lengths[-1] <= PART
    assert read_whole(open_object(store, keyring, PLACE, ALLOW, backend=backend)).to_pybytes() == TEXT[:size]


def test_gcm_object_is_what_others_read(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, backend: Backend
) -> None:
    """`cryptography` opens the object in one shot: no AAD, tag at the end."""
    write_object(store, keyring, GCM, TEXT, backend)
    envelope = read_envelope(store.metadata())
    assert envelope is not None
    assert AESGCM(kms.secrets[0]).decrypt(envelope.iv, store.body(), None) == TEXT


def test_every_object_has_its_own_key_and_iv(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile
) -> None:
    """No key or IV is used twice."""
    ivs = set()
    for _ in range(5):
        write_object(store, keyring, profile, b"same")
        ivs.add(store.metadata()["x-amz-iv"])
    assert len(ivs) == len(set(kms.secrets)) == 5


def test_nothing_is_sent_before_the_end(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """The upload starts when the length is known, and shows nothing until it is completed."""
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART) as writer:
        writer.write(TEXT)
        assert store.log == []
        writer.finish()
    assert {method for method, _ in store.log} == {"CREATE", "PART"}
    assert store.head(PLACE) is None


def test_spool_on_disk_is_ciphertext_without_a_name(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, backend: Backend, tmp_path: Path
) -> None:
    """What goes to disk is ciphertext, in a file that has no name, and it is gone afterwards."""
    text = b"plaintext here! " * 64
    with ObjectWriter(
        store,
        PLACE,
        keyring,
        profile,
        part_bytes=PART,
        memory_bytes=PART,
        spool_directory=str(tmp_path),
        backend=backend,
    ) as writer:
        writer.write(text)
        file = writer._spool._file
        assert file is not None
        assert list(tmp_path.iterdir()) == []
        on_disk = os.pread(file.fileno(), 1 << 20, 0)
        assert len(on_disk) >= len(text) - 3 * PART
        assert b"plaintext" not in on_disk
        staged = writer.finish()
    assert file.closed
    complete(store, staged)
    assert on_disk in store.body()


class Blocking(RecordingStore):
    """Holds every part until the gate opens; knows how many are inside at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.lock = threading.Lock()
        self.inside = self.most = 0

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        assert self.gate.wait(20)
        with self.lock:
            self.inside -= 1
        return super().upload_part(location, upload_id, number, body)


def test_parts_in_flight_are_bounded(keyring: KmsKeyring, profile: Profile) -> None:
    """A slow S3 gets PARTS_IN_FLIGHT parts at a time, in parallel, and no more are read from the spool."""
    store = Blocking()
    read: list[int] = []
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART) as writer:
        writer.write(bytes(PART * 20))
        real = writer._spool.read
        writer._spool.read = lambda index: (read.append(index), real(index))[1]  # type: ignore[method-assign]
        thread = threading.Thread(target=writer.finish)
        thread.start()
        deadline = time.monotonic() + 10
        while store.inside < PARTS_IN_FLIGHT and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert (store.inside, len(read)) == (PARTS_IN_FLIGHT, PARTS_IN_FLIGHT)
        store.gate.set()
        thread.join(20)
    assert store.most == PARTS_IN_FLIGHT
    assert sorted(read) == list(range(21))


def test_memory_is_bounded_whatever_the_length(keyring: KmsKeyring, profile: Profile, tmp_path: Path) -> None:
    """The peak is memory_bytes + (PARTS_IN_FLIGHT + 1) × part_bytes, as the module promises."""
    part, memory = 1 << 18, 2 << 18

    class Forgetting(RecordingStore):
        def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
            copy = bytes(body)  # of a bytearray, as boto3 does; bytes stay themselves
            time.sleep(0.002)
            return UploadedPart(number, str(len(copy)))

    piece = bytes(1 << 14)
    tracemalloc.start()
    try:
        with ObjectWriter(
            Forgetting(), PLACE, keyring, profile, part_bytes=part, memory_bytes=memory, spool_directory=str(tmp_path)
        ) as writer:
            for _ in range(640):
                writer.write(piece)
            writer.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert writer.plaintext_bytes == 40 * part
    assert peak <= memory + (PARTS_IN_FLIGHT + 1) * part + (1 << 17)  # Python's own objects come on top


def test_more_parts_than_s3_takes_are_joined(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond 10,000 parts, neighbours travel together: the bytes stay the same."""
    monkeypatch.setattr(upload, "MAX_PARTS", 4)
    write_object(store, keyring, profile, TEXT[:500], part_bytes=48)
    lengths = [len(body) for _, body in sorted(store.sent)]
    assert lengths[:-1] == [144] * 3
    assert [number for number, _ in sorted(store.sent)] == [1, 2, 3, 4]
    assert read_whole(open_object(store, keyring, PLACE, ALLOW)).to_pybytes() == TEXT[:500]


def open_files_in(folder: Path) -> int:
    """Return how many files of this folder the process holds open, unlinked ones included."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # another thread's has gone meanwhile
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return sum(link.startswith(str(folder)) for link in links)


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


@pytest.mark.parametrize("at", ["create", "part"])
@pytest.mark.parametrize("parts", [0, 1, 5, 8])
@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), MemoryError()], ids=["transfer", "interrupt", "memory"])
def test_failed_upload_leaves_nothing(
    keyring: KmsKeyring, profile: Profile, tmp_path: Path, at: str, parts: int, error: BaseException | None
) -> None:
    """Whatever fails, whenever: the error comes out, the upload is aborted, the spool is gone, the writer is dead."""
    store = Failing(at, parts, error)
    writer = ObjectWriter(
        store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART, spool_directory=str(tmp_path)
    )
    writer.write(TEXT)
    assert open_files_in(tmp_path) == 1
    with pytest.raises((TransferError, KeyboardInterrupt, MemoryError)) as caught:
        writer.finish()
    assert caught.value is store.error
    assert list(store.list_uploads(PLACE)) == []
    assert store.head(PLACE) is None
    assert open_files_in(tmp_path) == 0
    for use in (lambda: writer.write(b"x"), writer.finish):
        with pytest.raises(ValueError, match="finished or aborted"):
            use()
    writer.abort()


class SlowButFirst(RecordingStore):
    """Refuses part 1 at once; the others take their time."""

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        if number == 1:
            raise TransferError("S3 said no", uri=PLACE.uri)
        time.sleep(0.05)
        return super().upload_part(location, upload_id, number, body)


def test_no_part_is_sent_after_the_abort(keyring: KmsKeyring, profile: Profile) -> None:
    """Parts in flight are over before the upload is aborted: S3 would keep, and bill, what comes later."""
    store = SlowButFirst()
    with pytest.raises(TransferError, match="S3 said no"):
        write_object(store, keyring, profile, TEXT)
    assert store.log[-1] == ("ABORT", PLACE.key)
    time.sleep(0.2)
    assert store.log[-1] == ("ABORT", PLACE.key)
    assert store.count("PART") < PARTS_IN_FLIGHT


def test_abort_does_not_hide_the_first_error(keyring: KmsKeyring, profile: Profile) -> None:
    """An abort that fails too does not cover the reason."""
    store = Failing("part")

    def refuse(location: Location, upload_id: str) -> None:
        raise TransferError("abort refused")

    store.abort_upload = refuse  # type: ignore[method-assign]
    with pytest.raises(TransferError, match="S3 said no"):
        write_object(store, keyring, profile, TEXT)


def test_left_block_aborts(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """Leaving the block without finish sends nothing and closes the spool."""
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART) as writer:
        writer.write(TEXT)
    assert store.log == []
    assert writer._spool._file is None


def test_staged_upload_can_be_aborted_by_its_writer(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile
) -> None:
    """abort after finish drops the parts in S3."""
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART) as writer:
        writer.write(TEXT)
        writer.finish()
    assert list(store.list_uploads(PLACE)) != []
    writer.abort()
    assert list(store.list_uploads(PLACE)) == []


def test_full_disk_kills_the_writer(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that lost a part on the way cannot be finished: the error names it, and the writer is dead."""

    def refuse(file: object, view: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("s3cse.storage.spool._write_all", refuse)
    writer = ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART)
    with pytest.raises(TransferError, match=f"{PLACE.uri}: the ciphertext .*No space left"):
        writer.write(TEXT)
    with pytest.raises(ValueError, match="finished or aborted"):
        writer.finish()
    assert store.log == []


def test_failure_at_the_very_end_of_the_spool(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up with the tag is noticed too, and nothing was started in S3."""
    writer = ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART)
    writer.write(TEXT[:PART])

    def refuse(file: object, view: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("s3cse.storage.spool._write_all", refuse)
    with pytest.raises(TransferError, match=f"{PLACE.uri}: .*No space left"):
        writer.finish()
    assert store.log == []


def test_longer_than_gcm_allows(store: RecordingStore, keyring: KmsKeyring) -> None:
    """The length limit is a clear error, and the writer is dead: no shortened object can be finished."""
    writer = ObjectWriter(store, PLACE, keyring, GCM, part_bytes=PART)
    writer.write(b"x" * 16)
    writer.plaintext_bytes = ContentAlgorithm.AES_GCM.max_plaintext_bytes - 16
    writer._check_length(16)
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: .*longer than AES/GCM/NoPadding allows.*several objects"):
        writer.write(b"x" * 17)
    with pytest.raises(ValueError, match="finished or aborted"):
        writer.finish()


@pytest.mark.parametrize("data", [memoryview(bytes(64))[::2], "text", 5, None])
def test_arguments_that_are_no_buffer(store: RecordingStore, keyring: KmsKeyring, profile: Profile, data: Any) -> None:
    """A wrong argument is a TypeError, takes nothing, and the writer goes on."""
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART) as writer:
        with pytest.raises(TypeError):
            writer.write(data)
        writer.write(memoryview(bytes(64)).cast("I"))
        assert writer.finish().plaintext_bytes == 64


@pytest.mark.parametrize("part_bytes", [0, -16, 1, 17])
def test_part_size_is_checked_before_kms(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, part_bytes: int
) -> None:
    """A part is a positive number of whole blocks."""
    with pytest.raises(ValueError, match="multiple of 16"):
        ObjectWriter(store, PLACE, keyring, GCM, part_bytes=part_bytes)
    assert kms.operations == []


def test_context_too_large_is_refused_before_any_work(store: RecordingStore, kms: FakeKms) -> None:
    """An envelope that S3 will not take is refused at the start, naming the object."""
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: the envelope does not fit.*{v2.METADATA_LIMIT_BYTES} bytes"):
        ObjectWriter(store, PLACE, KmsKeyring(kms, KEY, {"a": "x" * 2000}), GCM)
    assert store.log == []


def test_kms_refusal_names_the_object(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile
) -> None:
    """Without a data key nothing is written; the cause is KMS's own error."""
    kms.refusal = refusal("AccessDeniedException")
    with pytest.raises(KeyringError, match=f"{PLACE.uri}: KMS refused GenerateDataKey") as caught:
        put_object(store, PLACE, keyring, profile, TEXT)
    assert caught.value.__cause__ is kms.refusal
    assert store.log == []


def test_writer_cannot_be_pickled(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """A writer holds a key and stays where it is."""
    with ObjectWriter(store, PLACE, keyring, profile) as writer, pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(writer)


def test_put_object_is_visible_on_return(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """The short way for small objects."""
    staged = put_object(store, PLACE, keyring, profile, TEXT)
    assert staged.plaintext_bytes == len(TEXT)
    assert read_whole(open_object(store, keyring, PLACE, ALLOW)).to_pybytes() == TEXT
