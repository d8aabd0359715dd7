"""Encrypting bodies into buffers of exact size."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.model import ContentAlgorithm
from s3cse.objects.body import body_encryptor

KEY, TEXT = bytes(range(32)), bytes(range(100))


def expected(algorithm: ContentAlgorithm, iv: bytes, text: bytes) -> bytes:
    if algorithm is ContentAlgorithm.AES_GCM:
        return AESGCM(KEY).encrypt(iv, text, None)
    padder = PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(KEY), modes.CBC(iv)).encryptor()
    return cipher.update(padder.update(text) + padder.finalize()) + cipher.finalize()


@pytest.mark.parametrize("algorithm", ContentAlgorithm)
@pytest.mark.parametrize("step", [1, 7, 15, 16, 17, 33, 100])
def test_buffers_are_filled_exactly(backend: Backend, algorithm: ContentAlgorithm, step: int) -> None:
    """However the text is cut, a buffer takes as much data as it has room, and the whole is the one-shot ciphertext."""
    iv = bytes(algorithm.iv_bytes)
    body = body_encryptor(backend, algorithm, KEY, iv)
    out, done = b"", 0
    while done < len(TEXT):
        part, filled = bytearray(48), 0
        while filled < len(part) and done < len(TEXT):
            piece = TEXT[done : done + min(step, len(part) - filled)]
            filled += body.update_into(piece, memoryview(part)[filled:])
            done += len(piece)
        out += part[:filled]
    assert out + body.end() == expected(algorithm, iv, TEXT)
    body.close()


@pytest.mark.parametrize("algorithm", ContentAlgorithm)
def test_closed_body_takes_nothing(backend: Backend, algorithm: ContentAlgorithm) -> None:
    """After close the key is gone."""
    body = body_encryptor(backend, algorithm, KEY, bytes(algorithm.iv_bytes))
    body.close()
    body.close()
    with pytest.raises(ValueError, match="closed"):
        body.update_into(b"x", bytearray(16))
    with pytest.raises(ValueError, match="closed"):
        body.end()
