"""One door to all writers."""

from __future__ import annotations

import os

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import ENCRYPTION_SDK, PROFILE_NAMES, SSE_C
from s3cse.errors import SettingsError
from s3cse.keyrings import AesKeyring, CachingKeyring, KmsKeyring, MultiKeyring, ReuseLimits
from s3cse.message import COMMITTING_SIGNED, decrypt
from s3cse.message.options import MessageOptions
from s3cse.objects.envelope_storage import UPLOAD_MARK, EnvelopeStorage
from s3cse.objects.new_object import new_object, wrapping
from s3cse.objects.put import publish, put_object
from s3cse.objects.streamed_upload import PlainWriter
from s3cse.objects.upload import ObjectWriter

from .fakes import KEY, PLACE, FakeKms, RecordingStore
from .messages import FRAME, raw_key


def write(
    store: RecordingStore,
    profile: str,
    plaintext: bytes,
    *,
    step: int = 1 << 20,
    part_bytes: int = 100,
    message: MessageOptions | None = None,
    backend: Backend | None = None,
    length: int | None = None,
) -> bytes:
    """Write an object in small parts and return what is stored."""
    keyring, found = wrapping(None if profile == SSE_C else raw_key(), profile, PLACE.uri)
    with new_object(
        store,
        PLACE,
        keyring,
        found,
        part_bytes=part_bytes,
        message=message or MessageOptions(frame_length=FRAME),
        backend=backend,
        length=length,
    ) as writer:
        for at in range(0, len(plaintext), step):
            writer.write(plaintext[at : at + step])
        staged = writer.finish()
    assert staged.plaintext_bytes == len(plaintext)
    publish(store, staged)
    assert staged.stored_bytes == len(store.body())
    return store.body()


@pytest.mark.parametrize("length", [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 5 * FRAME + 7])
@pytest.mark.parametrize("step", [1, 50, FRAME, 3 * FRAME, 1000])
@pytest.mark.parametrize("part_bytes", [1, 96, 97, 2000])
def test_a_message_of_any_length_in_any_parts(
    store: RecordingStore, backend: Backend, length: int, step: int, part_bytes: int
) -> None:
    """Whatever the caller's pieces and S3's parts are, the object is one message, and nothing waits for its end."""
    plaintext = os.urandom(length)
    stored = write(store, ENCRYPTION_SDK, plaintext, step=step, part_bytes=part_bytes, backend=backend)
    opened = decrypt(stored, raw_key())
    assert opened.plaintext == plaintext
    assert opened.header.frame_length == FRAME


def test_a_signed_message(store: RecordingStore) -> None:
    """The signature covers frames in the order of the message, wherever their parts end."""
    options = MessageOptions(frame_length=FRAME, suite=COMMITTING_SIGNED.id)
    stored = write(store, ENCRYPTION_SDK, bytes(1000), step=77, message=options)
    assert decrypt(stored, raw_key()).header.suite is COMMITTING_SIGNED


@pytest.mark.parametrize("step", [1, 100, 1000])
def test_sse_c_stores_the_plaintext(store: RecordingStore, step: int) -> None:
    """S3 gets the body as it is, and a mark that tells this upload from others."""
    plaintext = os.urandom(777)
    assert write(store, SSE_C, plaintext, step=step) == plaintext
    assert set(store.metadata()) == {UPLOAD_MARK}


@pytest.mark.parametrize("profile", [ENCRYPTION_SDK, SSE_C])
def test_small_objects_go_in_one_request(store: RecordingStore, profile: str) -> None:
    """Their metadata is the user's alone."""
    keyring, found = wrapping(raw_key(), profile, PLACE.uri)
    storage = EnvelopeStorage(metadata={"owner": "me"})
    written = put_object(store, PLACE, keyring, found, b"text", storage=storage)
    assert store.log == [("PUT", PLACE.key)]
    assert store.metadata() == {"owner": "me"}
    assert (written.plaintext_bytes, written.stored_bytes) == (4, len(store.body()))
    if profile == ENCRYPTION_SDK:
        assert decrypt(store.body(), raw_key()).plaintext == b"text"
    else:
        assert store.body() == b"text"


@pytest.mark.parametrize("profile", [ENCRYPTION_SDK, SSE_C])
def test_long_objects_in_memory_go_in_parts(store: RecordingStore, profile: str) -> None:
    """As those of the other profiles do."""
    keyring, found = wrapping(raw_key(), profile, PLACE.uri)
    put_object(store, PLACE, keyring, found, bytes(500), part_bytes=300)
    assert store.count("PART") > 1


