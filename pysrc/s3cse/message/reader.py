"""Messages read piece by piece, in bounded memory; every byte is verified before it is given out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from s3cse.crypto.ciphers import Backend
from s3cse.crypto.memory import wipe
from s3cse.errors import SettingsError
from s3cse.message.frames import REGULAR_OVERHEAD, Piece, check_allowed, count_regular, read_pieces
from s3cse.message.header import Header
from s3cse.message.input import FileInput, Readable
from s3cse.message.limits import (
    DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
    DEFAULT_MAX_PIECE_BYTES,
    Commitment,
    checked_commitment,
    checked_max_keys,
)
from s3cse.message.opening import open_message, read_footer

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

    from s3cse.keyrings.message_keys import MessageKeyring

Signed = Literal["refuse", "release-early"]
#: Of plaintext, that one call of the cipher takes.
_BATCH_BYTES = 1 << 18


class MessageReader(io.RawIOBase):
    """Decrypts a message from ``file``, as a file that is read front to back; the streaming twin of decrypt.

    The header is verified when this returns, and each frame before a byte of it is given out. That the message is whole
    is known at its end only: an empty read says so, an error says that it is not, and what was read before was then a
    true beginning of what was written. The last frame is given out after the end of the message was checked, and its
    signature. Memory: twice the longest piece, or 1 MiB. Not thread-safe. The file, which is read ahead, stays open and
    is its owner's.

    Args:
        file: gives the message.
        keyring, context, commitment, max_encrypted_data_keys, backend: see decrypt.
        signed: the signature stands at the end of a message, so frames would be given out before it is verified.
            ``refuse`` (what the AWS Encryption SDKs call decrypt-unsigned): refuse signed messages, before the keyring
            is asked; decrypt reads them. ``release-early``: give frames out; undo what you did if the end fails.
        max_piece_bytes: the longest frame, or body in one piece, to hold in memory.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError, SettingsError: see decrypt; so do reads.
    """

    def __init__(
        self,
        file: Readable,
        keyring: MessageKeyring,
        *,
        context: Mapping[str, str] | None = None,
        commitment: Commitment = "require",
        max_encrypted_data_keys: int = DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
        signed: Signed = "refuse",
        max_piece_bytes: int = DEFAULT_MAX_PIECE_BYTES,
        backend: Backend | None = None,
    ) -> None:
        super().__init__()
        self._plaintext = bytearray()
        self._at = 0
        self._failed = True  # until all of this has gone well
        limits = checked_commitment(commitment), checked_max_keys(max_encrypted_data_keys)
        refuse = _checked_signed(signed) == "refuse"
        self._source = FileInput(file)
        self._opened = open_message(self._source, keyring, context, *limits, refuse_signed=refuse, backend=backend)
        self._max_piece_bytes = max_piece_bytes
        self._sequence = 1  # of the next frame
        self._ended = False
        self._failed = False

    @property
    def header(self) -> Header:
        """What the message says of itself; verified, but for a signature that is still to come."""
        return self._opened.header

    @property
    def context(self) -> Mapping[str, str]:
        """The whole encryption context; verified likewise."""
        return self._opened.context

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Read up to a buffer full of plaintext; 0: the message ended, and all of it is verified.

        Raises:
            EnvelopeError, IntegrityError, PolicyError: see decrypt. Every later read is refused.
            ValueError: it is closed, or has failed before.
        """
        if self.closed or self._failed:
            raise ValueError("the message has failed before" if self._failed else "the message is closed")
        with memoryview(buffer) as view, view.cast("B") as out:
            if len(out) == 0:
                return 0
            while self._at == len(self._plaintext) and not self._ended:
                self._read_more()
            num = min(len(out), len(self._plaintext) - self._at)
            out[:num] = memoryview(self._plaintext)[self._at : self._at + num]
            self._at += num
            return num

    def close(self) -> None:
        """Wipe what was not read; the file stays open."""
        if not self.closed:
            wipe(self._plaintext)
        super().close()

    def _read_more(self) -> None:
        try:
            if not (self._opened.header.framed and self._read_frames(self._opened.header.frame_length)):
                self._read_last()
            self._at = 0
        except BaseException:
            self._failed = True
            wipe(self._plaintext)
            raise

    def _read_frames(self, frame_length: int) -> bool:
        """Decrypt the regular frames that are here, in one call; False where none comes next."""
        check_allowed(frame_length, self._max_piece_bytes)
        stride = frame_length + REGULAR_OVERHEAD
        here = self._source.ahead(stride)
        count = count_regular(here, self._sequence, frame_length, max(1, _BATCH_BYTES // frame_length))
        if not count:
            return False
        frames = self._source.take(count * stride, "frames")
        self._make_room(count * frame_length)
        with memoryview(self._plaintext) as out:
            self._opened.cipher.open_frames(self._sequence, frame_length, frames, out)
        self._hash(frames)
        self._sequence += count
        return True

    def _read_last(self) -> None:
        """Decrypt the final frame, or the body in one piece, and check that the message ends with it."""
        header = self._opened.header
        piece = next(read_pieces(self._source, header, self._max_piece_bytes, self._sequence))
        self._make_room(piece.length)
        self._opened.cipher.open(piece, self._plaintext)
        self._hash(*_parts(piece))
        read_footer(self._source, header.suite, self._opened.verifier)
        self._ended = True

    def _make_room(self, length: int) -> None:
        if len(self._plaintext) != length:
            wipe(self._plaintext)
            self._plaintext = bytearray(length)

    def _hash(self, *parts: Buffer) -> None:
        if self._opened.verifier is not None:
            for part in parts:
                self._opened.verifier.update(part)


def _parts(piece: Piece) -> tuple[Buffer, ...]:
    return piece.front, piece.ciphertext, piece.tag


def _checked_signed(signed: str) -> str:
    if signed not in ("refuse", "release-early"):
        raise SettingsError(
            "this is no policy for signed messages", found=repr(signed), expected="'refuse' or 'release-early'"
        )
    return signed
