"""What a message's key does: the header's tag, and its pieces, each a GCM message over the caller's buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import GCM_IV_BYTES, Backend
from s3cse.crypto.memory import wipe
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError
from s3cse.message.frames import REGULAR_OVERHEAD, Kind, Piece, does_not_verify, piece_aad, piece_iv

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer


class MessageCipher:
    """The key of one message. Calls share nothing that changes: threads may work on several pieces at once.

    Args:
        key: derived for this message.
        message_id: of the header, in every piece's authenticated data.
        backend: None: the default one.
    """

    def __init__(self, key: Secret, message_id: bytes, backend: Backend | None = None) -> None:
        self._key = key
        self._message_id = message_id
        self._backend = backend or default_backend()

    def header_tag(self, authenticated: bytes) -> bytes:
        """Return the tag of a header that is written: its IV is zero."""
        with self._backend.gcm_encryptor(self._key.view(), bytes(GCM_IV_BYTES), authenticated) as cipher:
            return cipher.finalize()

    def verify_header(self, iv: bytes, authenticated: bytes, tag: bytes) -> None:
        """Verify a header.

        Raises:
            IntegrityError: another key, another context, or changed.
        """
        try:
            with self._backend.gcm_decryptor(self._key.view(), iv, authenticated) as cipher:
                cipher.finalize(tag)
        except IntegrityError:
            raise header_does_not_verify() from None

    def seal(self, kind: Kind, sequence: int, plaintext: memoryview, out: memoryview) -> bytes:
        """Write a piece's ciphertext to ``out``, of the same length, and return its tag. Copies nothing."""
        aad = piece_aad(self._message_id, kind, sequence, len(plaintext))
        with self._backend.gcm_encryptor(self._key.view(), piece_iv(sequence), aad) as cipher:
            cipher.update_into(plaintext, out)
            return cipher.finalize()

    def seal_frames(self, first_sequence: int, frame_length: int, plaintext: memoryview, out: memoryview) -> None:
        """Write whole regular frames to ``out``, which has room for them; one call for all of them."""
        key, message_id = self._key.view(), self._message_id
        self._backend.seal_frames(key, message_id, first_sequence, frame_length, plaintext, out)

    def open_frames(self, first_sequence: int, frame_length: int, frames: memoryview, out: memoryview) -> None:
        """Write the plaintext of whole regular frames to ``out``; one call for all of them.

        Raises:
            IntegrityError: one does not verify; ``out`` holds zeros.
        """
        key, message_id = self._key.view(), self._message_id
        try:
            self._backend.open_frames(key, message_id, first_sequence, frame_length, frames, out)
        except IntegrityError:
            raise does_not_verify(Kind.REGULAR, self._first_wrong(first_sequence, frame_length, frames)) from None

    def _first_wrong(self, first_sequence: int, frame_length: int, frames: memoryview) -> int:
        stride, scratch = frame_length + REGULAR_OVERHEAD, bytearray(frame_length)
        key, message_id, sequence = self._key.view(), self._message_id, first_sequence
        try:
            for at in range(0, len(frames), stride):
                frame = frames[at : at + stride]
                self._backend.open_frames(key, message_id, sequence, frame_length, frame, scratch)
                sequence += 1
        except IntegrityError:
            pass
        finally:
            wipe(scratch)
        return sequence

    def open(self, piece: Piece, out: Buffer) -> None:
        """Write a piece's plaintext to ``out``, of the same length. Copies nothing.

        Raises:
            IntegrityError: it does not verify; ``out`` holds zeros.
        """
        aad = piece_aad(self._message_id, piece.kind, piece.sequence, piece.length)
        verified = False
        try:
            with self._backend.gcm_decryptor(self._key.view(), piece.iv, aad) as cipher:
                cipher.update_into(piece.ciphertext, out)
                cipher.finalize(piece.tag)
                verified = True
        except IntegrityError:
            raise does_not_verify(piece.kind, piece.sequence) from None
        finally:
            if not verified:
                wipe(out)


def header_does_not_verify() -> IntegrityError:
    """Return the one error for a header under another key or context, or changed."""
    return IntegrityError(
        "the message's header does not verify",
        expected="the header, the key and the encryption context that the message was written with",
        fix="check the context, pairs that are not stored too; else the message was changed: restore it",
    )