def test_several_keys_wrap_the_data_key(store: RecordingStore) -> None:
    """A multi keyring is taken whole: each key that also wraps opens the object alone."""
    several = MultiKeyring([raw_key("a")], also_wrap=[raw_key("b")])
    keyring, found = wrapping(several, ENCRYPTION_SDK, PLACE.uri)
    put_object(store, PLACE, keyring, found, b"text")
    for name in "ab":
        assert decrypt(store.body(), raw_key(name)).plaintext == b"text"


def test_a_cache_may_reuse_data_keys(kms: FakeKms, store: RecordingStore) -> None:
    """Within its limits it does, for lengths that are known."""
    cached = CachingKeyring(KmsKeyring(kms, KEY), reuse=ReuseLimits())
    keyring, found = wrapping(cached, ENCRYPTION_SDK, PLACE.uri)
    for _ in range(3):
        put_object(store, PLACE, keyring, found, b"text")
    assert kms.operations == ["GenerateDataKey"]


@pytest.mark.parametrize("profile", [ENCRYPTION_SDK, SSE_C])
def test_a_length_that_is_known_makes_parts_large_enough(
    store: RecordingStore, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3's number of parts is kept where that can be; else the writer says so before S3 does."""
    monkeypatch.setattr("s3cse.objects.streamed_upload.MAX_PARTS", 5)
    write(store, profile, bytes(2000), length=2000)
    assert store.count("PART") <= 5
    with pytest.raises(SettingsError, match="more parts than S3 takes"):
        write(store, profile, bytes(2000))


@pytest.mark.parametrize("profile", [ENCRYPTION_SDK, SSE_C])
def test_what_has_no_instruction_file(store: RecordingStore, profile: str) -> None:
    """Storage in one is refused before any key is made."""
    keyring, found = wrapping(raw_key(), profile, PLACE.uri)
    file = EnvelopeStorage(kind="instruction-file")
    for call in (
        lambda: new_object(store, PLACE, keyring, found, storage=file),
        lambda: put_object(store, PLACE, keyring, found, b"", storage=file),
    ):
        with pytest.raises(SettingsError, match="instruction file"):
            call()
    assert not store.log


def test_the_profile_decides(store: RecordingStore) -> None:
    """Each name has its writer; only those of the S3 formats have an index."""
    made = {}
    for name in PROFILE_NAMES:
        keyring, found = wrapping(raw_key(), name, PLACE.uri)
        with new_object(store, PLACE, keyring, found, segment_bytes=4096, part_bytes=8192) as writer:
            made[name] = type(writer).__name__, writer.indexed
            if not writer.indexed:
                with pytest.raises(ValueError, match="index"):
                    writer.segment_index(b"")
    assert made == {
        "emrfs": (ObjectWriter.__name__, False),
        "emrfs-v2": (ObjectWriter.__name__, True),
        "s3ec-v4": (ObjectWriter.__name__, True),
        "redshift": (ObjectWriter.__name__, False),
        ENCRYPTION_SDK: ("MessageObjectWriter", False),
        SSE_C: (PlainWriter.__name__, False),
    }


def test_a_profile_that_needs_a_keyring() -> None:
    """Only SSE-C goes without."""
    assert wrapping(None, SSE_C, PLACE.uri)[0] is None
    for name in (ENCRYPTION_SDK, "emrfs-v2"):
        with pytest.raises(SettingsError, match="needs a keyring"):
            wrapping(None, name, PLACE.uri)


def test_a_key_without_names(store: RecordingStore) -> None:
    """Messages need the names of raw keys: the error names the object, and nothing is begun."""
    _, found = wrapping(raw_key(), ENCRYPTION_SDK, PLACE.uri)
    with pytest.raises(SettingsError, match=f"{PLACE.key}: a raw key needs a provider_id"):
        new_object(store, PLACE, AesKeyring(bytes(32)), found)
    assert not store.log


@pytest.mark.parametrize("frame_length", [0, -1, True, "64", (64 << 20) + 1])
def test_frame_lengths_that_objects_do_not_have(frame_length: object) -> None:
    """A reader holds a whole frame in memory."""
    with pytest.raises(SettingsError, match="frame length"):
        MessageOptions(frame_length=frame_length)  # type: ignore[arg-type]
