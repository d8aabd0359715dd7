"""MessageReader: the same plaintext as decrypt, however it is read, and never a byte that is not verified."""

from __future__ import annotations

import io
import os
import tracemalloc
from typing import Any

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.errors import EnvelopeError, IntegrityError, PolicyError, S3CSEError, SettingsError
from s3cse.message import COMMITTING, COMMITTING_SIGNED, SUITES, MessageReader, Suite, encrypt
from s3cse.message.frames import FINAL_OVERHEAD, REGULAR_OVERHEAD

from .messages import FRAME, aes_keyring, message_of, unframed_message_of
from .test_whole import Untouched

STEPS = [1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 7, -1]
LENGTHS = [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 3, 97]


class Dripping(io.RawIOBase):
    """A file that gives three bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(min(size, 3))


def reader_of(message: bytes, **options: Any) -> MessageReader:
    """A reader of this message."""
    return MessageReader(io.BytesIO(message), aes_keyring(), **{"commitment": "allow", **options})


def read_all(reader: MessageReader, step: int) -> bytes:
    """Read to the end in steps."""
    data = bytearray()
    while piece := reader.read(step):
        data += piece
        assert reader.read(0) == b""
    assert reader.read(step) == b""
    return bytes(data)


@pytest.mark.parametrize("suite", SUITES.values(), ids=str)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_suite_is_read(backend: Backend, suite: Suite, length: int) -> None:
    """With the header and context that decrypt gives."""
    plaintext = os.urandom(length)
    message = message_of(plaintext, suite, context={"a": "b"}, required_keys=["a"])
    reader = reader_of(message, context={"a": "b"}, signed="release-early", backend=backend)
    assert reader.header.suite is suite
    assert reader.context["a"] == "b"
    assert read_all(reader, -1) == plaintext


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("step", STEPS)
def test_any_cut_gives_the_same_bytes(length: int, step: int) -> None:
    """Whatever the reads, and however the file drips."""
    plaintext = os.urandom(length)
    message = message_of(plaintext)
    assert read_all(reader_of(message), step) == plaintext
    dripping: Any = Dripping(message)
    assert read_all(MessageReader(dripping, aes_keyring()), step) == plaintext


def test_a_body_in_one_piece_is_held_whole() -> None:
    """Up to the limit; beyond it is refused."""
    message = unframed_message_of(bytes(100))
    assert read_all(reader_of(message, max_piece_bytes=100), 7) == bytes(100)
    reader = reader_of(message, max_piece_bytes=99)
    with pytest.raises(PolicyError, match="held in memory"):
        reader.read(1)


def test_long_frames_are_refused() -> None:
    """Before any of it is read."""
    reader = reader_of(encrypt(bytes(10), aes_keyring(), frame_length=101), max_piece_bytes=100)
    with pytest.raises(PolicyError, match="held in memory"):
        reader.read(1)


def test_signed_messages_are_refused_before_the_keyring_is_asked() -> None:
    """Unless early release is asked for by name."""
    message = encrypt(b"text", aes_keyring(), suite=COMMITTING_SIGNED)
    with pytest.raises(PolicyError, match="before its signature"):
        MessageReader(io.BytesIO(message), Untouched())
    with pytest.raises(SettingsError, match="policy for signed messages"):
        MessageReader(io.BytesIO(message), Untouched(), signed="verify")  # type: ignore[arg-type]


def test_early_release_holds_the_last_frame_until_the_signature_is_verified() -> None:
    """The frames before come; the last one does not if the signature is wrong."""
    message = encrypt(b"a" * 25, aes_keyring(), suite=COMMITTING_SIGNED, frame_length=FRAME)
    other = encrypt(b"a" * 25, aes_keyring(), suite=COMMITTING_SIGNED, frame_length=FRAME)
    reader = reader_of(message[:-105] + other[-105:], signed="release-early")
    assert reader.read(100) == b"a" * 2 * FRAME
    with pytest.raises(IntegrityError, match="signature"):
        reader.read(20)
    with pytest.raises(ValueError, match="failed before"):
        reader.read(20)


@pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED], ids=str)
def test_nothing_but_a_true_beginning_comes_out_of_a_changed_message(suite: Suite) -> None:
    """Each byte changed, each length cut: what was read is a beginning in whole frames, never the end."""
    plaintext = bytes(range(25))
    message = message_of(plaintext, suite)
    changed = [message[:at] + bytes([message[at] ^ 0x04]) + message[at + 1 :] for at in range(len(message))]
    for wrong in [*changed, *(message[:length] for length in range(len(message))), message + b"\0"]:
        data = bytearray()
        with pytest.raises(S3CSEError):  # noqa: PT012 - what came out before counts
            reader = reader_of(wrong, signed="release-early", max_encrypted_data_keys=65_535)
            while piece := reader.read(4):
                data += piece
        assert plaintext.startswith(data)
        assert len(data) in (0, FRAME, 2 * FRAME)


def test_failure_is_sticky_and_wipes() -> None:
    """After a frame that does not verify nothing is left and nothing more is read."""
    message = bytearray(message_of(bytes(range(25))))
    message[-20] ^= 1
    reader = reader_of(bytes(message))
    assert reader.read(100) == bytes(range(2 * FRAME))
    with pytest.raises(IntegrityError, match="frame 3"):
        reader.read(100)
    assert not any(reader._plaintext)
    for _ in range(2):
        with pytest.raises(ValueError, match="failed before"):
            reader.read(1)


def test_a_file_that_fails_fails_the_message() -> None:
    """An error of the file is passed on as it is, and no later read goes on behind it."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > len(self.getvalue()) - 40:
                raise OSError("lost")
            return super().read(size)

    reader = MessageReader(Broken(message_of(bytes(25))), aes_keyring())
    with pytest.raises(OSError, match="lost"):
        reader.readall()
    with pytest.raises(ValueError, match="failed before"):
        reader.read(1)


