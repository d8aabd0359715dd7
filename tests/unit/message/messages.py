"""Messages of every shape for tests: also the suites and bodies that the product reads but does not write."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from s3cse.crypto.secret import Secret
from s3cse.keyrings import AesKeyring
from s3cse.message.cipher import MessageCipher
from s3cse.message.derivation import derive
from s3cse.message.frames import FramePlan, Kind, piece_iv
from s3cse.message.header import header_body
from s3cse.message.sealing import Sealing
from s3cse.message.suites import COMMITTING, Suite

KEY = bytes(range(1, 33))
FRAME = 10


def aes_keyring(key: bytes = KEY, key_id: str = "key") -> AesKeyring:
    """A raw AES keyring with names."""
    return AesKeyring(key, provider_id="tests", key_id=key_id)


def message_of(
    plaintext: bytes,
    suite: Suite = COMMITTING,
    *,
    frame_length: int = FRAME,
    context: Mapping[str, str] | None = None,
    required_keys: Collection[str] = (),
    keyring: Any = None,
) -> bytes:
    """Return a message in frames of any suite."""
    sealing = Sealing(keyring or aes_keyring(), suite, context or {}, required_keys, frame_length)
    plan = FramePlan(len(plaintext), frame_length)
    body, at, done = bytearray(plan.body_bytes), 0, 0
    for kind, sequence, length in plan:
        at += sealing.seal(kind, sequence, memoryview(plaintext)[done : done + length], memoryview(body)[at:])
        done += length
    return sealing.raw_header + bytes(body) + sealing.footer()


def unframed_message_of(plaintext: bytes, suite: Suite = COMMITTING) -> bytes:
    """Return a message in one piece, of a suite without signature."""
    sealing = Sealing(aes_keyring(), suite, {}, (), 1)
    header = replace(sealing.header, frame_length=0)
    cipher = sealing._cipher
    body = header_body(header)
    out = bytearray(len(plaintext))
    tag = cipher.seal(Kind.SINGLE, 1, memoryview(plaintext), memoryview(out))
    iv = b"" if suite.version == 2 else bytes(12)
    front = body + iv + cipher.header_tag(body)
    return front + piece_iv(1) + len(plaintext).to_bytes(8, "big") + bytes(out) + tag


def cipher_of(suite: Suite, data_key: bytes, message_id: bytes) -> MessageCipher:
    """Return the cipher of a message whose data key is known."""
    return MessageCipher(derive(suite, Secret(data_key), message_id).content_key, message_id)
