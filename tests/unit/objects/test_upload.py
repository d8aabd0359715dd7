"""Writing objects: bytes, bounds, order, and a length that is known or not."""

from __future__ import annotations

import os
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.envelope.stored_form import METADATA_LIMIT_BYTES
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import KmsKeyring
from s3cse.objects import destinations, upload
from s3cse.objects.destinations import SpooledUpload
from s3cse.objects.open import open_object
from s3cse.objects.put import put_object
from s3cse.objects.reader import read_whole
from s3cse.objects.upload import PARTS_IN_FLIGHT, PARTS_INTO_SPOOL, ObjectWriter, complete
from s3cse.storage.port import Location, UploadedPart

from .fakes import (
    ALLOW,
    KEY,
    PLACE,
    Blocking,
    FakeKms,
    RecordingStore,
    Unordered,
    assert_dead,
    assert_nothing_in,
    open_files_in,
    refusal,
    write_object,
)

GCM, CBC = find_profile("emrfs-v2", "kms"), find_profile("emrfs", "kms")
TEXT = bytes(range(256)) * 2
PART = 64
SIZES = [0, 1, 15, 16, 17, 47, 48, 49, 63, 64, 65, 111, 112, 113, 127, 128, 129, 500, 512]
STEPS = [1, 5, 16, 63, 64, 65, 1000]


def expected_body(envelope: Envelope, key: bytes, text: bytes) -> bytes:
    """Return what `cryptography` makes of it in one shot."""
    iv = envelope.iv
    if envelope.content_algorithm.commits:
        derived = HKDF(SHA512(), 32, envelope.message_id, b"\x00\x73DERIVEKEY").derive(key)
        return AESGCM(derived).encrypt(b"\x01" * 12, text, b"\x00\x73")
    if envelope.authenticated:
        return AESGCM(key).encrypt(iv, text, None)
    padder = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(padder.update(text) + padder.finalize()) + cipher.finalize()


def assert_is(store: RecordingStore, kms: FakeKms, profile: Profile, text: bytes) -> None:
    """The stored object is the one-shot ciphertext of ``text`` under its own key, with an exact length header."""
    envelope = read_envelope(store.metadata())
    assert envelope is not None
    assert envelope.format is profile.format
    assert store.body() == expected_body(envelope, kms.secrets[-1], text)
    claimed = store.metadata().get("x-amz-unencrypted-content-length")
    assert claimed == (None if envelope.format is Format.V3 else str(len(text)))


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", STEPS)
def test_every_length_by_every_step(
    store: RecordingStore,
    kms: FakeKms,
    keyring: KmsKeyring,
    profile: Profile,
    backend: Backend,
    size: int,
    step: int,
    known: bool,
) -> None:
    """However the text is cut and wherever it ends, the object is one message, parts are full, the last has the end."""
    length = size if known else None
    with ObjectWriter(
        store, PLACE, keyring, profile, length=length, part_bytes=PART, memory_bytes=PART, backend=backend
    ) as writer:
        assert writer.write(b"") == 0
        for at in range(0, size, step):
            piece = bytearray(TEXT[at : min(at + step, size)])
            assert writer.write(piece) == len(piece)
            piece[:] = bytes(len(piece))  # the writer has its own copy
        staged = writer.finish()
    complete(store, staged)
    assert (staged.plaintext_bytes, staged.stored_bytes) == (size, len(store.body()))
    assert_is(store, kms, profile, TEXT[:size])
    lengths = [len(body) for _, body in sorted(store.sent)]
    assert set(lengths[:-1]) <= {PART}
    assert 0 < lengths[-1] <= PART + 16
    assert read_whole(open_object(store, keyring, PLACE, ALLOW, backend=backend)).to_pybytes() == TEXT[:size]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("how", ["random", "reverse"])
def test_parts_end_in_any_order(
    kms: FakeKms, keyring: KmsKeyring, profile: Profile, backend: Backend, known: bool, how: str
) -> None:
    """The object does not depend on which request ends first."""
    store, text = Unordered(how), os.urandom(41 * PART + 7)
    write_object(store, keyring, profile, text, backend, PART, len(text) if known else None)
    assert store.ended != sorted(store.ended)
    assert_is(store, kms, profile, text)


