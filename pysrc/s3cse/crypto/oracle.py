"""The same interface on `cryptography` alone: where the extension is missing, and the judge of it in every test.

Two promises of the compiled backend do not hold here. `cryptography` wipes no key: ``close`` only lets go of it. And
CBC copies its input once, because `cryptography` wants more room for the output than our callers must give.
"""

from __future__ import annotations

import hmac
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import (
    AEADDecryptionContext,
    AEADEncryptionContext,
    Cipher,
    CipherContext,
    algorithms,
    modes,
)

from s3cse.crypto.buffers import check_pair, check_room, readable, writable
from s3cse.crypto.ciphers import (
    BLOCK_BYTES,
    CBC_IV_BYTES,
    GCM_IV_BYTES,
    GCM_KEY_BYTES,
    GCM_MAX_BLOCKS,
    GCM_MAX_PLAINTEXT_BYTES,
    GCM_TAG_BYTES,
    KEY_BYTES,
    check_first_block,
)
from s3cse.crypto.oracle_frames import open_frames, seal_frames
from s3cse.crypto.oracle_segments import object_cipher
from s3cse.errors import IntegrityError

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

NAME = "oracle"
__all__ = [
    "NAME",
    "cbc_decryptor",
    "cbc_encryptor",
    "ctr_cipher",
    "gcm_decryptor",
    "gcm_encryptor",
    "object_cipher",
    "open_frames",
    "seal_frames",
]

_C = TypeVar("_C", bound="_Cipher")


def _check_sizes(key: Buffer, iv: Buffer, iv_bytes: int) -> None:
    if len(readable(key)) != KEY_BYTES:
        raise ValueError(f"the key must have {KEY_BYTES} bytes")
    _check_iv(iv, iv_bytes)


def _check_gcm_sizes(key: Buffer, iv: Buffer) -> None:
    if len(readable(key)) not in GCM_KEY_BYTES:
        raise ValueError("the key must have 16, 24 or 32 bytes")
    _check_iv(iv, GCM_IV_BYTES)


def _check_iv(iv: Buffer, iv_bytes: int) -> None:
    if len(readable(iv)) != iv_bytes:
        raise ValueError(f"the IV must have {iv_bytes} bytes")


def _aes(key: Buffer) -> algorithms.AES:
    return algorithms.AES(bytes(key))


def _does_not_verify() -> IntegrityError:
    return IntegrityError("the data does not verify")


class _Cipher:
    """A context of `cryptography` with a byte limit and an end.

    ``_context`` is None once it is closed, ``_ended`` says why it takes nothing more before that.
    """

    __slots__ = ("_context", "_done", "_ended", "_limit")

    def __init__(self, context: CipherContext, limit: int) -> None:
        self._context: CipherContext | None = context
        self._ended: str | None = None
        self._done = 0
        self._limit = limit

    def _ready(self) -> CipherContext:
        if self._context is None:
            raise ValueError("the cipher is closed")
        if self._ended is not None:
            raise ValueError(f"the cipher {self._ended}")
        return self._context

    def _advance(self, num_bytes: int) -> None:
        """Count bytes as processed without processing them: a test's way to the limit."""
        self._ready()
        if num_bytes > self._limit - self._done:
            raise ValueError("the message would pass the cipher's length limit")
        self._done += num_bytes

    def update_into(self, data: Buffer, out: Buffer) -> int:
        with readable(data) as source, writable(out) as target:
            return self._update(self._ready(), source, target)

    def _update(self, context: CipherContext, source: memoryview, target: memoryview) -> int:
        check_pair(source, target, len(source))
        self._advance(len(source))
        return context.update_into(source, target) if len(source) else 0

    def close(self) -> None:
        self._context = None

    def __enter__(self: _C) -> _C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cipher cannot be pickled: it holds a key")


class _GcmEncryptor(_Cipher):
    __slots__ = ()

    def finalize(self) -> bytes:
        context = cast("AEADEncryptionContext", self._ready())
        context.finalize()
        self._ended = "is finished"
        return context.tag


class _GcmDecryptor(_Cipher):
    __slots__ = ()

    def finalize(self, tag: Buffer) -> None:
        with readable(tag) as view:
            expected = bytes(view)
        context = cast("AEADDecryptionContext", self._ready())
        if len(expected) != GCM_TAG_BYTES:
            raise ValueError(f"the tag must have {GCM_TAG_BYTES} bytes")
        self._ended = "has failed before"
        try:
            context.finalize_with_tag(expected)
        except InvalidTag:
            raise _does_not_verify() from None
        self._ended = "is finished"


class _Ctr(_Cipher):
    __slots__ = ()


