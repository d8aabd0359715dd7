"""The interface that both backends implement: incremental ciphers over caller-owned buffers.

Rules for all of them. ``data`` is any readable contiguous buffer of bytes, ``out`` any writable one; ``out`` may be
the same memory as ``data`` (in place) but must not overlap it otherwise. Chunks of any size may be given, zero
included; the concatenated output does not depend on how the input was cut. Lengths are in bytes and are checked before
anything is written. Nothing here allocates or copies payload. A closed, finished or failed cipher refuses every later
call with :class:`ValueError`. Objects are not thread-safe: one message, one cipher, one thread at a time; calls release
the GIL. Keys are 32 bytes, for GCM messages also 16 or 24, and are wiped from the cipher's memory by ``close``, which
is idempotent and which leaving a ``with`` block calls. Argument mistakes raise ValueError or TypeError.

Sources: NIST SP 800-38A (CBC, CTR), SP 800-38D (GCM); FORMATS.md sections 5, 11 and 13 for the limits.
"""

from __future__ import annotations

import operator
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

    from s3cse.crypto.segments import ObjectCipher, Path

KEY_BYTES = 32
#: GCM messages alone may have smaller keys: the AWS Encryption SDK has suites for each size of AES.
GCM_KEY_BYTES = (16, 24, 32)
BLOCK_BYTES = 16
GCM_IV_BYTES = 12
GCM_TAG_BYTES = 16
#: What a regular frame of an Encryption SDK message has beyond its plaintext: number, IV and tag.
FRAME_OVERHEAD_BYTES = 32
MAX_REGULAR_FRAMES = 2**32 - 2
CBC_IV_BYTES = 16
#: Data blocks use the counters 2 … 2^32 - 1 (SP 800-38D section 5.2.1.1), so this many blocks, no more.
GCM_MAX_BLOCKS = 2**32 - 2
GCM_MAX_PLAINTEXT_BYTES = GCM_MAX_BLOCKS * BLOCK_BYTES

_C = TypeVar("_C", bound="Cipher")


def check_first_block(first_block: int) -> None:
    """Refuse a block index that no GCM message has: 0 to GCM_MAX_BLOCKS, where no data follows the last."""
    if not 0 <= operator.index(first_block) <= GCM_MAX_BLOCKS:
        raise ValueError("the first block is beyond the cipher's length limit")


def check_frames(first_sequence: int, frame_length: int) -> None:
    """Refuse numbers that no regular frame has, and frame lengths that no header holds."""
    if not 1 <= operator.index(first_sequence) <= MAX_REGULAR_FRAMES:
        raise ValueError(f"sequence numbers of regular frames are 1 to {MAX_REGULAR_FRAMES}")
    if not 1 <= operator.index(frame_length) < 2**32:
        raise ValueError(f"frame lengths are 1 to {2**32 - 1}")


class Cipher(Protocol):
    """What all ciphers share.

    Arguments are checked first: after a ValueError or TypeError about them nothing was written and the cipher goes on.
    After IntegrityError, or a failure inside OpenSSL, it is dead and its key is wiped.
    """

    def update_into(self, data: Buffer, out: Buffer) -> int:
        """Process ``data`` and return the number of bytes written to ``out``.

        GCM and CTR write exactly ``len(data)`` bytes and need that much room. CBC writes whole blocks, and needs room
        for ``len(data) + 15`` bytes rounded down to a multiple of 16.

        Raises:
            ValueError: ``out`` is too small, overlaps ``data`` other than exactly, or the cipher is closed or finished;
                a GCM or CTR counter would pass its limit (nothing is written then).
        """

    def close(self) -> None:
        """Wipe the key; idempotent. While another thread's call is running it takes effect when that call ends."""

    def __enter__(self: _C) -> _C: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class GcmEncryptor(Cipher, Protocol):
    """AES-GCM, 12-byte IV, optional AAD, 16-byte tag."""

    def finalize(self) -> bytes:
        """End the message and return its 16-byte tag."""


