"""Encrypting an object's body straight into part buffers: what GCM and CBC do differently, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from s3cse.crypto.ciphers import BLOCK_BYTES, Backend, CbcEncryptor, GcmEncryptor
from s3cse.envelope.model import ContentAlgorithm

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BodyEncryptor(Protocol):
    """One body on its way; holds the key until it is closed."""

    def update_into(self, data: Buffer, out: Buffer) -> int:
        """Encrypt ``data`` into ``out`` and return the number of bytes written.

        As much data as ``out`` has room never overflows it: GCM writes as many bytes, CBC whole blocks only. For CBC
        the room is a multiple of 16.
        """

    def end(self) -> bytes:
        """Return what follows the body: the tag, or the padded last block."""

    def close(self) -> None:
        """Wipe the key; idempotent."""


class _Gcm:
    def __init__(self, cipher: GcmEncryptor) -> None:
        self._cipher = cipher

    def update_into(self, data: Buffer, out: Buffer) -> int:
        return self._cipher.update_into(data, out)

    def end(self) -> bytes:
        return self._cipher.finalize()

    def close(self) -> None:
        self._cipher.close()


class _Cbc:
    def __init__(self, cipher: CbcEncryptor) -> None:
        self._cipher = cipher

    def update_into(self, data: Buffer, out: Buffer) -> int:
        return self._cipher.update_into(data, out)

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