class _Cbc(_Cipher):
    """Holds back what is no whole block, and when decrypting with padding the last block as well."""

    __slots__ = ("_carry", "_hold_back")

    def __init__(self, context: CipherContext, *, hold_back: bool) -> None:
        super().__init__(context, limit=2**64 - 1)
        self._carry = b""
        self._hold_back = hold_back

    def finalize_into(self, out: Buffer) -> int:
        with writable(out) as target:
            return self._finish(self._ready(), target)

    def _update(self, context: CipherContext, source: memoryview, target: memoryview) -> int:
        check_pair(source, target, -(-len(source) // BLOCK_BYTES) * BLOCK_BYTES)
        self._advance(len(source))
        known = len(self._carry) + len(source)
        ready = max(known - self._hold_back, 0) // BLOCK_BYTES * BLOCK_BYTES
        if ready == 0:
            self._carry += bytes(source)
            return 0
        used = ready - len(self._carry)
        rest = bytes(source[used:])
        target[len(self._carry) : ready] = source[:used]
        target[: len(self._carry)] = self._carry
        _run_in_place(context, target[:ready])
        self._carry = rest
        return ready

    def _finish(self, context: CipherContext, target: memoryview) -> int:
        raise NotImplementedError


def _run_in_place(context: CipherContext, blocks: memoryview) -> None:
    """Pass whole blocks through the context, whose ``update_into`` wants 15 bytes of room beyond them."""
    last = len(blocks) - BLOCK_BYTES
    if last:
        context.update_into(blocks[:last], blocks)
    blocks[last:] = context.update(blocks[last:])


class _CbcEncryptor(_Cbc):
    __slots__ = ()

    def _finish(self, context: CipherContext, target: memoryview) -> int:
        check_room(target, BLOCK_BYTES)
        pad = BLOCK_BYTES - len(self._carry)
        target[:BLOCK_BYTES] = context.update(self._carry + bytes([pad]) * pad)
        self._ended = "is finished"
        return BLOCK_BYTES


class _CbcDecryptor(_Cbc):
    __slots__ = ()

    def _finish(self, context: CipherContext, target: memoryview) -> int:
        check_room(target, BLOCK_BYTES if self._hold_back else 0)
        self._ended = "has failed before"
        rest = _unpadded(context.update(self._carry)) if self._hold_back else self._carry
        if rest is None or (rest and not self._hold_back):
            raise _does_not_verify()
        target[: len(rest)] = rest
        self._ended = "is finished"
        return len(rest)


def _unpadded(block: bytes) -> bytes | None:
    """Return the last block without its PKCS#7 padding (RFC 5652 section 6.3), or None if that is bad.

    ``block`` is empty if the message ended within a block. All sixteen answers are tried and each comparison takes the
    same time; Python promises no more than that.
    """
    found = None
    for pad in range(1, BLOCK_BYTES + 1):
        if hmac.compare_digest(block[BLOCK_BYTES - pad :], bytes([pad]) * pad):
            found = block[: BLOCK_BYTES - pad]
    return found


def gcm_encryptor(key: Buffer, iv: Buffer, aad: Buffer = b"") -> _GcmEncryptor:
    """Start a GCM message; see :class:`s3cse.crypto.ciphers.Backend`."""
    extra = readable(aad)
    _check_gcm_sizes(key, iv)
    context = Cipher(_aes(key), modes.GCM(bytes(iv))).encryptor()
    context.authenticate_additional_data(extra)
    return _GcmEncryptor(context, GCM_MAX_PLAINTEXT_BYTES)


def gcm_decryptor(key: Buffer, iv: Buffer, aad: Buffer = b"") -> _GcmDecryptor:
    """Start reading a GCM message."""
    extra = readable(aad)
    _check_gcm_sizes(key, iv)
    context = Cipher(_aes(key), modes.GCM(bytes(iv))).decryptor()
    context.authenticate_additional_data(extra)
    return _GcmDecryptor(context, GCM_MAX_PLAINTEXT_BYTES)


def ctr_cipher(key: Buffer, iv: Buffer, first_block: int = 0) -> _Ctr:
    """Start at data block ``first_block`` of the GCM message with this IV."""
    check_first_block(first_block)
    _check_sizes(key, iv, GCM_IV_BYTES)
    counter = (2 + first_block) % 2**32  # wraps only at the limit itself, where no byte may follow
    nonce = bytes(iv) + counter.to_bytes(4, "big")
    context = Cipher(_aes(key), modes.CTR(nonce)).encryptor()
    return _Ctr(context, (GCM_MAX_BLOCKS - first_block) * BLOCK_BYTES)


def cbc_encryptor(key: Buffer, iv: Buffer) -> _CbcEncryptor:
    """Start a CBC message."""
    _check_sizes(key, iv, CBC_IV_BYTES)
    return _CbcEncryptor(Cipher(_aes(key), modes.CBC(bytes(iv))).encryptor(), hold_back=False)


def cbc_decryptor(key: Buffer, iv: Buffer, *, padding: bool = True) -> _CbcDecryptor:
    """Start reading a CBC message, or with ``padding=False`` a range of one."""
    _check_sizes(key, iv, CBC_IV_BYTES)
    return _CbcDecryptor(Cipher(_aes(key), modes.CBC(bytes(iv))).decryptor(), hold_back=padding)
