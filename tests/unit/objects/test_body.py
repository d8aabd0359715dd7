"""Encrypting bodies in place, in parts: the whole is what `cryptography` makes in one shot."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.model import ContentAlgorithm
from s3cse.objects.body import BodyEncryptor, body_encryptor

KEY, TEXT = bytes(range(32)), bytes(range(100))


def expected(algorithm: ContentAlgorithm, iv: bytes, text: bytes) -> bytes:
    if algorithm.authenticated:
        return AESGCM(KEY).encrypt(iv, text, algorithm.aad)
    padder = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(KEY), modes.CBC(iv)).encryptor()
    return cipher.update(padder.update(text) + padder.finalize()) + cipher.finalize()


def sealed(body: BodyEncryptor, parts: list[bytes], order: Any) -> bytes:
    """Seal all parts but the last in this order, then the last; the offsets are those of a body in equal parts."""
    buffers = [bytearray(part) for part in parts]
    size = len(parts[0])
    for index in order:
        body.seal(index * size, buffers[index])
    body.seal_last((len(parts) - 1) * size, buffers[-1])
    return b"".join(buffers)


@pytest.mark.parametrize("algorithm", ContentAlgorithm)
@pytest.mark.parametrize("size", [16, 32, 48, 96, 112])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 47, 48, 49, 95, 96, 97, 100])
def test_parts_join_to_the_message(backend: Backend, algorithm: ContentAlgorithm, size: int, length: int) -> None:
    """Whatever the part size, the parts are the one-shot ciphertext, tag or padding at the end of the last."""
    iv, text = bytes(algorithm.iv_bytes), TEXT[:length]
    parts = [text[at : at + size] for at in range(0, length, size)] or [b""]
    body = body_encryptor(backend, algorithm, KEY, iv)
    assert sealed(body, parts, range(len(parts) - 1)) == expected(algorithm, iv, text)
    body.close()


def test_gcm_parts_in_every_order(backend: Backend) -> None:
    """GCM parts may be sealed in any order; CBC says that its parts may not."""
    iv = bytes(12)
    for order in itertools.permutations(range(3)):
        body = body_encryptor(backend, ContentAlgorithm.AES_GCM, KEY, iv)
        parts = [TEXT[at : at + 32] for at in range(0, 100, 32)]
        assert sealed(body, parts, order) == expected(ContentAlgorithm.AES_GCM, iv, TEXT)
        assert not body.serial
    assert body_encryptor(backend, ContentAlgorithm.AES_CBC, KEY, bytes(16)).serial


@pytest.mark.parametrize("algorithm", ContentAlgorithm)
def test_closed_body_takes_nothing(backend: Backend, algorithm: ContentAlgorithm) -> None:
    """After close the key is gone."""
    body = body_encryptor(backend, algorithm, KEY, bytes(algorithm.iv_bytes))
    body.close()
    body.close()
    with pytest.raises(ValueError, match="closed"):
        body.seal(0, bytearray(16))
    with pytest.raises(ValueError, match="closed"):
        body.seal_last(0, bytearray(16))


def test_values_are_wiped_and_do_not_show(backend: Backend) -> None:
    """The values of the parts are secrets: zeros after close, in no text, and no pickle of them can be made."""
    body: Any = body_encryptor(backend, ContentAlgorithm.AES_GCM, KEY, bytes(12))
    body.seal(0, bytearray(TEXT[:32]))
    body.seal(32, bytearray(TEXT[32:64]))
    values = list(body._values)
    assert all(any(value.view()) for value in values)
    assert all(bytes(value.view()).hex() not in f"{body!r} {body._values!r}" for value in values)
    with pytest.raises(TypeError):
        pickle.dumps(body)
    body.close()
    assert [bytes(value.view()) for value in values] == [bytes(16)] * 2
