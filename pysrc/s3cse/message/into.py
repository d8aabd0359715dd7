"""Whole messages between buffers that the caller gives: no memory is taken, and one buffer serves for many messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from s3cse.crypto.buffers import check_apart, writable
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.memory import wipe
from s3cse.errors import SettingsError
from s3cse.message.body import open_body, read_body, seal_message
from s3cse.message.frames import FramePlan
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
from s3cse.message.signature import footer_bytes
from s3cse.message.suites import COMMITTING, Suite, writable_suite

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

    from s3cse.keyrings.message_keys import MessageKeyring

#: For a header: a context and the wrapped keys of some key services fit well into it.
_HEADER_ROOM = 8192


def message_room(
    plaintext_bytes: int, *, suite: Suite | int = COMMITTING, frame_length: int = DEFAULT_FRAME_LENGTH
) -> int:
    """Return how long a buffer for ``encrypt_into`` should be.

    It has 8 KiB for the header: enough for a usual context and a dozen wrapped keys. With more of them ``encrypt_into``
    says what is missing.

    Raises:
        SettingsError: an argument is wrong.
    """
    plan = FramePlan(plaintext_bytes, checked_frame_length(frame_length))
    return _HEADER_ROOM + plan.body_bytes + footer_bytes(writable_suite(suite))


def encrypt_into(
    plaintext: Buffer,
    out: Buffer,
    keyring: MessageKeyring,
    *,
    context: Mapping[str, str] | None = None,
    required_keys: Collection[str] = (),
    suite: Suite | int = COMMITTING,
    frame_length: int = DEFAULT_FRAME_LENGTH,
    threads: int = 1,
    backend: Backend | None = None,
) -> int:
    """Write an Encryption SDK message to the start of ``out`` and return its length. See encrypt.

    Args:
        plaintext: any number of bytes; read in place.
        out: any writable contiguous buffer (bytearray, memoryview, pyarrow.allocate_buffer, mmap) that does not overlap
            the plaintext; ``message_room`` says how long. What is behind the message stays as it was.
        keyring, context, required_keys, suite, frame_length, threads, backend: see encrypt.

    Raises:
        KeyringError: there is no data key to be had.
        SettingsError: an argument is wrong, or ``out`` is too small; nothing was written then. After any other failure
            there are zeros where the message would have been.
        TypeError: ``out`` is not writable, or not contiguous.
    """
    suite, frame_length, threads = writable_suite(suite), checked_frame_length(frame_length), checked_threads(threads)
    with memoryview(plaintext) as given, given.cast("B") as source, writable(out) as target:
        plan = FramePlan(len(source), frame_length)
        _check_room(target, plan.body_bytes + footer_bytes(suite), "and a header, which is about 200 to 1000 bytes")
        sealing = Sealing(keyring, suite, context or {}, required_keys, frame_length, plan.length, backend)
        size = len(sealing.raw_header) + plan.body_bytes + sealing.footer_bytes
        _check_room(target, size, "in all")
        _check_apart(source, target, size)
        with target[:size] as view:
            try:
                seal_message(sealing, plan, source, view, threads)
            except BaseException:
                wipe(view)
                raise
        return size


def decrypt_into(
    message: Buffer,
    out: Buffer,
    keyring: MessageKeyring,
    *,
    context: Mapping[str, str] | None = None,
    commitment: Commitment = "require",
    max_encrypted_data_keys: int = DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
    threads: int = 1,
    backend: Backend | None = None,
) -> int:
    """Write the plaintext of a message to the start of ``out`` and return its length. See decrypt.

    ``out`` holds plaintext that is not yet verified while this runs: look at it when it has returned.

    Args:
        message: the whole message, of version 1 or 2; read in place.
        out: any writable contiguous buffer that does not overlap the message. The length of the message is always
            enough. What is behind the plaintext stays as it was.
        keyring, context, commitment, max_encrypted_data_keys, threads, backend: see decrypt.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError: see decrypt. Where the plaintext would have been there
            are zeros, or what was there before.
        SettingsError: an argument is wrong, or ``out`` is too small; nothing was written.
        TypeError: ``out`` is not writable, or not contiguous.
    """
    limits = checked_commitment(commitment), checked_max_keys(max_encrypted_data_keys)
    threads = checked_threads(threads)
    source = BufferInput(message)
    with writable(out) as target:
        opened = open_message(source, keyring, context, *limits, backend=backend)
        found = read_body(source, opened.header)
        _check_room(target, found.length, "for the plaintext")
        _check_apart(source.view, target, found.length)
        with target[: found.length] as view:
            try:
                open_body(opened, found, view, threads)
                read_footer(source, opened.header.suite, opened.verifier)
            except BaseException:
                wipe(view)
                raise
        return found.length


def _check_room(target: memoryview, needed: int, what: str) -> None:
    if len(target) < needed:
        raise SettingsError(
            "the output buffer is too small",
            found=f"{len(target)} bytes",
            expected=f"at least {needed} bytes {what}",
            fix="give a longer one: message_room(len(plaintext)) to encrypt, len(message) to decrypt",
        )


def _check_apart(source: memoryview, target: memoryview, needed: int) -> None:
    try:
        check_apart(source, target, needed)
    except ValueError:
        raise SettingsError(
            "the output buffer overlaps the input",
            expected="memory of its own: a message is longer than its plaintext",
            fix="give another buffer",
        ) from None
