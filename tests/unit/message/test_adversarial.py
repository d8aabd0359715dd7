"""Whatever is done to a message, by somebody without the key or with it: the plaintext that was written, or our error.

Where the forger has the key every tag fits, so the format's own rules must refuse the message; each function that reads
is asked.
"""

from __future__ import annotations

import io
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, PolicyError, S3CSEError
from s3cse.keyrings import EncryptedDataKey
from s3cse.keyrings.encryption_context import serialized
from s3cse.message import COMMITTING, COMMITTING_SIGNED, SUITES, MessageReader, Suite, decrypt, decrypt_into, encrypt
from s3cse.message.cipher import MessageCipher
from s3cse.message.derivation import derive
from s3cse.message.frames import Kind
from s3cse.message.header import MAX_ENCRYPTED_DATA_KEYS, header_body
from s3cse.message.signature import PUBLIC_KEY_ENTRY

from .forger import FINAL, REGULAR, Forger, Frame
from .messages import FRAME, aes_keyring, message_of, unframed_message_of
from .test_whole import Untouched

Read = Callable[..., bytes]
FULL, END = b"f" * FRAME, b"end"
both_suites = pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED], ids=str)


def by_decrypt(message: bytes, keyring: Any = None, **options: Any) -> bytes:
    """On one thread."""
    return decrypt(message, keyring or aes_keyring(), **options).plaintext


def by_threads(message: bytes, keyring: Any = None, **options: Any) -> bytes:
    """On several threads."""
    return decrypt(message, keyring or aes_keyring(), threads=3, **options).plaintext


def by_buffer(message: bytes, keyring: Any = None, **options: Any) -> bytes:
    """Into memory of the caller, where nothing is left after an error."""
    out = bytearray(b"\xaa" * len(message))
    try:
        size = decrypt_into(message, out, keyring or aes_keyring(), **options)
    except S3CSEError:
        assert set(out) <= {0, 0xAA}
        raise
    return bytes(out[:size])


def by_reader(message: bytes, keyring: Any = None, **options: Any) -> bytes:
    """From a file, in a stream."""
    return MessageReader(io.BytesIO(message), keyring or aes_keyring(), signed="release-early", **options).readall()


in_memory_and_in_a_stream = pytest.mark.parametrize("read", [by_decrypt, by_reader])
every_reader = pytest.mark.parametrize("read", [by_decrypt, by_threads, by_buffer, by_reader])

ACCEPTED: dict[str, list[Frame]] = {
    "frames and a shorter last one": [(REGULAR, 1, FULL), (REGULAR, 2, FULL), (FINAL, 3, END)],
    "a full last frame": [(REGULAR, 1, FULL), (FINAL, 2, FULL)],
    "an empty last frame, as some clients write it": [(REGULAR, 1, FULL), (FINAL, 2, b"")],
    "nothing": [(FINAL, 1, b"")],
}
BROKEN: dict[str, list[Frame]] = {
    "a number twice": [(REGULAR, 1, FULL), (REGULAR, 1, FULL), (FINAL, 2, END)],
    "a number twice, and the last one counts on": [(REGULAR, 1, FULL), (REGULAR, 1, FULL), (FINAL, 3, END)],
    "frames in another order": [(REGULAR, 2, FULL), (REGULAR, 1, FULL), (FINAL, 3, END)],
    "a number left out": [(REGULAR, 1, FULL), (REGULAR, 3, FULL), (FINAL, 4, END)],
    "the first frame left out": [(REGULAR, 2, FULL), (FINAL, 3, END)],
    "numbers from 0 on": [(REGULAR, 0, FULL), (REGULAR, 1, FULL), (FINAL, 2, END)],
    "no frame has the mark as its number": [(REGULAR, 1, FULL), (REGULAR, 0xFFFFFFFF, FULL), (FINAL, 2, END)],
    "a last frame numbered too low": [(REGULAR, 1, FULL), (REGULAR, 2, FULL), (FINAL, 2, END)],
    "a last frame numbered too high": [(REGULAR, 1, FULL), (FINAL, 3, END)],
    "a last frame numbered 0": [(FINAL, 0, END)],
    "no last frame": [(REGULAR, 1, FULL), (REGULAR, 2, FULL)],
    "no frame at all": [],
    "two last frames": [(REGULAR, 1, FULL), (FINAL, 2, END), (FINAL, 3, END)],
    "the last frame twice": [(REGULAR, 1, FULL), (FINAL, 2, END), (FINAL, 2, END)],
    "a frame behind the last one": [(REGULAR, 1, FULL), (FINAL, 2, END), (REGULAR, 3, FULL)],
    "a last frame in the middle": [(REGULAR, 1, FULL), (FINAL, 2, FULL), (FINAL, 3, END)],
    "a last frame longer than a frame": [(REGULAR, 1, FULL), (FINAL, 2, FULL + b"x")],
    "a short frame before the last one": [(REGULAR, 1, END), (FINAL, 2, END)],
    "a long frame before the last one": [(REGULAR, 1, FULL + b"x"), (FINAL, 2, END)],
    "a body in one piece where frames should be": [(Kind.SINGLE, 1, FULL), (FINAL, 2, END)],
}


