"""MessageWriter: the same messages as encrypt, however they are written, and none that was given up."""

from __future__ import annotations

import gc
import io
import os
from typing import Any

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.errors import EnvelopeError, SettingsError
from s3cse.message import COMMITTING, COMMITTING_SIGNED, MessageWriter, Suite, decrypt
from s3cse.message.frames import MAX_FRAMES, FramePlan

from .messages import FRAME, aes_keyring

STEPS = [1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 7, 1000]
LENGTHS = [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 3, 97]


def writer_to(file: Any, **options: Any) -> MessageWriter:
    """A writer with short frames."""
    return MessageWriter(file, aes_keyring(), **{"frame_length": FRAME, **options})


@pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED], ids=str)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("step", STEPS)
def test_any_cut_gives_the_same_frames(backend: Backend, suite: Suite, length: int, step: int) -> None:
    """Whatever the writes, with empty ones between, it is the message that encrypt would make."""
    plaintext, file = os.urandom(length), io.BytesIO()
    with writer_to(file, suite=suite, context={"a": "b"}, backend=backend) as writer:
        for at in range(0, length, step):
            assert writer.write(b"") == 0
            piece = plaintext[at : at + step]
            assert writer.write(memoryview(piece)) == len(piece)
    message = file.getvalue()
    result = decrypt(message, aes_keyring())
    assert (result.plaintext, result.header) == (plaintext, writer.header)
    footer = 105 if suite.curve else 0
    assert len(message) == message.index(writer.header.commitment) + 48 + FramePlan(length, FRAME).body_bytes + footer


def test_a_failed_block_leaves_no_message() -> None:
    """What was written has no end."""
    file = io.BytesIO()
    with pytest.raises(RuntimeError), writer_to(file) as writer:  # noqa: PT012 - the block is what is tested
        writer.write(bytes(35))
        raise RuntimeError
    assert writer.closed
    with pytest.raises(EnvelopeError, match="ends within"):
        decrypt(file.getvalue(), aes_keyring())


def test_the_garbage_collector_ends_no_message() -> None:
    """A writer that is forgotten writes nothing more."""
    file = io.BytesIO()
    writer = writer_to(file)
    writer.write(bytes(35))
    before = file.getvalue()
    del writer
    gc.collect()
    assert file.getvalue() == before


def test_closed_is_closed() -> None:
    """close may be called again and writes once; write is refused; abandon after close changes nothing."""
    file = io.BytesIO()
    writer = writer_to(file)
    writer.write(b"text")
    writer.close()
    message = file.getvalue()
    writer.close()
    writer.abandon()
    assert file.getvalue() == message
    assert decrypt(message, aes_keyring()).plaintext == b"text"
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")


def test_after_a_failed_write_there_is_no_going_on() -> None:
    """Which bytes the file has is not known."""

    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            if self.tell() > 150:
                raise OSError("no space left")
            return super().write(data)

    file = Full()
    writer = writer_to(file)
    with pytest.raises(OSError, match="no space"):
        writer.write(bytes(100))
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
    writer.close()
    with pytest.raises(EnvelopeError):
        decrypt(file.getvalue(), aes_keyring())


def test_a_refused_argument_changes_nothing() -> None:
    """Text is no bytes, and more than was said is refused; the message goes on."""
    file = io.BytesIO()
    with writer_to(file, plaintext_bytes=8) as writer:
        writer.write(b"1234")
        with pytest.raises(TypeError):
            writer.write("text")  # type: ignore[arg-type]
        with pytest.raises(SettingsError, match="more is written"):
            writer.write(b"56789")
        writer.write(b"5678")
    assert decrypt(file.getvalue(), aes_keyring()).plaintext == b"12345678"


def test_files_that_take_less_are_asked_again() -> None:
    """Unbuffered files may take a part; one that takes nothing is an error."""

    class Slow(io.BytesIO):
        def write(self, data: Any, /) -> int:
            return super().write(data[:7])

    class Stuck(io.BytesIO):
        def write(self, data: Any, /) -> int:
            return 0

    file = Slow()
    with writer_to(file) as writer:
        writer.write(bytes(35))
    assert decrypt(file.getvalue(), aes_keyring()).plaintext == bytes(35)
    with pytest.raises(OSError, match="no more"):
        writer_to(Stuck())


def test_frames_are_counted() -> None:
    """The last sequence number is for a final frame; a regular one there is refused."""
    file = io.BytesIO()
    writer = writer_to(file)
    writer._sequence = MAX_FRAMES - 2
    writer.write(bytes(2 * FRAME))
    with pytest.raises(SettingsError, match="more frames"):
        writer.write(bytes(1))


@pytest.mark.parametrize(
    ("step", "most"), [(1000, 2 * 1000), (3333, 1000 + 3333), (1 << 20, 1000 + (1 << 20) // 1000 * 1032)]
)
def test_memory_is_bounded(step: int, most: int) -> None:
    """A frame that waits, and what is encrypted at once, at most 1 MiB: no more, however long the message."""
    file = io.BytesIO()
    writer = writer_to(file, frame_length=1000)
    for _ in range(50):
        writer.write(bytes(step))
    assert len(writer._waiting) + len(writer._sealed) < most + 200


def test_plaintext_that_waited_is_wiped() -> None:
    """When the message ends, or is given up."""
    for end in (MessageWriter.close, MessageWriter.abandon):
        writer = writer_to(io.BytesIO())
        writer.write(b"secret")
        end(writer)
        assert bytes(writer._waiting) == bytes(FRAME)
