"""encrypt_into and decrypt_into: what encrypt and decrypt do, in the caller's memory, and zeros after a failure."""

from __future__ import annotations

import mmap
import os
from typing import Any

import pyarrow as pa
import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, SettingsError
from s3cse.message import (
    COMMITTING,
    COMMITTING_SIGNED,
    SUITES,
    Suite,
    body,
    decrypt,
    decrypt_into,
    encrypt,
    encrypt_into,
    message_room,
)
from s3cse.message.cipher import MessageCipher
from s3cse.message.frames import FramePlan
from s3cse.message.sealing import Sealing

from .messages import FRAME, aes_keyring, message_of, unframed_message_of
from .test_whole import LENGTHS, Untouched

written_suite = pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED], ids=str)
AROUND = b"\xaa" * 7


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two frames in a batch, so that short messages have many."""
    monkeypatch.setattr(body, "_BATCH_BYTES", 2 * FRAME)
    monkeypatch.setattr(body, "_SIGNED_BATCH_BYTES", 2 * FRAME)


@written_suite
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("length", [*LENGTHS, 40 * FRAME, 40 * FRAME + 1])
def test_round_trip(backend: Backend, suite: Suite, threads: int, length: int) -> None:
    """Any length, threads and backend; nothing behind the result is touched, and decrypt reads what was written."""
    plaintext = os.urandom(length)
    out = bytearray(message_room(length, frame_length=FRAME, suite=suite)) + AROUND
    options: dict[str, Any] = {"context": {"a": "b"}, "suite": suite, "frame_length": FRAME}
    size = encrypt_into(plaintext, out, aes_keyring(), **options, threads=threads, backend=backend)
    message = bytes(out[:size])
    assert set(out[size:]) <= {0, 0xAA}
    assert out.endswith(AROUND)
    assert decrypt(message, aes_keyring(), threads=threads, backend=backend).plaintext == plaintext
    back = bytearray(AROUND * 2 + bytes(length) + AROUND)
    with memoryview(back)[14:] as target:
        assert decrypt_into(message, target, aes_keyring(), threads=threads, backend=backend) == length
    assert back == AROUND * 2 + plaintext + AROUND


@pytest.mark.parametrize("suite", SUITES.values(), ids=str)
@pytest.mark.parametrize("threads", [1, 3])
def test_every_suite_is_read(suite: Suite, threads: int) -> None:
    """Also those that are not written, and a body in one piece."""
    plaintext = os.urandom(9 * FRAME + 3)
    out = bytearray(len(plaintext))
    messages = [message_of(plaintext, suite)] + ([] if suite.curve else [unframed_message_of(plaintext, suite)])
    for message in messages:
        out[:] = bytes(len(out))
        assert decrypt_into(message, out, aes_keyring(), commitment="allow", threads=threads) == len(plaintext)
        assert out == plaintext


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_write_the_same_frames(threads: int) -> None:
    """Under the same key and id the message of several threads is that of one, byte for byte."""
    plaintext = memoryview(os.urandom(101 * FRAME))
    plan = FramePlan(len(plaintext), FRAME)
    sealing = Sealing(aes_keyring(), COMMITTING, {}, (), FRAME)
    one, several = (bytearray(len(sealing.raw_header) + plan.body_bytes) for _ in range(2))
    body.seal_message(sealing, plan, plaintext, memoryview(one), 1)
    body.seal_message(sealing, plan, plaintext, memoryview(several), threads)
    assert one == several
    assert decrypt(one, aes_keyring()).plaintext == plaintext


@pytest.mark.parametrize("make", [bytearray, pa.allocate_buffer, lambda size: mmap.mmap(-1, size)])
def test_any_writable_buffer_does(make: Any) -> None:
    """A bytearray, memory of Arrow, a mapping."""
    out = make(message_room(100))
    size = encrypt_into(bytes(100), out, aes_keyring())
    back = make(128)
    assert decrypt_into(memoryview(out)[:size], back, aes_keyring()) == 100


def test_wider_items_are_bytes() -> None:
    """Arrays of numbers are read and written as they lie in memory."""
    numbers = memoryview(bytearray(range(64))).cast("Q")
    message = encrypt(numbers, aes_keyring())
    out = memoryview(bytearray(64)).cast("I")
    assert decrypt_into(message, out, aes_keyring()) == 64
    assert bytes(out) == bytes(range(64))


@pytest.mark.parametrize("out", [bytes(1000), memoryview(bytearray(2000))[::2], "text"])
def test_other_buffers_are_refused(out: Any) -> None:
    """Read-only memory, memory with holes, and what is no memory; the keyring is not asked."""
    with pytest.raises(TypeError):
        encrypt_into(b"", out, Untouched())
    with pytest.raises(TypeError):
        decrypt_into(message_of(b""), out, Untouched())


def test_too_small_to_encrypt_is_refused_and_nothing_is_written() -> None:
    """Without a call to the key service where the body alone does not fit; the error says how much is needed."""
    message = encrypt(bytes(25), aes_keyring(), frame_length=FRAME)
    for size, keyring in ((0, Untouched()), (128, Untouched()), (len(message) - 1, aes_keyring())):
        out = bytearray(b"\xaa" * size)
        with pytest.raises(SettingsError, match="too small"):
            encrypt_into(bytes(25), out, keyring, frame_length=FRAME)
        assert out == b"\xaa" * size
    with pytest.raises(SettingsError, match=f"at least {len(message)} bytes"):
        encrypt_into(bytes(25), out, aes_keyring(), frame_length=FRAME)
    assert encrypt_into(bytes(25), bytearray(len(message)), aes_keyring(), frame_length=FRAME) == len(message)


def test_too_small_to_decrypt_is_refused_and_nothing_is_written() -> None:
    """The length is known before anything is decrypted."""
    message = message_of(bytes(range(25)))
    out = bytearray(b"\xaa" * 24)
    with pytest.raises(SettingsError, match="at least 25 bytes"):
        decrypt_into(message, out, aes_keyring())
    assert out == b"\xaa" * 24


def test_memory_that_overlaps_is_refused() -> None:
    """Wherever the two begin; side by side is fine."""
    memory = bytearray(10_000)
    with memoryview(memory) as view:
        for at in (0, 1, 500, 999):
            with pytest.raises(SettingsError, match="overlaps"):
                encrypt_into(view[:1000], view[at : at + 9000], aes_keyring())
        size = encrypt_into(view[:1000], view[1000:], aes_keyring())
        for at in (1, 1000, 1999):
            with pytest.raises(SettingsError, match="overlaps"):
                decrypt_into(view[1000 : 1000 + size], view[at:], aes_keyring())
        assert decrypt_into(view[1000 : 1000 + size], view[:1000], aes_keyring()) == 1000


@written_suite
@pytest.mark.parametrize("threads", [1, 3])
def test_nothing_is_left_of_a_changed_message(suite: Suite, threads: int) -> None:
    """A frame in front, in the middle or at the end, the signature, or something behind it: zeros, and not more."""
    plaintext = b"\x55" * (20 * FRAME + 3)
    message = message_of(plaintext, suite)
    start = len(message) - (105 if suite.curve else 0) - (20 * (FRAME + 32) + 40 + 3)
    places = [start + 20, start + 10 * (FRAME + 32) + 20, start + 20 * (FRAME + 32) + 25, len(message) - 30]
    for at in places:
        wrong = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
        out = bytearray(b"\xaa" * len(message))
        with pytest.raises(IntegrityError):
            decrypt_into(wrong, out, aes_keyring(), threads=threads)
        assert out == bytes(len(plaintext)) + b"\xaa" * (len(message) - len(plaintext))
    out = bytearray(b"\xaa" * len(message))
    with pytest.raises(EnvelopeError, match="follows the end"):
        decrypt_into(message + b"\0", out, aes_keyring(), threads=threads)
    assert b"\x55" not in out


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_first_wrong_frame_is_named(threads: int) -> None:
    """Whatever thread meets another one before."""
    message = bytearray(message_of(bytes(40 * FRAME)))
    start = len(message) - (39 * (FRAME + 32) + 40 + FRAME)
    for frame in (7, 8, 20, 35):
        message[start + (frame - 1) * (FRAME + 32) + 20] ^= 1
    with pytest.raises(IntegrityError, match="frame 7 does not verify"):
        decrypt(bytes(message), aes_keyring(), threads=threads)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupted_message_is_wiped(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Whatever ends the work, in either direction."""
    plaintext, seen = b"\x55" * (20 * FRAME), []
    message = message_of(plaintext)

    def stops(method: str) -> None:
        original = getattr(MessageCipher, method)

        def call(*arguments: object) -> None:
            seen.append(arguments)
            if len(seen) % 6 == 0:
                raise KeyboardInterrupt
            original(*arguments)

        monkeypatch.setattr(MessageCipher, method, call)

    stops("open_frames")
    stops("seal_frames")
    for call in (
        lambda out: decrypt_into(message, out, aes_keyring(), threads=threads),
        lambda out: encrypt_into(plaintext, out, aes_keyring(), frame_length=FRAME, threads=threads),
    ):
        out = bytearray(b"\xaa" * 10_000)
        with pytest.raises(KeyboardInterrupt):
            call(out)
        assert set(out) == {0, 0xAA}
        assert out.count(0) >= 20 * FRAME


@pytest.mark.parametrize("threads", [0, -1, 65, 1.5, True, "2"])
def test_other_numbers_of_threads_are_refused(threads: Any) -> None:
    """1 to 64, by each of the four functions, before the keyring is asked."""
    message = message_of(b"")
    for call in (
        lambda: encrypt(b"", Untouched(), threads=threads),
        lambda: decrypt(message, Untouched(), threads=threads),
        lambda: encrypt_into(b"", bytearray(9999), Untouched(), threads=threads),
        lambda: decrypt_into(message, bytearray(9999), Untouched(), threads=threads),
    ):
        with pytest.raises(SettingsError, match="number of threads"):
            call()


def test_another_key_writes_nothing() -> None:
    """The keyring is asked before memory is touched."""
    out = bytearray(b"\xaa" * 100)
    with pytest.raises(KeyringError):
        decrypt_into(message_of(b"text"), out, aes_keyring(bytes(32)))
    assert out == b"\xaa" * 100