class GcmDecryptor(Cipher, Protocol):
    """AES-GCM. What ``update_into`` writes is **unverified** until ``finalize`` returns: wipe it if that raises."""

    def finalize(self, tag: Buffer) -> None:
        """End the message and verify its 16-byte tag in constant time.

        Raises:
            IntegrityError: the tag does not match; the cipher is dead from then on.
        """


class CtrCipher(Cipher, Protocol):
    """The keystream of a GCM message from any block on: unauthenticated, encrypts and decrypts alike."""


class CbcEncryptor(Cipher, Protocol):
    """AES-256-CBC with PKCS#7 padding."""

    def finalize_into(self, out: Buffer) -> int:
        """Write the last, padded block (16 bytes) and return 16."""


class CbcDecryptor(Cipher, Protocol):
    """AES-256-CBC: unauthenticated. With padding it holds one block back until ``finalize_into``."""

    def finalize_into(self, out: Buffer) -> int:
        """Write what remains after the padding and return its length, 0 to 15 (0 without padding).

        ``out`` needs room for 16 bytes with padding, none without.

        Raises:
            IntegrityError: bad padding or a length that is no multiple of 16, told apart by nothing.
        """


class Backend(Protocol):
    """One implementation of the ciphers; the modules ``native`` and ``oracle`` satisfy it."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a module constant
        """``native`` or ``oracle``."""

    def gcm_encryptor(self, key: Buffer, iv: Buffer, aad: Buffer = b"") -> GcmEncryptor:
        """Start a message. ``iv`` 12 bytes; never use one (key, iv) for two messages."""

    def gcm_decryptor(self, key: Buffer, iv: Buffer, aad: Buffer = b"") -> GcmDecryptor:
        """Start reading a message."""

    def ctr_cipher(self, key: Buffer, iv: Buffer, first_block: int = 0) -> CtrCipher:
        """Start at data block ``first_block`` of the GCM message with this 12-byte IV: counter 2 + first_block.

        Source: FORMATS.md section 13.
        """

    def cbc_encryptor(self, key: Buffer, iv: Buffer) -> CbcEncryptor:
        """Start a message; ``iv`` 16 bytes."""

    def object_cipher(self, key: Buffer, iv: Buffer, aad: Buffer = b"", *, path: Path | None = None) -> ObjectCipher:
        """Start a GCM object in segments, see :mod:`s3cse.crypto.segments`; ``path`` is chosen if None.

        Raises:
            IntegrityError: the key is the one in 2^128 that authenticates nothing: take another one to write, refuse
                the object when reading.
        """

    def seal_frames(
        self, key: Buffer, message_id: Buffer, first_sequence: int, frame_length: int, data: Buffer, out: Buffer
    ) -> None:
        """Encrypt regular frames of an Encryption SDK message, one after the other.

        Args:
            key: the message's derived one, 16, 24 or 32 bytes.
            message_id: at most 32 bytes.
            first_sequence: number of the first frame, from 1 on; never use one (key, number) twice.
            frame_length: bytes of plaintext in each.
            data: contents of whole frames.
            out: room for them and FRAME_OVERHEAD_BYTES each; must not overlap ``data`` at all.

        Raises:
            ValueError: a length, or the last frame's number, is beyond its limit; nothing is written.
        """

    def open_frames(
        self, key: Buffer, message_id: Buffer, first_sequence: int, frame_length: int, data: Buffer, out: Buffer
    ) -> None:
        """Decrypt regular frames; ``data`` holds whole frames, the first of which is number ``first_sequence``.

        Raises:
            IntegrityError: one of them does not verify or has another number; ``out`` holds zeros.
            ValueError: as above.
        """

    def cbc_decryptor(self, key: Buffer, iv: Buffer, *, padding: bool = True) -> CbcDecryptor:
        """Start reading; ``padding=False`` for a range that does not reach the end of the message."""
