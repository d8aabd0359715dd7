"""Parallel AES-256-GCM: one object in segments, on any threads, in any order, again after a failure.

A segment is a run of whole 16-byte blocks of an object's data; only the object's last one may end within a block. Each
has a value S, the GHASH of its ciphertext from a zero state. The object's tag is made of the values, so the stored
bytes are plain AES-GCM.

S is a secret like the key: one S with its ciphertext is a polynomial equation for GHASH's key H, and two solve it in
seconds. So a value shows nothing, is not pickled or copied, and is wiped when it goes. It leaves the process masked
only (SEGMENTS.md section 2).

Sources: SEGMENTS.md section 1; NIST SP 800-38D.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol, TypeVar

from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_MAX_BLOCKS
from s3cse.crypto.secret import Secret

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

VALUE_BYTES = 16

#: How segments are encrypted: in EVP's one pass with a computed IV, or by CTR and GMAC as FIPS wants it.
Path = Literal["fused", "ctr+gmac"]

_C = TypeVar("_C", bound="ObjectCipher")


class SegmentValue:
    """S of the segment at ``offset``, ``length`` bytes long. Secret; compare, mask or combine it, nothing else.

    Args:
        offset: of the segment's first byte in the object's data; a multiple of 16.
        length: bytes of ciphertext.
        value: S, 16 bytes in GCM's byte order, copied.
    """

    __slots__ = ("_secret", "length", "offset")

    def __init__(self, offset: int, length: int, value: Buffer) -> None:
        check_place(offset, length)
        secret = Secret(value)
        if len(secret) != VALUE_BYTES:
            raise ValueError(f"a segment value must have {VALUE_BYTES} bytes")
        self.offset = offset
        self.length = length
        self._secret = secret

    @classmethod
    def unmasked(cls, offset: int, length: int, masked: Buffer, mask: Buffer) -> SegmentValue:
        """Return the value that :meth:`masked` hid with the same ``mask``, 16 bytes."""
        both = bytearray(_xor(masked, mask))
        value = cls(offset, length, both)
        both[:] = bytes(VALUE_BYTES)
        return value

    def masked(self, mask: Buffer) -> bytes:
        """Return S xor ``mask``: 16 bytes that may be stored if the mask is used for nothing else and stays secret."""
        return bytes(_xor(self._secret.view(), mask))

    def view(self) -> memoryview:
        """Return S without a copy. For the backends; the view must not outlive this object."""
        return self._secret.view()

    def wipe(self) -> None:
        """Overwrite S with zeros; idempotent."""
        self._secret.wipe()

    def __eq__(self, other: object) -> bool:
        """Whether both are the same place and, compared in constant time, the same S."""
        if not isinstance(other, SegmentValue):
            return NotImplemented
        same_place = (self.offset, self.length) == (other.offset, other.length)
        return same_place and self._secret == other._secret

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<SegmentValue of bytes {self.offset} to {self.offset + self.length}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a segment value cannot be pickled: it is a secret of its process")


def _xor(one: Buffer, two: Buffer) -> Iterator[int]:
    """Byte by byte, because a bytes or an int of the whole value could not be wiped."""
    first, second = memoryview(one), memoryview(two)
    if first.nbytes != VALUE_BYTES or second.nbytes != VALUE_BYTES:
        raise ValueError(f"a segment value and its mask must have {VALUE_BYTES} bytes")
    return (left ^ right for left, right in zip(first, second, strict=True))


def check_place(offset: int, length: int) -> None:
    """Refuse a segment that starts within a block or passes block 2^32 - 2. Both in bytes."""
    if offset < 0 or offset % BLOCK_BYTES:
        raise ValueError(f"a segment must start at a multiple of {BLOCK_BYTES}")
    if length < 0 or offset // BLOCK_BYTES + -(-length // BLOCK_BYTES) > GCM_MAX_BLOCKS:
        raise ValueError("the segment would pass the cipher's length limit")


def check_length(expected: SegmentValue, length: int) -> None:
    """Refuse a segment that is not as long as the one whose value is expected."""
    if length != expected.length:
        raise ValueError(f"the segment has {length} bytes, expected {expected.length}")


def in_order(values: Iterable[SegmentValue]) -> list[SegmentValue]:
    """Return the values sorted by offset, if they cover an object from its first byte on without a gap.

    Raises:
        ValueError: there is a gap, an overlap, or a segment before the last that ends within a block.
    """
    ordered = sorted(values, key=lambda value: (value.offset, value.length))
    covered = 0
    for value in ordered:
        if value.offset != covered:
            raise ValueError(f"the segments do not join: one starts at byte {value.offset}, expected {covered}")
        covered += value.length
    return ordered


@contextmanager
def packed(values: Iterable[SegmentValue]) -> Iterator[tuple[bytearray, list[int]]]:
    """Give all S as one run of bytes and the lengths, in order; the bytes are wiped afterwards. For the backends."""
    ordered = in_order(values)
    run = bytearray(VALUE_BYTES * len(ordered))
    try:
        for index, value in enumerate(ordered):
            run[VALUE_BYTES * index : VALUE_BYTES * (index + 1)] = value.view()
        yield run, [value.length for value in ordered]
    finally:
        run[:] = bytes(len(run))


class ObjectCipher(Protocol):
    """The segments of one object: made from its key (32 bytes), IV (12 bytes) and AAD by a backend's ``object_cipher``.

    Any number of threads may use it at once; calls release the GIL. One (key, IV) never encrypts two different
    plaintexts: the same segment may be encrypted again only with the same data. ``data`` and ``out`` are buffers as in
    :mod:`s3cse.crypto.ciphers`, in place allowed. Offsets and lengths are in bytes; all limits are checked before
    anything is written. A closed cipher refuses every call with ValueError.
    """

    @property
    def path(self) -> Path:
        """Which way segments go here; the bytes are the same on both."""

    def encrypt_segment(self, offset: int, data: Buffer, out: Buffer) -> SegmentValue:
        """Write the ciphertext of ``data`` to ``out``, ``len(data)`` bytes, and return its value."""

    def decrypt_segment(self, offset: int, data: Buffer, out: Buffer) -> SegmentValue:
        """Write the plaintext, **unverified** until the value is, and return the value of the ciphertext."""

    def hash_segment(self, offset: int, data: Buffer) -> SegmentValue:
        """Return the value of the ciphertext ``data`` and write nothing."""

    def verify_segment(self, expected: SegmentValue, data: Buffer, out: Buffer) -> None:
        """Decrypt the segment whose value is known.

        Raises:
            IntegrityError: the ciphertext ``data`` has another value; ``out`` holds zeros then.
            ValueError: ``data`` is not ``expected.length`` bytes long.
        """

    def tag(self, values: Iterable[SegmentValue]) -> bytes:
        """Return the tag of the object that these segments make up, given in any order.

        Raises:
            ValueError: they do not cover an object from its first byte on without a gap.
        """

    def verify_tag(self, values: Iterable[SegmentValue], tag: Buffer) -> None:
        """Compare the object's tag with ``tag``, 16 bytes, in constant time.

        Raises:
            IntegrityError: it is another one.
        """

    def close(self) -> None:
        """Wipe the keys; idempotent. Calls in progress in other threads end well."""

    def __enter__(self: _C) -> _C: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