@every_reader
@both_suites
@pytest.mark.parametrize("frames", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_the_format_allows_is_read(read: Read, suite: Suite, frames: list[Frame]) -> None:
    """The forger's messages do verify: what is refused below is refused for what is wrong with it."""
    assert read(Forger(suite).message(*frames)) == b"".join(content for _, _, content in frames)


@every_reader
@both_suites
@pytest.mark.parametrize("frames", BROKEN.values(), ids=BROKEN.keys())
def test_frames_that_break_the_format_are_refused(read: Read, suite: Suite, frames: list[Frame]) -> None:
    """Though each of them verifies by itself."""
    with pytest.raises((EnvelopeError, IntegrityError)):
        read(Forger(suite).message(*frames))


@every_reader
@both_suites
def test_bytes_behind_the_end_are_refused(read: Read, suite: Suite) -> None:
    """One byte, a second footer, or the same message again."""
    forger = Forger(suite)
    whole = forger.message((FINAL, 1, END))
    for end in (b"\0", whole, whole[-105:]):
        with pytest.raises((EnvelopeError, IntegrityError)):
            read(forger.message((FINAL, 1, END), end=end))


@every_reader
def test_a_commitment_to_another_key_is_refused(read: Read) -> None:
    """Also where the header's tag covers it: a commitment of nothing, of other bytes, of another message."""
    other = Forger().header.commitment
    for commitment in (bytes(32), os.urandom(32), other):
        with pytest.raises(IntegrityError, match="commits to"):
            read(Forger(commitment=commitment).message((FINAL, 1, END)))


@every_reader
@pytest.mark.parametrize("frame_length", [1, FRAME - 1, FRAME + 1, 2 * FRAME + 32, 0xFFFFFFFF])
def test_another_frame_length_is_refused(read: Read, frame_length: int) -> None:
    """A tag binds its frame's length; what is promised and not there takes no memory."""
    message = Forger(frame_length=frame_length).message((REGULAR, 1, FULL), (REGULAR, 2, FULL), (FINAL, 3, END))
    with pytest.raises((EnvelopeError, IntegrityError, PolicyError)):
        read(message)


@every_reader
@both_suites
def test_a_context_entry_that_comes_twice_is_refused(read: Read, suite: Suite) -> None:
    """With one value or two, before the keyring is asked: readers could take either."""
    forger = Forger(suite)
    for second in (b"\0\1a\0\1b", b"\0\1a\0\1c"):
        context = serialized(forger.header.context)
        entries = int.from_bytes(context[:2], "big") + 1
        doubled = entries.to_bytes(2, "big") + context[2:] + second
        body = header_body(forger.header).replace(
            len(context).to_bytes(2, "big") + context, len(doubled).to_bytes(2, "big") + doubled, 1
        )
        assert len(body) > len(header_body(forger.header))
        with pytest.raises(EnvelopeError, match="twice"):
            read(forger.message((FINAL, 1, END), body=body), Untouched())


FOOTERS = {
    "missing": b"",
    "one byte": b"\0",
    "a length and nothing": b"\0\x67",
    "an empty signature": b"\0\0",
    "zeros": b"\0\x67" + bytes(103),
    "65,535 bytes promised": b"\xff\xff" + bytes(200),
    "65,535 bytes": b"\xff\xff" + bytes(65_535),
    "a sequence of nothing": b"\0\x02\x30\x00",
    "r and s zero": b"\0\x08" + bytes.fromhex("3006020100020100"),
    "negative numbers": b"\0\x08" + bytes.fromhex("30060201ff0201ff"),
}


@every_reader
@pytest.mark.parametrize("footer", FOOTERS.values(), ids=FOOTERS.keys())
def test_footers_that_are_no_signature_are_refused(read: Read, footer: bytes) -> None:
    """None, too short, too long, and numbers that no signature has."""
    with pytest.raises((EnvelopeError, IntegrityError)):
        read(Forger(COMMITTING_SIGNED).message((FINAL, 1, END), footer=footer))


@every_reader
def test_a_signature_by_another_key_is_refused(read: Read) -> None:
    """That of another message fits neither; nor does the message when its header names that key."""
    one, other = Forger(COMMITTING_SIGNED), Forger(COMMITTING_SIGNED)
    foreign = other.message((FINAL, 1, END))[-105:]
    with pytest.raises(IntegrityError, match="signature"):
        read(one.message((FINAL, 1, END), footer=foreign))
    swapped = {**one.header.context, PUBLIC_KEY_ENTRY: other.header.context[PUBLIC_KEY_ENTRY]}
    with pytest.raises(S3CSEError):
        read(Forger(COMMITTING_SIGNED, context=swapped).message((FINAL, 1, END)))


PUBLIC_KEYS = {
    "no Base64": "no Base64!",
    "nothing": "",
    "a point of P-256": "A2sX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKW",
    "no point": "A" + "A" * 63 + "=",
    "infinity": "AA==",
    "not ASCII": "ä" * 10,
}


@every_reader
@pytest.mark.parametrize("entry", PUBLIC_KEYS.values(), ids=PUBLIC_KEYS.keys())
def test_public_keys_that_are_none_are_refused(read: Read, entry: str) -> None:
    """Before the keyring is asked."""
    forger = Forger(COMMITTING_SIGNED, context={"a": "b", PUBLIC_KEY_ENTRY: entry})
    with pytest.raises(EnvelopeError, match="public key"):
        read(forger.message((FINAL, 1, END)), Untouched())


@every_reader
def test_a_stripped_signature_is_refused(read: Read) -> None:
    """The footer cut off; the suite relabelled; relabelled without the public key, which the wrapped key binds."""
    signed = Forger(COMMITTING_SIGNED)
    with pytest.raises(EnvelopeError, match="footer"):
        read(signed.message((FINAL, 1, END), footer=b""))
    relabelled = replace(signed.header, suite=COMMITTING)
    with pytest.raises(EnvelopeError, match="public key"):
        read(signed.message((FINAL, 1, END), body=header_body(relabelled), footer=b""))
    without = replace(relabelled, context={"a": "b"})
    with pytest.raises(S3CSEError):
        read(signed.message((FINAL, 1, END), body=header_body(without), footer=b""))


@every_reader
@pytest.mark.parametrize("suite", SUITES.values(), ids=str)
def test_headers_are_not_exchanged(read: Read, suite: Suite) -> None:
    """Of two messages under one wrapping key, and of one message under two suites."""
    first, second = (message_of(bytes(25), suite) for _ in range(2))
    body = 2 * (FRAME + 32) + 40 + 5 + ((2 + (71 if suite.curve == "P-256" else 103)) if suite.curve else 0)
    with pytest.raises(S3CSEError):
        read(second[:-body] + first[-body:], commitment="allow")
    for other in SUITES.values():
        if other != suite and other.version == suite.version:
            at = 1 if suite.version == 2 else 2
            with pytest.raises(S3CSEError):
                read(first[:at] + other.id_bytes + first[at + 2 :], commitment="allow")


def test_who_has_the_data_key_forges_unsigned_messages_and_not_signed_ones() -> None:
    """What docs/decisions/0011 says: new frames under the old header, and for the signature a key pair of one's own."""
    for suite in (COMMITTING, COMMITTING_SIGNED):
        message = encrypt(b"pay 1", aes_keyring(), suite=suite)
        header = decrypt(message, aes_keyring()).header
        data_key = aes_keyring().unwrap_message_key(header.encrypted_data_keys, header.context, suite.key_bytes)
        own = Forger(
            suite, **{name: getattr(header, name) for name in ("message_id", "encrypted_data_keys", "commitment")}
        )
        own._sealing._cipher = MessageCipher(derive(suite, data_key, header.message_id).content_key, header.message_id)
        if suite is COMMITTING:
            forged = replace(own.header, context=header.context, frame_length=header.frame_length)
            assert by_decrypt(own.message((FINAL, 1, b"pay 9"), body=header_body(forged))) == b"pay 9"
            continue
        for context in (header.context, {**header.context, PUBLIC_KEY_ENTRY: own.header.context[PUBLIC_KEY_ENTRY]}):
            forged = replace(own.header, context=context, frame_length=header.frame_length)
            with pytest.raises((IntegrityError, KeyringError)):
                by_decrypt(own.message((FINAL, 1, b"pay 9"), body=header_body(forged)))


# --- fields that promise more than there is -----------------------------------------------------------------------


@in_memory_and_in_a_stream
def test_65535_wrapped_keys_are_bounded(read: Read) -> None:
    """Refused by their number alone; where they are allowed, the one that is ours opens the message, and soon."""
    forger = Forger()
    (own,) = forger.header.encrypted_data_keys
    foreign = EncryptedDataKey("somebody", b"else", b"wrapped")
    header = replace(forger.header, encrypted_data_keys=(foreign,) * (MAX_ENCRYPTED_DATA_KEYS - 1) + (own,))
    message = forger.message((FINAL, 1, END), body=header_body(header))
    with pytest.raises(PolicyError, match="65535"):
        read(message, Untouched())
    begin = time.monotonic()
    assert read(message, max_encrypted_data_keys=MAX_ENCRYPTED_DATA_KEYS) == END
    assert time.monotonic() - begin < 20


@in_memory_and_in_a_stream
@pytest.mark.parametrize("suite", [COMMITTING, SUITES[0x0178]], ids=str)
def test_fields_that_promise_too_much_take_no_memory(read: Read, suite: Suite) -> None:
    """Each byte of header and front set to its largest, with the one behind it too: no more than 4 MiB for it."""
    message = message_of(bytes(15), suite, context={"a": "b"})
    tracemalloc.start()
    try:
        for at in range(len(message) - 1):
            for wrong in (b"\xff", b"\xff\xff", b"\x7f\xff\xff\xff"):
                changed = message[:at] + wrong + message[at + len(wrong) :]
                if changed[: len(message)] != message:
                    with pytest.raises(S3CSEError):
                        read(changed, commitment="allow", max_encrypted_data_keys=MAX_ENCRYPTED_DATA_KEYS)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@every_reader
@pytest.mark.parametrize("length", [101, 2**32, 2**36 - 32, 2**63, 2**64 - 1])
def test_a_piece_that_promises_too_much_is_refused(read: Read, length: int) -> None:
    """A body in one piece has eight bytes for its length."""
    message = unframed_message_of(bytes(100))
    at = len(message) - 16 - 100 - 8
    assert message[at : at + 8] == (100).to_bytes(8, "big")
    with pytest.raises((EnvelopeError, PolicyError)):
        read(message[:at] + length.to_bytes(8, "big") + message[at + 8 :])


def test_a_reader_of_a_promise_of_4_gib_takes_what_arrives() -> None:
    """A frame length of 4 GiB, allowed by the caller: memory grows with the file only."""
    message = encrypt(bytes(3 << 20), aes_keyring(), frame_length=0xFFFFFFFF)
    tracemalloc.start()
    try:
        reader = MessageReader(io.BytesIO(message[:-1]), aes_keyring(), max_piece_bytes=1 << 40)
        with pytest.raises(EnvelopeError, match="ends within"):
            reader.read(1)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
