"""The body of an open GCM object: segments in any order on any thread, and the verdict when all are in."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from s3cse.crypto import segments
from s3cse.crypto.ciphers import GCM_TAG_BYTES
from s3cse.crypto.segments import SegmentValue
from s3cse.errors import IntegrityError
from s3cse.objects.naming import does_not_verify
from s3cse.objects.open import OpenObject

if TYPE_CHECKING:
    from typing_extensions import Buffer


class GcmBody:
    """Collects the segments' values, which are secrets, and wipes them and the key when the ``with`` block is left.

    Raises:
        IntegrityError: the key is the one in 2^128 that authenticates nothing.
    """

    def __init__(self, opened: OpenObject) -> None:
        envelope, key = opened.cipher()
        try:
            self._cipher = opened.backend.object_cipher(key.view(), envelope.iv, envelope.content_algorithm.aad)
        except IntegrityError:
            raise does_not_verify() from None
        # Whatever tail was asked for, it holds the tag.
        self._tag = opened.tail[-GCM_TAG_BYTES:]
        self._values: list[SegmentValue] = []

    def decrypt(self, offset: int, data: memoryview) -> None:
        """Decrypt a segment in place. It is **unverified** until ``verify`` returns."""
        self._values.append(self._cipher.decrypt_segment(offset, data, data))

    def hash(self, offset: int, data: memoryview) -> None:
        """Take a segment's ciphertext into account and write nothing."""
        self._values.append(self._cipher.hash_segment(offset, data))

    def verify(self) -> None:
        """Compare the tag of all segments with the object's, in constant time.

        Raises:
            IntegrityError: it is another one.
        """
        try:
            self._cipher.verify_tag(self._values, self._tag)
        except IntegrityError:
            raise does_not_verify() from None

    def values(self) -> list[SegmentValue]:
        """Return the segments' values in order, for ``decrypt_again``; they are wiped with this object."""
        return segments.in_order(self._values)

    def decrypt_again(self, expected: SegmentValue, data: Buffer) -> None:
        """Decrypt in place a segment whose value has been verified.

        Raises:
            IntegrityError: it is not the one that was; ``data`` holds zeros then.
        """
        self._cipher.verify_segment(expected, data, data)

    def __enter__(self) -> GcmBody:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for value in self._values:
            value.wipe()
        self._values.clear()
        self._cipher.close()
