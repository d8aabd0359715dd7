"""Whole messages in memory: bytes in, bytes out. Nothing is released before all of it is verified."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import Backend
from s3cse.message.cipher import wipe
from s3cse.message.frames import REGULAR_OVERHEAD, FramePlan, Kind, count_regular, read_pieces
from s3cse.message.header import Header
from s3cse.message.input import BufferInput
from s3cse.message.limits import (
    DEFAULT_FRAME_LENGTH,
    DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
    Commitment,
    checked_commitment,
    checked_frame_length,
    checked_max_keys,
)
from s3cse.message.opening import Opened, open_message, read_footer
from s3cse.message.sealing import Sealing
from s3cse.message.suites import COMMITTING, Suite, writable_suite

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

    from s3cse.keyrings.message_keys import MessageKeyring


_BATCH_BYTES = 1 << 20  # of plaintext, that one call of the cipher takes


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
        backend: None: the default one.

    Returns:
        The message; memory beyond it and the plaintext does not grow with them.

    Raises:
        KeyringError: there is no data key to be had.
        SettingsError: an argument is wrong.
    """
    plan = FramePlan(memoryview(plaintext).nbytes, checked_frame_length(frame_length))
    sealing = Sealing(keyring, writable_suite(suite), context or {}, required_keys, frame_length, plan.length, backend)
    at = len(sealing.raw_header)
    out = _Output(at + plan.body_bytes + sealing.footer_bytes)
    with memoryview(plaintext).cast("B") as source, out.view() as view:
        view[:at] = sealing.raw_header
        for first, done, length in _batches(plan):
            at += sealing.seal_regular(first, source[done : done + length], view[at:])
        rest = source[plan.num_regular * frame_length :]
        at += sealing.seal(Kind.FINAL, plan.num_regular + 1, rest, view[at:])
        view[at:] = sealing.footer()
    return out.taken(len(out))


def decrypt(
    message: Buffer,
    keyring: MessageKeyring,
    *,
    context: Mapping[str, str] | None = None,
    commitment: Commitment = "require",
    max_encrypted_data_keys: int = DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
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
        backend: None: the default one.

    Raises:
        EnvelopeError: this is no message, or it breaks the format, was cut short or has something after its end.
        PolicyError: the suite, the number of wrapped keys or the context is not what is allowed.
        KeyringError: the keyring does not open it.
        IntegrityError: it does not verify. Nothing is released.
        SettingsError: an argument is wrong.
    """
    source = BufferInput(message)
    limits = checked_commitment(commitment), checked_max_keys(max_encrypted_data_keys)
    opened = open_message(source, keyring, context, *limits, backend=backend)
    plaintext = _read_body(source, opened)
    return Decrypted(plaintext, opened.header, opened.context)


def _batches(plan: FramePlan) -> Iterator[tuple[int, int, int]]:
    """Give the first number, the place and the length of each batch of regular frames."""
    at_once = _frames_at_once(plan.frame_length)
    for before in range(0, plan.num_regular, at_once):
        count = min(at_once, plan.num_regular - before)
        yield before + 1, before * plan.frame_length, count * plan.frame_length


def _frames_at_once(frame_length: int) -> int:
    # The signature's hash then reads what is still in the processor's cache, and an interrupt waits no longer.
    return max(1, _BATCH_BYTES // frame_length)


def _read_body(source: BufferInput, opened: Opened) -> bytes:
    start, length = source.at, 0
    out = _Output(len(source.view) - start)
    with out.view() as view:
        try:
            sequence = 1
            if opened.header.framed:
                length = _open_regular(source, opened, view)
                sequence += length // opened.header.frame_length
            for piece in read_pieces(source, opened.header, first_sequence=sequence):
                opened.cipher.open(piece, view[length : length + piece.length])
                length += piece.length
            if opened.verifier is not None:
                opened.verifier.update(source.view[start : source.at])
            read_footer(source, opened.header.suite, opened.verifier)
        except BaseException:
            wipe(view)
            raise
    return out.taken(length)


def _open_regular(source: BufferInput, opened: Opened, view: memoryview) -> int:
    """Decrypt the regular frames that the body begins with, as many as are whole and in order; return their length."""
    frame_length, length = opened.header.frame_length, 0
    stride, at_once = frame_length + REGULAR_OVERHEAD, _frames_at_once(frame_length)
    while True:
        sequence = length // frame_length + 1
        count = count_regular(source.view[source.at :], sequence, frame_length, at_once)
        if count == 0:
            return length
        frames, end = source.take(count * stride, "frames"), length + count * frame_length
        opened.cipher.open_frames(sequence, frame_length, frames, view[length:end])
        length = end


class _Output:
    """Memory of a known size that becomes bytes without a copy: CPython's BytesIO gives away its own object."""

    def __init__(self, size: int) -> None:
        self._file = io.BytesIO(bytes(size))
        self._size = size

    def __len__(self) -> int:
        return self._size

    def view(self) -> memoryview:
        """Return the memory; release the view before the bytes are taken."""
        return self._file.getbuffer()

    def taken(self, size: int) -> bytes:
        """Return the first ``size`` bytes."""
        self._file.truncate(size)
        return self._file.getvalue()