@pytest.mark.parametrize("known", [False, True])
def test_large_parts(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile, known: bool) -> None:
    """Parts beyond what one pass of the cipher holds, several objects at once, on the compiled backend."""
    texts = [os.urandom((3 << 20) + at) for at in range(4)]
    stores = [RecordingStore() for _ in texts]
    keys = [FakeKms() for _ in texts]

    def write(at: int) -> None:
        length = len(texts[at]) if known else None
        write_object(stores[at], KmsKeyring(keys[at], KEY), profile, texts[at], None, 1 << 19, length)

    threads = [threading.Thread(target=write, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for at in range(4):
        assert_is(stores[at], keys[at], profile, texts[at])


def test_every_object_has_its_own_key_and_iv(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile
) -> None:
    """No key or IV is used twice."""
    ivs = set()
    for _ in range(5):
        write_object(store, keyring, profile, b"same")
        ivs.add(store.metadata().get("x-amz-iv") or store.metadata()["x-amz-i"])
    assert len(ivs) == len(set(kms.secrets)) == 5


def test_nothing_is_sent_before_the_length_is_known(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile
) -> None:
    """The upload starts when the length is known, and shows nothing until it is completed."""
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART) as writer:
        writer.write(TEXT)
        assert store.log == []
        writer.finish()
    assert {method for method, _ in store.log} == {"CREATE", "PART"}
    assert store.head(PLACE) is None


def test_parts_leave_at_once_where_the_length_is_known(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, tmp_path: Path
) -> None:
    """With a length the upload starts with the first full part, nothing is spooled, and nothing shows."""
    with ObjectWriter(
        store, PLACE, keyring, profile, length=len(TEXT), part_bytes=PART, spool_directory=str(tmp_path / "absent")
    ) as writer:
        writer.write(TEXT[:PART])
        assert store.log == []  # it could be the last part
        writer.write(TEXT[PART : 5 * PART + 1])
        deadline = time.monotonic() + 10
        while store.count("PART") < 5 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert store.log == [("CREATE", PLACE.key)] + [("PART", PLACE.key)] * 5
        writer.write(TEXT[5 * PART + 1 :])
        complete(store, writer.finish())
    assert store.count("CREATE") == 1
    assert read_whole(open_object(store, keyring, PLACE, ALLOW)).to_pybytes() == TEXT


@pytest.mark.parametrize("said", [1, PART, 100, 10_000])
@pytest.mark.parametrize("more", [1, 16, 1000])
def test_longer_than_said_is_refused(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, said: int, more: int
) -> None:
    """A write beyond the length that was said is refused whole, and everything is aborted."""
    writer = ObjectWriter(store, PLACE, keyring, profile, length=said, part_bytes=PART)
    writer.write(bytes(said))
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: .*longer than was said; found {said + more} bytes"):
        writer.write(bytes(more))
    assert_dead(writer)
    assert_nothing_in(store)


@pytest.mark.parametrize("missing", [1, 16, PART, 500])
def test_shorter_than_said_is_refused(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, missing: int
) -> None:
    """finish refuses an object that is not as long as was said: its header would lie."""
    writer = ObjectWriter(store, PLACE, keyring, profile, length=500, part_bytes=PART)
    writer.write(TEXT[: 500 - missing])
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: .*shorter than was said; found {500 - missing} bytes"):
        writer.finish()
    assert_dead(writer)
    assert_nothing_in(store)


@pytest.mark.parametrize("length", [-1, -(2**70), ContentAlgorithm.AES_GCM.max_plaintext_bytes + 1, 2**70])
def test_impossible_length_is_refused_before_kms(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, length: int
) -> None:
    """A length that no object has costs no call to KMS or S3."""
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: no AES/GCM/NoPadding object has this length"):
        ObjectWriter(store, PLACE, keyring, GCM, length=length)
    assert (kms.operations, store.log) == ([], [])


def spool_of(writer: ObjectWriter) -> Any:
    """Return the spool of a writer that does not know its length."""
    assert isinstance(writer._destination, SpooledUpload)
    return writer._destination._spool


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
        deadline = time.monotonic() + 10
        while spool_of(writer).count < 15 and time.monotonic() < deadline:
            time.sleep(0.005)
        file = spool_of(writer)._file._file
        assert list(tmp_path.iterdir()) == []
        assert open_files_in(tmp_path) == 1
        on_disk = os.pread(file.fileno(), 1 << 20, 0)
        assert len(on_disk) >= 14 * PART
        assert b"plaintext" not in on_disk
        staged = writer.finish()
    assert file.closed
    assert open_files_in(tmp_path) == 0
    complete(store, staged)
    body = store.body()
    for at in range(0, len(on_disk), PART):
        assert on_disk[at : at + PART] in (body[at : at + PART], bytes(PART))  # a hole: that part is in memory


def test_parts_from_the_spool_in_flight_are_bounded(keyring: KmsKeyring, profile: Profile) -> None:
    """A slow S3 gets PARTS_IN_FLIGHT parts at a time, in parallel, and no more are read from the spool."""
    store = Blocking()
    read: list[int] = []
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=PART, memory_bytes=PART) as writer:
        writer.write(bytes(PART * 20))
        spool = spool_of(writer)
        real = spool.read
        spool.read = lambda index: (read.append(index), real(index))[1]
        thread = threading.Thread(target=writer.finish)
        thread.start()
        store.wait_for(PARTS_IN_FLIGHT)
        assert (store.inside, len(read)) == (PARTS_IN_FLIGHT, PARTS_IN_FLIGHT)
        store.gate.set()
        thread.join(20)
    assert store.most == PARTS_IN_FLIGHT
    assert sorted(read) == list(range(20))