def test_closing_leaves_the_file_open_and_wipes_what_was_not_read() -> None:
    """The file is its owner's."""
    file = io.BytesIO(message_of(bytes(range(1, 26))))
    with MessageReader(file, aes_keyring()) as reader:
        assert reader.readable()
        assert reader.read(3) == b"\1\2\3"
    assert not file.closed
    assert not any(reader._plaintext)
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)


def test_it_is_a_file_for_others() -> None:
    """A buffered reader over it reads lines."""
    message = message_of(b"first line\nsecond line\n")
    assert list(io.BufferedReader(reader_of(message))) == [b"first line\n", b"second line\n"]


def test_what_is_no_message_makes_no_reader() -> None:
    """The header is read at once."""
    with pytest.raises(EnvelopeError):
        reader_of(b"PAR1")


def test_what_has_come_does_not_wait() -> None:
    """Frames come out of a pipe as they go in: nothing waits until a batch is full."""
    message = message_of(bytes(range(25)))
    end = len(message) - 60  # within the second frame
    read, write = os.pipe()
    with open(read, "rb") as source, open(write, "wb", buffering=0) as sink:
        sink.write(message[:end])
        reader = MessageReader(source, aes_keyring())
        assert reader.read(100) == bytes(range(FRAME))
        sink.write(message[end:])
        sink.close()
        assert reader.readall() == bytes(range(FRAME, 25))


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_batch_with_a_wrong_frame_gives_nothing(wrong: int) -> None:
    """Frames that are decrypted in one call come out together; the error names the one that is wrong."""
    message = bytearray(message_of(bytes(4 * FRAME)))
    start = len(message_of(b"")) - FINAL_OVERHEAD
    message[start + wrong * (FRAME + REGULAR_OVERHEAD) + 20] ^= 1
    reader = reader_of(bytes(message))
    with pytest.raises(IntegrityError, match=f"frame {wrong + 1}"):
        reader.read(1)
    assert not any(reader._plaintext)


def test_memory_is_twice_a_long_frame() -> None:
    """One frame as stored and one as plaintext; a buffer that grows has an eighth to spare."""
    message = encrypt(bytes(24 << 20), aes_keyring(), frame_length=8 << 20)
    source, out = io.BytesIO(message), bytearray(1 << 16)
    tracemalloc.start()
    try:
        reader = MessageReader(source, aes_keyring())
        while reader.readinto(out):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 18 << 20


def test_memory_is_a_batch_whatever_the_length() -> None:
    """Long messages in short frames are held 256 KiB at a time: the file's bytes, the frames and their plaintext."""
    message = encrypt(bytes(16 << 20), aes_keyring(), frame_length=4096)
    source, out = io.BytesIO(message), bytearray(1 << 16)
    tracemalloc.start()
    try:
        reader = MessageReader(source, aes_keyring())
        length = 0
        while size := reader.readinto(out):
            length += size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length == 16 << 20
    assert peak < 1 << 20
