"""Regular frames of Encryption SDK messages on `cryptography`, one by one: the judge of csrc/src/frames.c.

Source: AWS Encryption SDK specification, data-format/message-body.md and message-body-aad.md. This copies each frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3cse.crypto.buffers import check_apart, readable, writable
from s3cse.crypto.ciphers import (
    FRAME_OVERHEAD_BYTES,
    GCM_IV_BYTES,
    GCM_KEY_BYTES,
    MAX_REGULAR_FRAMES,
    check_frames,
)
from s3cse.errors import IntegrityError

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

_TEXT = b"AWSKMSEncryptionClient Frame"
_SEQUENCE_BYTES = 4
_FRONT_BYTES = _SEQUENCE_BYTES + GCM_IV_BYTES
_MESSAGE_ID_MAX_BYTES = 32


def seal_frames(
    key: Buffer, message_id: Buffer, first_sequence: int, frame_length: int, data: Buffer, out: Buffer
) -> None:
    """Encrypt regular frames; see :class:`s3cse.crypto.ciphers.Backend`."""
    with readable(data) as source, writable(out) as target:
        cipher, ident = _checked(key, message_id, first_sequence, frame_length)
        stride = frame_length + FRAME_OVERHEAD_BYTES
        for place, sequence in _places(source, target, first_sequence, frame_length, stride):
            iv = sequence.to_bytes(GCM_IV_BYTES, "big")
            content = source[place * frame_length : (place + 1) * frame_length]
            sealed = cipher.encrypt(iv, content, _aad(ident, sequence, frame_length))
            target[place * stride : (place + 1) * stride] = iv[-_SEQUENCE_BYTES:] + iv + sealed


def open_frames(
    key: Buffer, message_id: Buffer, first_sequence: int, frame_length: int, data: Buffer, out: Buffer
) -> None:
    """Decrypt regular frames."""
    with readable(data) as source, writable(out) as target:
        cipher, ident = _checked(key, message_id, first_sequence, frame_length)
        stride = frame_length + FRAME_OVERHEAD_BYTES
        needed = len(source) // stride * frame_length
        try:
            for place, sequence in _places(source, target, first_sequence, stride, frame_length):
                frame = bytes(source[place * stride : (place + 1) * stride])
                if int.from_bytes(frame[:_SEQUENCE_BYTES], "big") != sequence:
                    raise InvalidTag
                iv, sealed = frame[_SEQUENCE_BYTES:_FRONT_BYTES], frame[_FRONT_BYTES:]
                opened = cipher.decrypt(iv, sealed, _aad(ident, sequence, frame_length))
                target[place * frame_length : (place + 1) * frame_length] = opened
        except InvalidTag:
            target[:needed] = bytes(needed)
            raise IntegrityError("the data does not verify") from None


def _checked(key: Buffer, message_id: Buffer, first_sequence: int, frame_length: int) -> tuple[AESGCM, bytes]:
    check_frames(first_sequence, frame_length)
    with readable(key) as k, readable(message_id) as ident:
        if len(ident) > _MESSAGE_ID_MAX_BYTES:
            raise ValueError("the message id is too long")
        if len(k) not in GCM_KEY_BYTES:
            raise ValueError("the key must have 16, 24 or 32 bytes")
        return AESGCM(bytes(k)), bytes(ident)


def _places(
    source: memoryview, target: memoryview, first_sequence: int, in_stride: int, out_stride: int
) -> Iterator[tuple[int, int]]:
    """Check the lengths, then give each frame's place and number."""
    num_frames, rest = divmod(len(source), in_stride)
    if first_sequence + num_frames - 1 > MAX_REGULAR_FRAMES:
        raise ValueError("the message would have more frames than it can count")
    if rest:
        raise ValueError("the input is no whole frames")
    check_apart(source, target, num_frames * out_stride)
    return ((place, first_sequence + place) for place in range(num_frames))


def _aad(message_id: bytes, sequence: int, length: int) -> bytes:
    return message_id + _TEXT + sequence.to_bytes(_SEQUENCE_BYTES, "big") + length.to_bytes(8, "big")
