"""Messages as objects, to be read and damaged."""

from __future__ import annotations

from typing import Any

from s3cse.crypto.ciphers import Backend
from s3cse.keyrings import AesKeyring
from s3cse.keyrings.base import Keyring
from s3cse.message import Suite
from s3cse.message.frames import Kind
from s3cse.message.sealing import Sealing
from s3cse.message.suites import COMMITTING
from s3cse.objects.open import OpenObject, open_object
from s3cse.objects.policy import Policy

from .fakes import PLACE, RecordingStore

FRAME = 64


def raw_key(name: str = "a") -> AesKeyring:
    """A keyring that knows messages."""
    return AesKeyring(name[:1].encode() * 32, provider_id="tests", key_id=name)


def message_of(
    plaintext: bytes,
    *,
    suite: Suite = COMMITTING,
    frame_length: int = FRAME,
    keyring: Keyring | None = None,
    context: dict[str, str] | None = None,
    in_one_piece: bool = False,
) -> bytes:
    """Return a message of any suite, which the package itself does not write."""
    length = 0 if in_one_piece else frame_length
    sealing = Sealing(keyring or raw_key(), suite, context or {}, (), length)
    out = [sealing.raw_header]
    if in_one_piece:
        tag = bytearray(len(plaintext))
        cipher = sealing._cipher
        found = cipher.seal(Kind.SINGLE, 1, memoryview(plaintext), memoryview(tag))
        body = (1).to_bytes(12, "big") + len(plaintext).to_bytes(8, "big") + tag + found
        if sealing._signer is not None:
            sealing._signer.update(body)
        out.append(body)
    else:
        regular = max(0, -(-len(plaintext) // length) - 1)
        for sequence in range(1, regular + 2):
            kind = Kind.FINAL if sequence == regular + 1 else Kind.REGULAR
            frame = (
                plaintext[(sequence - 1) * length :]
                if kind is Kind.FINAL
                else plaintext[(sequence - 1) * length :][:length]
            )
            room = bytearray(len(frame) + 100)
            size = sealing.seal(kind, sequence, memoryview(frame), memoryview(room))
            out.append(bytes(room[:size]))
    return b"".join([*out, sealing.footer()])


def opened_message(
    store: RecordingStore,
    body: bytes | None = None,
    *,
    keyring: Keyring | None = None,
    policy: Policy | None = None,
    profile: str | None = "encryption-sdk",
    backend: Backend | None = None,
    **more: Any,
) -> OpenObject:
    """Store a message, if one is given, and open the object."""
    if body is not None:
        store.put(PLACE, body)
    return open_object(
        store, keyring or raw_key(), PLACE, policy or Policy(), profile=profile, tail_bytes=32, backend=backend, **more
    )
