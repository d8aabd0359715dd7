"""Sealing the parts of a message that a caller cuts himself: in any order, as each part holds whole frames.

A part that comes again must have the same content, else it is refused before it is sent: other bytes under the same key
and frame numbers would be a two-time pad. It is known again by the SHA-256 of its ciphertext: sealing is deterministic,
so the same ciphertext means the same content, and the digest of what S3 sees is no secret.
"""

from __future__ import annotations

import hashlib
import hmac
from threading import Lock

from s3cse.client.part_seals import other_content
from s3cse.message.frames import FINAL_OVERHEAD, REGULAR_OVERHEAD, Kind
from s3cse.message.sealing import Sealing


class MessageSealer:
    """See PartSealer. The first part has the header in front, and the last one ends with the final frame.

    Args:
        sealing: of an unsigned suite: signatures are over frames in their order.
    """

    #: Parts may come in any order, the last one too.
    last_waits = False

    def __init__(self, sealing: Sealing) -> None:
        self._sealing: Sealing | None = sealing
        self._lock = Lock()
        self._digests: dict[int, bytes] = {}

    def seal(self, number: int, offset: int, part: bytearray) -> None:
        """See PartSealer."""
        self._seal(number, offset, part, last=False)

    def seal_last(self, number: int, offset: int, part: bytearray) -> None:
        """See PartSealer."""
        self._seal(number, offset, part, last=True)

    def _seal(self, number: int, offset: int, part: bytearray, *, last: bool) -> None:
        sealing = self._sealing
        if sealing is None:
            raise ValueError("the upload is completed or aborted")
        out = bytearray(sealing.raw_header) if number == 1 else bytearray()
        with memoryview(part) as plaintext:
            out += _frames(sealing, offset, plaintext, last=last)
        digest = hashlib.sha256(out).digest()
        with self._lock:  # noted before it is sent: of two contents only the first can leave this process
            same = hmac.compare_digest(self._digests.setdefault(number, digest), digest)
        if not same:
            raise other_content(number)
        part[:] = out

    def close(self) -> None:
        """See PartSealer; the key goes with the last part on its way."""
        self._sealing = None


def _frames(sealing: Sealing, offset: int, plaintext: memoryview, *, last: bool) -> bytearray:
    """Return the frames of a part, which begins with one; the last part ends with the final frame."""
    frame_length = sealing.header.frame_length
    first = offset // frame_length
    regular = max(0, -(-len(plaintext) // frame_length) - 1) if last else len(plaintext) // frame_length
    at = regular * frame_length
    out = bytearray(len(plaintext) + regular * REGULAR_OVERHEAD + (FINAL_OVERHEAD if last else 0))
    with memoryview(out) as view:
        done = sealing.seal_regular(first + 1, plaintext[:at], view) if regular else 0
        if last:
            sealing.seal(Kind.FINAL, first + regular + 1, plaintext[at:], view[done:])
    return out
