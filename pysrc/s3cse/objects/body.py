"""Encrypting an object's body in place, part by part: what GCM and CBC do differently, and nothing else.

All parts but the last have a length that is a multiple of 16. The last one grows by the tag or the padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from s3cse.crypto.ciphers import BLOCK_BYTES, Backend, CbcEncryptor
from s3cse.crypto.segments import ObjectCipher, SegmentValue, in_order
from s3cse.envelope.model import ContentAlgorithm

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BodyEncryptor(Protocol):
    """One body on its way; holds the key until it is closed. Each part is sealed once."""

    @property
    def serial(self) -> bool:
        """Whether parts must be sealed one after the other, in order."""

    def seal(self, offset: int, part: bytearray, start: int = 0, end: int | None = None) -> None:
        """Encrypt a part other than the last in place.

        Args:
            offset: of the part's first byte in the body.
            start, end: which bytes of the part, a multiple of 16 each; the others are not touched.
        """

    def seal_last(self, offset: int, part: bytearray, start: int = 0) -> None:
        """Encrypt the last part in place, once all others are sealed, and append the tag or the padding.

        Args:
            start: the first byte of the part that is not encrypted yet.
        """

    def close(self) -> None:
        """Wipe the key and what else is secret; idempotent. No call is in progress."""


class GcmEncryptor:
    """Any part on any thread (SEGMENTS.md section 1): the tag is made of the values of all parts in the end.

    Args:
        segment_bytes: parts are cut into segments of this length, a part of theirs; None: a part is a segment.
    """

    serial = False

    def __init__(self, cipher: ObjectCipher, segment_bytes: int | None) -> None:
        self._cipher = cipher
        self._segment_bytes = segment_bytes
        self._values: list[SegmentValue] = []

    def seal(self, offset: int, part: bytearray, start: int = 0, end: int | None = None) -> None:
        with memoryview(part)[start:end] as rest:
            step = self._segment_bytes or max(len(rest), 1)
            for at in range(0, len(rest), step):
                with rest[at : at + step] as segment:
                    self._values.append(self._cipher.encrypt_segment(offset + start + at, segment, segment))

    def seal_last(self, offset: int, part: bytearray, start: int = 0) -> None:
        self.seal(offset, part, start)
        part += self._cipher.tag(self._values)

    def values(self) -> list[SegmentValue]:
        """Return the values of all that is sealed, in order; they are wiped with this object."""
        return in_order(self._values)

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

    def seal(self, offset: int, part: bytearray, start: int = 0, end: int | None = None) -> None:  # noqa: ARG002
        with memoryview(part)[start:end] as rest:  # the cipher knows where in the body it is
            self._cipher.update_into(rest, rest)

    def seal_last(self, offset: int, part: bytearray, start: int = 0) -> None:
        whole = len(part) // BLOCK_BYTES * BLOCK_BYTES
        block = bytearray(BLOCK_BYTES)
        rest = len(part) - whole
        block[:rest] = part[whole:]
        del part[whole:]
        self.seal(offset, part, start)
        with memoryview(block)[:rest] as begun:
            self._cipher.update_into(begun, block)  # less than a block: the cipher keeps it for the padding
        self._cipher.finalize_into(block)
        part += block

    def close(self) -> None:
        self._cipher.close()


class AsItIs:
    """A body that needs nothing any more: S3 encrypts it, or it is encrypted already."""

    serial = False

    def seal(self, offset: int, part: bytearray, start: int = 0, end: int | None = None) -> None:
        """See BodyEncryptor."""

    def seal_last(self, offset: int, part: bytearray, start: int = 0) -> None:
        """See BodyEncryptor."""

    def close(self) -> None:
        """See BodyEncryptor."""


def body_encryptor(
    backend: Backend, algorithm: ContentAlgorithm, key: Buffer, iv: Buffer, segment_bytes: int | None = None
) -> BodyEncryptor:
    """Start a body; never with the same key and IV twice.

    Args:
        segment_bytes: of GCM segments; None: a part is a segment.

    Raises:
        IntegrityError: the key is the one in 2^128 that authenticates nothing.
    """
    if algorithm.authenticated:
        return GcmEncryptor(backend.object_cipher(key, iv, algorithm.aad), segment_bytes)
    return _Cbc(backend.cbc_encryptor(key, iv))