def test_streamed_parts_in_flight_are_bounded(keyring: KmsKeyring, profile: Profile) -> None:
    """With a known length a slow S3 makes write wait; the last part may travel beside the others."""
    store = Blocking()
    with ObjectWriter(store, PLACE, keyring, profile, length=PART * 20, part_bytes=PART) as writer:
        thread = threading.Thread(target=lambda: (writer.write(bytes(PART * 20)), writer.finish()))
        thread.start()
        store.wait_for(PARTS_IN_FLIGHT)
        assert store.inside == PARTS_IN_FLIGHT
        store.gate.set()
        thread.join(20)
    assert PARTS_IN_FLIGHT <= store.most <= PARTS_IN_FLIGHT + 1
    assert len(store.sent) == 20


class Forgetting(RecordingStore):
    """Keeps nothing, but copies what is sent, as boto3 may."""

    def upload_part(self, location: Location, upload_id: str, number: int, body: Any) -> UploadedPart:
        copy = bytes(body)
        time.sleep(0.002)
        return UploadedPart(number, str(len(copy)))


@pytest.mark.parametrize("known", [False, True])
def test_memory_is_bounded_whatever_the_length(
    keyring: KmsKeyring, profile: Profile, tmp_path: Path, known: bool
) -> None:
    """The peak is what the module promises, with the S3 client's copies."""
    part, memory = 1 << 18, 2 << 18
    piece = bytes(1 << 14)
    length = 40 * part if known else None
    tracemalloc.start()
    try:
        with ObjectWriter(
            Forgetting(),
            PLACE,
            keyring,
            profile,
            length=length,
            part_bytes=part,
            memory_bytes=memory,
            spool_directory=str(tmp_path),
        ) as writer:
            for _ in range(640):
                writer.write(piece)
            written = tracemalloc.get_traced_memory()[1]
            writer.finish()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert writer.plaintext_bytes == 40 * part
    others = 1 << 17  # Python's own objects come on top
    if known:
        assert peak <= 2 * (PARTS_IN_FLIGHT + 1) * part + others
    else:
        assert written <= memory + (PARTS_INTO_SPOOL + 1) * part + others
        assert peak <= memory + 2 * PARTS_IN_FLIGHT * part + others


@pytest.mark.parametrize("known", [False, True])
def test_more_parts_than_s3_takes(
    store: RecordingStore,
    kms: FakeKms,
    keyring: KmsKeyring,
    profile: Profile,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    """Beyond 10,000 parts, spooled neighbours travel together, and a known length has larger parts: the same bytes."""
    monkeypatch.setattr(destinations, "MAX_PARTS", 4)
    monkeypatch.setattr(upload, "MAX_PARTS", 4)
    gcm = profile.content_algorithm.authenticated
    write_object(store, keyring, profile, TEXT[:500], part_bytes=48, length=500 if known else None)
    lengths = [len(body) for _, body in sorted(store.sent)]
    assert lengths[:-1] == ([144] * 3 if not known or gcm else [128] * 3)
    assert [number for number, _ in sorted(store.sent)] == [1, 2, 3, 4]
    assert_is(store, kms, profile, TEXT[:500])


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
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: the envelope does not fit.*{METADATA_LIMIT_BYTES} bytes"):
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


def test_put_object_is_visible_on_return(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """The short way for small objects."""
    staged = put_object(store, PLACE, keyring, profile, TEXT)
    assert staged.plaintext_bytes == len(TEXT)
    assert read_whole(open_object(store, keyring, PLACE, ALLOW)).to_pybytes() == TEXT
