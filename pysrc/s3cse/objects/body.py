"""Encrypting an object's body straight into part buffers: what GCM and CBC do differently, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from s3cse.crypto.ciphers import BLOCK_BYTES, Backend, CbcEncryptor, GcmEncryptor
from s3cse.envelope.model import ContentAlgorithm

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BodyEncryptor(Protocol):
    """One body on its way; holds the key until it is closed."""

    def room(self, free: int) -> int:
        """Return how many plaintext bytes fill ``free`` bytes (a positive multiple of 16 for CBC) exactly."""

    def update_into(self, data: Buffer, out: Buffer) -> int:
        """Encrypt ``data`` into ``out`` and return the number of bytes written."""

    def end(self) -> bytes:
        """Return what follows the body: the tag, or the padded last block."""

    def close(self) -> None:
        """Wipe the key; idempotent."""


class _Gcm:
    def __init__(self, cipher: GcmEncryptor) -> None:
        self._cipher = cipher

    def room(self, free: int) -> int:
        return free

    def update_into(self, data: Buffer, out: Buffer) -> int:
        return self._cipher.update_into(data, out)

    def end(self) -> bytes:
        return self._cipher.finalize()

    def close(self) -> None:
        self._cipher.close()


class _Cbc:
    def __init__(self, cipher: CbcEncryptor) -> None:
        self._cipher = cipher
        self._held = 0  # bytes of a block that is not full yet, which the cipher keeps

    def room(self, free: int) -> int:
        return free - self._held

    def update_into(self, data: Buffer, out: Buffer) -> int:
        written = self._cipher.update_into(data, out)
        self._held += memoryview(data).nbytes - written
        return written

    def end(self) -> bytes:
        block = bytearray(BLOCK_BYTES)
        return bytes(block[: self._cipher.finalize_into(block)])

    def close(self) -> None:
        self._cipher.close()


def body_encryptor(backend: Backend, algorithm: ContentAlgorithm, key: Buffer, iv: Buffer) -> BodyEncryptor:
    """Start a body; never with the same key and IV twice."""
    if algorithm is ContentAlgorithm.AES_GCM:
        return _Gcm(backend.gcm_encryptor(key, iv))
    return _Cbc(backend.cbc_encryptor(key, iv))
