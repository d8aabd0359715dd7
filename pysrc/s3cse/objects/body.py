"""Encrypting an object's body in place, part by part: what GCM and CBC do differently, and nothing else.

All parts but the last have a length that is a multiple of 16. The last one grows by the tag or the padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from s3cse.crypto.ciphers import BLOCK_BYTES, Backend, CbcEncryptor
from s3cse.crypto.segments import ObjectCipher, SegmentValue
from s3cse.envelope.model import ContentAlgorithm

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BodyEncryptor(Protocol):
    """One body on its way; holds the key until it is closed. Each part is sealed once."""

    @property
    def serial(self) -> bool:
        """Whether parts must be sealed one after the other, in order."""

    def seal(self, offset: int, part: bytearray) -> None:
        """Encrypt a part other than the last in place; ``offset`` is that of its first byte in the body."""

    def seal_last(self, offset: int, part: bytearray) -> None:
        """Encrypt the last part in place, once all others are sealed, and append the tag or the padding."""

    def close(self) -> None:
        """Wipe the key and what else is secret; idempotent. No call is in progress."""


class _Gcm:
    """Any part on any thread (SEGMENTS.md section 1): the tag is made of the values of all parts in the end."""

    serial = False

    def __init__(self, cipher: ObjectCipher) -> None:
        self._cipher = cipher
        self._values: list[SegmentValue] = []

    def seal(self, offset: int, part: bytearray) -> None:
        self._values.append(self._cipher.encrypt_segment(offset, part, part))

    def seal_last(self, offset: int, part: bytearray) -> None:
        self.seal(offset, part)
        part += self._cipher.tag(self._values)

    def close(self) -> None:
        for value in self._values:
            value.wipe()
        self._values.clear()
        self._cipher.close()


class _Cbc:
    """Each block depends on the one before it, so there is one order."""

    serial = True

    def __init__(self, cipher: CbcEncryptor) -> None:
        self._cipher = cipher

    def seal(self, offset: int, part: bytearray) -> None:  # noqa: ARG002 - the cipher knows where it is
        self._cipher.update_into(part, part)

    def seal_last(self, offset: int, part: bytearray) -> None:
        whole = len(part) // BLOCK_BYTES * BLOCK_BYTES
        block = bytearray(BLOCK_BYTES)
        rest = len(part) - whole
        block[:rest] = part[whole:]
        del part[whole:]
        self.seal(offset, part)
        with memoryview(block)[:rest] as begun:
            self._cipher.update_into(begun, block)  # less than a block: the cipher keeps it for the padding
        self._cipher.finalize_into(block)
        part += block

    def close(self) -> None:
        self._cipher.close()


def body_encryptor(backend: Backend, algorithm: ContentAlgorithm, key: Buffer, iv: Buffer) -> BodyEncryptor:
    """Start a body; never with the same key and IV twice.

    Raises:
        IntegrityError: the key is the one in 2^128 that authenticates nothing.
    """
    if algorithm.authenticated:
        return _Gcm(backend.object_cipher(key, iv, algorithm.aad))
    return _Cbc(backend.cbc_encryptor(key, iv))
