"""Messages by somebody who has the key and breaks the format: every tag and every signature fits, the rest need not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes

from s3cse.message.frames import Kind, front_of
from s3cse.message.header import header_body
from s3cse.message.sealing import Sealing
from s3cse.message.signature import _HASHES
from s3cse.message.suites import COMMITTING, Suite

from .messages import FRAME, aes_keyring

Frame = tuple[Kind, int, bytes]
REGULAR, FINAL = Kind.REGULAR, Kind.FINAL


class Forger:
    """One message's key, header and signing key.

    Args:
        suite: of the message.
        fields: replace those of its header.
    """

    def __init__(self, suite: Suite = COMMITTING, **fields: Any) -> None:
        self._sealing = Sealing(aes_keyring(), suite, {"a": "b"}, (), FRAME)
        self.header = replace(self._sealing.header, **fields)

    def message(
        self, *frames: Frame, body: bytes | None = None, footer: bytes | None = None, end: bytes = b""
    ) -> bytes:
        """Return the message of these frames.

        Args:
            frames: sealed as they are, in this order.
            body: of the header, instead of its own; its tag fits.
            footer: instead of the signature.
            end: after everything.
        """
        authenticated = header_body(self.header) if body is None else body
        iv = b"" if self.header.suite.version == 2 else bytes(12)
        signed = authenticated + iv + self._sealing._cipher.header_tag(authenticated) + self._body(frames)
        return signed + (self._footer(signed) if footer is None else footer) + end

    def _body(self, frames: Sequence[Frame]) -> bytes:
        return b"".join(self.frame(*frame) for frame in frames)

    def frame(self, kind: Kind, sequence: int, content: bytes) -> bytes:
        """Return one frame."""
        out = bytearray(len(content))
        tag = self._sealing._cipher.seal(kind, sequence, memoryview(content), memoryview(out))
        return front_of(kind, sequence, len(content)) + bytes(out) + tag

    def _footer(self, signed: bytes) -> bytes:
        signer, curve = self._sealing._signer, self.header.suite.curve
        if signer is None or curve is None:
            return b""
        signer._hash = hashes.Hash(_HASHES[curve])
        signer.update(signed)
        return signer.footer()
