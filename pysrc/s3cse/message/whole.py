"""Whole messages in memory: bytes in, bytes out. Nothing is released before all of it is verified."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import Backend
from s3cse.crypto.memory import NewBytes, wipe
from s3cse.message.body import open_body, read_body, seal_message
from s3cse.message.frames import FramePlan
from s3cse.message.header import Header
from s3cse.message.input import BufferInput
from s3cse.message.limits import (
    DEFAULT_FRAME_LENGTH,
    DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
    Commitment,
    checked_commitment,
    checked_frame_length,
    checked_max_keys,
    checked_threads,
)
from s3cse.message.opening import open_message, read_footer
from s3cse.message.sealing import Sealing
from s3cse.message.suites import COMMITTING, Suite, writable_suite

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

    from s3cse.keyrings.message_keys import MessageKeyring


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A verified message.

    Attributes:
        plaintext: the bytes; not shown by ``repr``.
        header: what the message said of itself.
        context: the whole encryption context, pairs that are not stored included.
    """

    plaintext: bytes = field(repr=False)
    header: Header
    context: Mapping[str, str]


def encrypt(
    plaintext: Buffer,
    keyring: MessageKeyring,
    *,
    context: Mapping[str, str] | None = None,
    required_keys: Collection[str] = (),
    suite: Suite | int = COMMITTING,
    frame_length: int = DEFAULT_FRAME_LENGTH,
    threads: int = 1,
    backend: Backend | None = None,
) -> bytes:
    """Return an Encryption SDK message (version 2, in frames) of the plaintext.

    Args:
        plaintext: any number of bytes; read in place.
        keyring: wraps the data key. A MultiKeyring's ``also_wrap`` gives the message several keys.
        context: the encryption context: stored in clear and authenticated.
        required_keys: names in it whose pairs are authenticated but not stored: who reads has to bring them.
        suite: COMMITTING (0x0478) or COMMITTING_SIGNED (0x0578).
        frame_length: bytes of plaintext in a frame.
        threads: that run the cipher at once, 1 to 64; frames are independent. A signature's hash runs in the caller's
            thread, behind them: it is sequential.
        backend: None: the default one.

    Returns:
        The message; memory beyond it and the plaintext does not grow with them.

    Raises:
        KeyringError: there is no data key to be had.
        SettingsError: an argument is wrong.
    """
    threads, frame_length = checked_threads(threads), checked_frame_length(frame_length)
    with memoryview(plaintext) as given, given.cast("B") as source:
        plan = FramePlan(len(source), frame_length)
        suite = writable_suite(suite)
        sealing = Sealing(keyring, suite, context or {}, required_keys, frame_length, plan.length, backend)
        out = NewBytes(len(sealing.raw_header) + plan.body_bytes + sealing.footer_bytes)
        with out.view() as view:
            seal_message(sealing, plan, source, view, threads)
    return out.taken()


def decrypt(
    message: Buffer,
    keyring: MessageKeyring,
    *,
    context: Mapping[str, str] | None = None,
    commitment: Commitment = "require",
    max_encrypted_data_keys: int = DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
    threads: int = 1,
    backend: Backend | None = None,
) -> Decrypted:
    """Return the plaintext of a message, all of it verified: header, every piece, signature, nothing after the end.

    Args:
        message: the whole message, of version 1 or 2; read in place.
        keyring: unwraps the data key.
        context: pairs that the message must have. Those that are stored must be equal; those that are not are
            authenticated, as the writer's ``required_keys`` said.
        commitment: ``require``: suites 0x0478 and 0x0578 only; ``allow``: all suites.
        max_encrypted_data_keys: refuse more wrapped keys than that, before any is tried.
        threads: that run the cipher at once, as in encrypt.
        backend: None: the default one.

    Raises:
        EnvelopeError: this is no message, or it breaks the format, was cut short or has something after its end.
        PolicyError: the suite, the number of wrapped keys or the context is not what is allowed.
        KeyringError: the keyring does not open it.
        IntegrityError: it does not verify. Nothing is released.
        SettingsError: an argument is wrong.
    """
    threads = checked_threads(threads)
    source = BufferInput(message)
    limits = checked_commitment(commitment), checked_max_keys(max_encrypted_data_keys)
    opened = open_message(source, keyring, context, *limits, backend=backend)
    found = read_body(source, opened.header)
    out = NewBytes(found.length)
    with out.view() as view:
        try:
            open_body(opened, found, view, threads)
            read_footer(source, opened.header.suite, opened.verifier)
        except BaseException:
            wipe(view)
            raise
    return Decrypted(out.taken(), opened.header, opened.context)
