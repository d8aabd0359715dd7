"""The segment index: an object's segment values, masked and authenticated, as bytes inside its own plaintext.

Where nothing but a tag over the whole object exists, a range of it cannot be verified. So the writer stores the values
S of its segments in front of what a reader fetches first, the end of the object:

    [0, I)       data, a multiple of 16 bytes
    [I, I + L)   the index: masked values, then a trailer; L = 16 × count + 64
    [I + L, N)   what follows it, for Parquet the footer

The values are masked, because whoever once held the plaintext could solve for GHASH's key with them, and authenticated
together with all that follows by an HMAC under a key of its own. Pure; all numbers are bytes.

Source: SEGMENTS.md section 2.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from s3cse.crypto.ciphers import BLOCK_BYTES, KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.crypto.segments import VALUE_BYTES, SegmentValue, in_order

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What writers use; each segment costs 16 bytes of index, and a narrow read fetches whole segments.
SEGMENT_BYTES = 256 << 10
MIN_SEGMENT_BYTES = 4 << 10
MAX_SEGMENT_BYTES = 16 << 20
MAGIC = b"S3CSEIX1"
VERSION = 1
_HEAD = struct.Struct("<8sIIQQ")  # magic, version, segment size, covered bytes, count; the HMAC follows
_MAC_BYTES = 32
TRAILER_BYTES = _HEAD.size + _MAC_BYTES
_INFO = b"s3cse segment index v1"


class IndexKeys:
    """The keys of one object's index, derived from the key of its body.

    Args:
        content_key: 32 bytes, the key that encrypts the body.
        salt: the content IV (format V2) or the message id (format V3).
    """

    def __init__(self, content_key: Buffer, salt: bytes) -> None:
        if len(memoryview(content_key)) != KEY_BYTES:
            raise ValueError(f"a content key has {KEY_BYTES} bytes")
        both = HKDF(SHA256(), 2 * KEY_BYTES, salt, _INFO).derive(bytes(content_key))
        self.mac = Secret(both[:KEY_BYTES])
        self._mask = Secret(both[KEY_BYTES:])

    def masks(self, count: int) -> bytearray:
        """Return the masks of the first ``count`` values: AES-256 of their numbers, one block each."""
        blocks = b"".join(number.to_bytes(BLOCK_BYTES, "big") for number in range(count))
        masks = bytearray(len(blocks) + BLOCK_BYTES - 1)  # `cryptography` wants that room for block modes
        algorithm = algorithms.AES256(bytes(self._mask.view()))
        # Single blocks of distinct numbers: a pseudorandom function, not a mode that shows equal blocks.
        Cipher(algorithm, modes.ECB()).encryptor().update_into(blocks, masks)  # noqa: S305
        del masks[len(blocks) :]
        return masks

    def wipe(self) -> None:
        """Overwrite the keys with zeros; idempotent."""
        self.mac.wipe()
        self._mask.wipe()


@dataclass(frozen=True, slots=True)
class Trailer:
    """What an index says of itself; consistent, but authentic only once :func:`open_index` has returned.

    Args:
        segment_bytes: length of every segment but the last.
        covered: I, the length of the data that the segments make up.
        count: number of segments.
    """

    segment_bytes: int
    covered: int
    count: int

    @property
    def index_bytes(self) -> int:
        """L, the length of the masked values with the trailer."""
        return VALUE_BYTES * self.count + TRAILER_BYTES

    def lengths(self) -> list[int]:
        """Return the length of each segment."""
        return [min(self.segment_bytes, self.covered - at) for at in range(0, self.covered, self.segment_bytes)]

    def _packed(self) -> bytes:
        return _HEAD.pack(MAGIC, VERSION, self.segment_bytes, self.covered, self.count)


def seal_index(keys: IndexKeys, segment_bytes: int, values: Sequence[SegmentValue], after: Buffer) -> bytes:
    """Return the index of these segments.

    Args:
        segment_bytes: length of every segment but the last, a multiple of 16 from 4 KiB to 16 MiB.
        values: of all segments; they cover the data from its first byte on, a multiple of 16 bytes.
        after: the plaintext that follows the index to the end of the object.

    Raises:
        ValueError: the segments are not cut like that.
    """
    _check_segment_bytes(segment_bytes)
    ordered = in_order(values)
    covered = sum(value.length for value in ordered)
    trailer = Trailer(segment_bytes, covered, len(ordered))
    if covered % BLOCK_BYTES or [value.length for value in ordered] != trailer.lengths():
        raise ValueError("the segments are not whole blocks of one length")
    masks = keys.masks(len(ordered))
    masked = b"".join(
        value.masked(masks[VALUE_BYTES * number : VALUE_BYTES * (number + 1)]) for number, value in enumerate(ordered)
    )
    masks[:] = bytes(len(masks))
    head = trailer._packed()
    return masked + head + _mac(keys, masked, head, after)


def has_magic(trailer: Buffer) -> bool:
    """Whether these 64 bytes claim to end an index."""
    return bytes(memoryview(trailer)[: len(MAGIC)]) == MAGIC


def read_trailer(trailer: Buffer, index_end: int) -> Trailer | None:
    """Return what the 64 bytes in front of ``index_end`` say, None if that is no index that could be there.

    Args:
        index_end: I + L, where the index ends in the plaintext.
    """
    magic, version, segment_bytes, covered, count = _HEAD.unpack_from(trailer)
    if magic != MAGIC or version != VERSION:
        return None
    if segment_bytes % BLOCK_BYTES or not MIN_SEGMENT_BYTES <= segment_bytes <= MAX_SEGMENT_BYTES:
        return None
    found = Trailer(segment_bytes, covered, count)
    if covered % BLOCK_BYTES or count != -(-covered // segment_bytes) or covered + found.index_bytes != index_end:
        return None
    return found


def open_index(keys: IndexKeys, trailer: Trailer, end: Buffer) -> list[SegmentValue] | None:
    """Return the values of all segments, None if the HMAC is not that of this key.

    They are those that the writer of this object stored. That they are this ciphertext's shows when the object's tag,
    made of them, matches.

    Args:
        trailer: from :func:`read_trailer`.
        end: the plaintext [I, N).
    """
    view = memoryview(end).cast("B")
    masked, after = view[: VALUE_BYTES * trailer.count], view[trailer.index_bytes :]
    stored = view[trailer.index_bytes - _MAC_BYTES : trailer.index_bytes]
    if not hmac.compare_digest(_mac(keys, masked, trailer._packed(), after), stored):
        return None
    masks = keys.masks(trailer.count)
    values = []
    for number, length in enumerate(trailer.lengths()):
        place = slice(VALUE_BYTES * number, VALUE_BYTES * (number + 1))
        values.append(SegmentValue.unmasked(number * trailer.segment_bytes, length, masked[place], masks[place]))
    masks[:] = bytes(len(masks))
    return values


def _mac(keys: IndexKeys, *parts: Buffer) -> bytes:
    mac = HMAC(keys.mac.view(), SHA256())
    for part in parts:
        mac.update(memoryview(part))
    return mac.finalize()


def _check_segment_bytes(segment_bytes: int) -> None:
    if segment_bytes % BLOCK_BYTES or not MIN_SEGMENT_BYTES <= segment_bytes <= MAX_SEGMENT_BYTES:
        raise ValueError(f"a segment has {MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES} bytes, a multiple of {BLOCK_BYTES}")
