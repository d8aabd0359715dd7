"""The segments of an open GCM object, and the verdict on them."""

from __future__ import annotations

import pickle

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import find_profile
from s3cse.errors import IntegrityError
from s3cse.keyrings import KmsKeyring
from s3cse.objects.gcm_body import GcmBody
from s3cse.objects.open import OpenObject, open_object

from .fakes import ALLOW, PLACE, RecordingStore, write_object

TEXT = bytes(range(100))


@pytest.fixture
def opened(store: RecordingStore, keyring: KmsKeyring, backend: Backend) -> OpenObject:
    """An open object of 100 bytes."""
    write_object(store, keyring, find_profile("emrfs-v2", "kms"), TEXT)
    return open_object(store, keyring, PLACE, ALLOW, backend=backend)


def test_segments_in_any_order_verify(opened: OpenObject) -> None:
    """Some decrypted, some only hashed, last first: the tag is that of all; values come back in order."""
    data = bytearray(opened.tail[:100])
    with GcmBody(opened) as body, memoryview(data) as view:
        body.hash(64, view[64:])
        body.decrypt(16, view[16:64])
        body.decrypt(0, view[:16])
        body.verify()
        assert [(value.offset, value.length) for value in body.values()] == [(0, 16), (16, 48), (64, 36)]
        body.decrypt_again(body.values()[2], view[64:])
    assert data == TEXT


@pytest.mark.parametrize("place", [0, 50, 99])
def test_wrong_segment_does_not_verify(opened: OpenObject, place: int) -> None:
    """A changed byte is found; the message is the one for all failures, and hides the cipher's own."""
    data = bytearray(opened.tail[:100])
    data[place] ^= 1
    with GcmBody(opened) as body, memoryview(data) as view:
        body.decrypt(0, view)
        with pytest.raises(IntegrityError, match="the object does not verify; nothing was released") as caught:
            body.verify()
    assert caught.value.__cause__ is None


def test_segment_that_changed_after_it_was_verified(opened: OpenObject) -> None:
    """The second decryption compares with the first: other bytes are an error, and zeros."""
    data = bytearray(opened.tail[:100])
    with GcmBody(opened) as body, memoryview(data) as view:
        body.hash(0, view)
        body.verify()
        data[7] ^= 1
        with pytest.raises(IntegrityError):
            body.decrypt_again(body.values()[0], view)
    assert data == bytes(100)


def test_missing_segment_does_not_pass(opened: OpenObject) -> None:
    """A body with a gap is a mistake of the caller and never a success."""
    data = bytearray(opened.tail[:100])
    with GcmBody(opened) as body, memoryview(data) as view:
        body.hash(16, view[16:])
        with pytest.raises(ValueError, match="do not join"):
            body.verify()
        with pytest.raises(TypeError):
            pickle.dumps(body)


def test_after_the_block_the_key_is_gone(opened: OpenObject) -> None:
    """A body that was left decrypts nothing."""
    with GcmBody(opened) as body:
        pass
    with pytest.raises(ValueError, match="closed"):
        body.hash(0, memoryview(b""))
