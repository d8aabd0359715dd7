"""Regular frames of Encryption SDK messages, many in a call: on both backends, the same as one GCM message each."""

from __future__ import annotations

import os
from typing import Any

import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import FRAME_OVERHEAD_BYTES, MAX_REGULAR_FRAMES, Backend
from s3cse.errors import IntegrityError

ID = bytes(range(32))
FRAME = 50
STRIDE = FRAME + FRAME_OVERHEAD_BYTES


def seal(backend: Backend, data: bytes, key: bytes = ID, first: int = 1, ident: bytes = ID) -> bytes:
    """Frames of this data."""
    out = bytearray(len(data) // FRAME * STRIDE)
    backend.seal_frames(key, ident, first, FRAME, data, out)
    return bytes(out)


def opened(backend: Backend, frames: bytes, key: bytes = ID, first: int = 1, ident: bytes = ID) -> bytes:
    """The data of these frames."""
    out = bytearray(len(frames) // STRIDE * FRAME)
    backend.open_frames(key, ident, first, FRAME, frames, out)
    return bytes(out)


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("num", [0, 1, 2, 7])
def test_the_backends_agree(size: int, num: int) -> None:
    """Both write the same frames, and each reads the other's."""
    key, data = os.urandom(size), os.urandom(num * FRAME)
    frames = seal(native, data, key, 9)
    assert frames == seal(oracle, data, key, 9)
    assert opened(native, frames, key, 9) == opened(oracle, frames, key, 9) == data


def test_a_frame_is_a_gcm_message(backend: Backend) -> None:
    """Number, IV, ciphertext, tag; the authenticated data are the specification's."""
    data = os.urandom(2 * FRAME)
    frames = seal(backend, data, first=6, ident=b"message id")
    aad = b"message id" + b"AWSKMSEncryptionClient Frame" + (7).to_bytes(4, "big") + FRAME.to_bytes(8, "big")
    iv, body = (7).to_bytes(12, "big"), bytearray(data[FRAME:])
    encryptor = backend.gcm_encryptor(ID, iv, aad)
    encryptor.update_into(body, body)
    assert frames[STRIDE:] == (7).to_bytes(4, "big") + iv + body + encryptor.finalize()


def test_a_changed_frame_opens_none(backend: Backend) -> None:
    """Each byte; also another key, id or number: zeros, and one error."""
    frames = seal(backend, os.urandom(3 * FRAME))
    for at in range(len(frames)):
        changed = frames[:at] + bytes([frames[at] ^ 1]) + frames[at + 1 :]
        out = bytearray(b"\xee" * (3 * FRAME))
        with pytest.raises(IntegrityError, match="does not verify"):
            backend.open_frames(ID, ID, 1, FRAME, changed, out)
        assert not any(out)
    wrong: list[dict[str, Any]] = [{"key": bytes(32)}, {"ident": ID[:31]}, {"first": 2}]
    for other in wrong:
        with pytest.raises(IntegrityError):
            opened(backend, frames, **other)
    with pytest.raises(IntegrityError):
        opened(backend, frames[STRIDE:] + frames[:STRIDE])


def test_numbers_and_lengths_have_limits(backend: Backend) -> None:
    """The last number is for a final frame; nothing is written."""
    data = bytes(2 * FRAME)
    frames = seal(backend, data, first=MAX_REGULAR_FRAMES - 1)
    assert opened(backend, frames, first=MAX_REGULAR_FRAMES - 1) == data
    for first in (-1, 0, MAX_REGULAR_FRAMES, MAX_REGULAR_FRAMES + 1, 2**32, 2**64):
        out = bytearray(b"\xee" * len(frames))
        with pytest.raises(ValueError, match=r"sequence numbers|more frames"):
            backend.seal_frames(ID, ID, first, FRAME, data, out)
        with pytest.raises(ValueError, match=r"sequence numbers|more frames"):
            backend.open_frames(ID, ID, first, FRAME, frames, out)
        assert out.strip(b"\xee") == b""
    for length in (-1, 0, 2**32, 2**64):
        with pytest.raises(ValueError, match="frame lengths"):
            backend.seal_frames(ID, ID, 1, length, b"", bytearray())


def test_wrong_buffers_are_refused(backend: Backend) -> None:
    """Short outputs, pieces of frames, overlaps, other keys and ids."""
    frames, memory = seal(backend, bytes(FRAME)), bytearray(3 * STRIDE)
    view = memoryview(memory)
    calls: list[tuple[Any, ...]] = [
        (backend.seal_frames, ID, ID, bytes(FRAME), bytearray(STRIDE - 1)),
        (backend.seal_frames, ID, ID, bytes(FRAME + 1), bytearray(2 * STRIDE)),
        (backend.seal_frames, ID[:31], ID, bytes(FRAME), bytearray(STRIDE)),
        (backend.seal_frames, ID, ID + b"x", bytes(FRAME), bytearray(STRIDE)),
        (backend.seal_frames, ID, ID, view[:FRAME], view[:STRIDE]),
        (backend.seal_frames, ID, ID, view[:FRAME], view[FRAME - 1 :]),
        (backend.open_frames, ID, ID, frames, bytearray(FRAME - 1)),
        (backend.open_frames, ID, ID, frames[:-1], bytearray(FRAME)),
        (backend.open_frames, ID, ID, view[:STRIDE], view[:FRAME]),
        (backend.open_frames, ID, ID, view[:STRIDE], view[16:]),
    ]
    for function, key, ident, data, out in calls:
        with pytest.raises(ValueError, match=r"too small|whole frames|must have|too long|overlap|in place"):
            function(key, ident, 1, FRAME, data, out)
    assert not any(memory)
    with pytest.raises(TypeError):
        backend.seal_frames(ID, ID, 1, FRAME, bytes(FRAME), bytes(STRIDE))  # type: ignore[arg-type]
