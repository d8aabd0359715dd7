"""Parallel GCM on `cryptography` alone: the oracle's half of :mod:`s3cse.crypto.segments`.

As in the rest of the oracle nothing but the key can be wiped, and the field arithmetic is not in constant time.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from s3cse.crypto import galois
from s3cse.crypto.buffers import check_pair, readable, writable
from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_IV_BYTES, GCM_TAG_BYTES, KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.crypto.segments import VALUE_BYTES, Path, SegmentValue, check_length, check_place, packed
from s3cse.errors import IntegrityError

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

_O = TypeVar("_O", bound="_ObjectCipher")


def _does_not_verify() -> IntegrityError:
    return IntegrityError("the data does not verify")


def check_hash_key(h: int) -> None:
    """Refuse H = 0, the hash key that gives every message the same tag."""
    if h == 0:
        raise IntegrityError("the key authenticates nothing")


class _Keys:
    """What an object's segments share; never changes. J is the counter block in front of a segment, S its value."""

    __slots__ = ("_aad_length", "_aad_state", "_h", "_h_inverse", "_iv", "_key", "_mask")

    def __init__(self, key: Buffer, iv: bytes, aad: bytes) -> None:
        self._iv = iv
        self._key = Secret(key)
        self._h = galois.load(self._aes(bytes(BLOCK_BYTES)))
        check_hash_key(self._h)
        self._h_inverse = galois.inverse(self._h)
        self._mask = galois.load(self._aes(self._counter_block(1)))
        self._aad_length = len(aad)
        self._aad_state = galois.absorb(self._h, aad)

    def _algorithm(self) -> algorithms.AES256:
        return algorithms.AES256(bytes(self._key.view()))

    def _aes(self, block: bytes) -> bytes:
        context = Cipher(self._algorithm(), modes.ECB()).encryptor()  # noqa: S305 - one block, as GCM defines H and J
        return context.update(block)

    def _counter_block(self, counter: int) -> bytes:
        return self._iv + (counter % 2**32).to_bytes(4, "big")

    def _computed_iv(self, j: bytes) -> bytes:
        """GCM makes J0 = ((IV * H) + 128) * H of a 16-byte IV; solved for the IV that gives ``j``."""
        x = galois.multiply(galois.load(j), self._h_inverse) ^ galois.lengths(0, BLOCK_BYTES)
        return galois.store(galois.multiply(x, self._h_inverse))

    def _value_of_tag(self, tag: bytes, mask: int, lengths: int) -> bytearray:
        return bytearray(galois.store(galois.multiply(galois.load(tag) ^ mask, self._h_inverse) ^ lengths))

    def hash(self, data: memoryview) -> bytearray:
        """Return S by GMAC: a GCM message that is all AAD."""
        gmac = Cipher(self._algorithm(), modes.GCM(self._iv)).encryptor()
        gmac.authenticate_additional_data(data)
        gmac.finalize()
        return self._value_of_tag(gmac.tag, self._mask, galois.lengths(len(data), 0))

    def ctr(self, offset: int, source: memoryview, target: memoryview) -> None:
        """Encrypt or decrypt, unauthenticated."""
        start = self._counter_block(2 + offset // BLOCK_BYTES)
        Cipher(self._algorithm(), modes.CTR(start)).encryptor().update_into(source, target)

    def encrypt_fused(self, offset: int, source: memoryview, target: memoryview) -> bytearray:
        """Encrypt and return S."""
        j = self._counter_block(1 + offset // BLOCK_BYTES)
        context = Cipher(self._algorithm(), modes.GCM(self._computed_iv(j))).encryptor()
        context.update_into(source, target)
        context.finalize()
        return self._value_of_tag(context.tag, galois.load(self._aes(j)), galois.lengths(0, len(source)))

    def decrypt_fused(self, expected: SegmentValue, source: memoryview, target: memoryview) -> bool:
        """Decrypt and return whether S is the expected one."""
        j = self._counter_block(1 + expected.offset // BLOCK_BYTES)
        hashed = galois.load(expected.view()) ^ galois.lengths(0, len(source))
        tag = galois.store(galois.multiply(hashed, self._h) ^ galois.load(self._aes(j)))
        context = Cipher(self._algorithm(), modes.GCM(self._computed_iv(j))).decryptor()
        context.update_into(source, target)
        try:
            context.finalize_with_tag(tag)
        except InvalidTag:
            return False
        return True

    def tag(self, run: bytearray, sizes: list[int]) -> bytes:
        """Return the object's tag from all S as one run of bytes and the lengths of the segments."""
        state = self._aad_state
        blocks, power = 0, galois.ONE
        for index, size in enumerate(sizes):
            if blocks != -(-size // BLOCK_BYTES):  # most segments have one size
                blocks = -(-size // BLOCK_BYTES)
                power = galois.power(self._h, blocks)
            value = galois.load(run[VALUE_BYTES * index : VALUE_BYTES * (index + 1)])
            state = galois.multiply(state, power) ^ value
        state = galois.multiply(state ^ galois.lengths(self._aad_length, sum(sizes)), self._h)
        return galois.store(state ^ self._mask)


class _ObjectCipher:
    """The interface around the keys; closing lets go of them, and calls in progress keep theirs."""

    __slots__ = ("_keys", "path")

    def __init__(self, keys: _Keys, path: Path) -> None:
        self._keys: _Keys | None = keys
        self.path: Path = path

    def _shared(self) -> _Keys:
        keys = self._keys
        if keys is None:
            raise ValueError("the cipher is closed")
        return keys

    def encrypt_segment(self, offset: int, data: Buffer, out: Buffer) -> SegmentValue:
        keys = self._shared()
        with readable(data) as source, writable(out) as target:
            _check(offset, source, target)
            if self.path == "fused":
                return _taken(offset, len(source), keys.encrypt_fused(offset, source, target))
            keys.ctr(offset, source, target)
            with target[: len(source)] as sealed:
                return _taken(offset, len(source), keys.hash(sealed))

    def decrypt_segment(self, offset: int, data: Buffer, out: Buffer) -> SegmentValue:
        keys = self._shared()
        with readable(data) as source, writable(out) as target:
            _check(offset, source, target)
            value = keys.hash(source)  # before CTR overwrites it in place
            keys.ctr(offset, source, target)
            return _taken(offset, len(source), value)

    def hash_segment(self, offset: int, data: Buffer) -> SegmentValue:
        keys = self._shared()
        with readable(data) as source:
            check_place(offset, len(source))
            return _taken(offset, len(source), keys.hash(source))

    def verify_segment(self, expected: SegmentValue, data: Buffer, out: Buffer) -> None:
        keys = self._shared()
        with readable(data) as source, writable(out) as target:
            check_length(expected, len(source))
            _check(expected.offset, source, target)
            if self.path == "fused":
                good = keys.decrypt_fused(expected, source, target)
            else:
                good = hmac.compare_digest(keys.hash(source), expected.view())
                keys.ctr(expected.offset, source, target)
            if not good:
                target[: len(source)] = bytes(len(source))
                raise _does_not_verify()

    def tag(self, values: Iterable[SegmentValue]) -> bytes:
        keys = self._shared()
        with packed(values) as (run, sizes):
            return keys.tag(run, sizes)

    def verify_tag(self, values: Iterable[SegmentValue], tag: Buffer) -> None:
        with readable(tag) as view:
            seen = bytes(view)
        if len(seen) != GCM_TAG_BYTES:
            raise ValueError(f"the tag must have {GCM_TAG_BYTES} bytes")
        if not hmac.compare_digest(self.tag(values), seen):
            raise _does_not_verify()

    def close(self) -> None:
        self._keys = None

    def __enter__(self: _O) -> _O:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cipher cannot be pickled: it holds a key")


def _check(offset: int, source: memoryview, target: memoryview) -> None:
    check_place(offset, len(source))
    check_pair(source, target, len(source))


def _taken(offset: int, length: int, value: bytearray) -> SegmentValue:
    taken = SegmentValue(offset, length, value)
    value[:] = bytes(VALUE_BYTES)
    return taken


def object_cipher(key: Buffer, iv: Buffer, aad: Buffer = b"", *, path: Path | None = None) -> _ObjectCipher:
    """Start a GCM object in segments; see :class:`s3cse.crypto.ciphers.Backend`."""
    if path not in (None, "fused", "ctr+gmac"):
        raise ValueError(f"path must be fused, ctr+gmac or None, not {path}")
    with readable(key) as k, readable(iv) as i, readable(aad) as a:
        if len(k) != KEY_BYTES:
            raise ValueError(f"the key must have {KEY_BYTES} bytes")
        if len(i) != GCM_IV_BYTES:
            raise ValueError(f"the IV must have {GCM_IV_BYTES} bytes")
        return _ObjectCipher(_Keys(k, bytes(i), bytes(a)), path or "fused")
