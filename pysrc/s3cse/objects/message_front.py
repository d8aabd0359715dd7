"""The front of a stored body: whether a message begins there, and its bytes as its header is read."""

from __future__ import annotations

from collections.abc import Callable

from s3cse.errors import EnvelopeError
from s3cse.message.header import BASE64_STARTS
from s3cse.message.input import cut_short
from s3cse.message.suites import SUITES
from s3cse.wording import Option, Worded

#: How much of a message's front is fetched: a header is longer only with many keys or a long context.
FRONT_BYTES = 8 << 10

#: What says whether a message begins: a version, a type in version 1, and the number of a suite.
START_BYTES = 4

#: Gives stored bytes [start, end).
Bring = Callable[[int, int], bytes]


class Front:
    """The front of a stored message as it is read; more is fetched where its header is longer.

    Args:
        front: the first stored bytes.
        size: of the whole object.
        bring: fetches the others.
    """

    def __init__(self, front: bytes, size: int, bring: Bring) -> None:
        self._data = front
        self._size = size
        self._bring = bring
        self.at = 0

    def take(self, length: int, what: str) -> bytes:
        """See s3cse.message.input.Input."""
        end = self.at + length
        if end > self._size:
            raise cut_short(what, self._size - self.at, length)
        if end > len(self._data):
            more = min(max(end, 2 * len(self._data), FRONT_BYTES), self._size)
            self._data += self._bring(len(self._data), more)
        self.at = end
        return self._data[end - length : end]

    def check_end(self) -> None:
        """See s3cse.message.input.Input; what follows is another's to look at."""

    def before(self) -> bytes:
        """Return all that was taken."""
        return self._data[: self.at]

    def rewind(self) -> None:
        """Begin again."""
        self.at = 0


def is_message(front: bytes) -> bool:
    """Whether stored bytes begin as a message does: a version, and a suite that this version has."""
    version = 2 if front[:1] == b"\x02" else 1 if front[:2] == b"\x01\x80" else 0
    suite = SUITES.get(int.from_bytes(front[3 - version : 5 - version], "big")) if version else None
    return suite is not None and suite.version == version


def no_message(front: bytes) -> EnvelopeError:
    """Return the error for an object that is neither a message nor says anything else of encryption."""
    found = f"the bytes {front[:4].hex()}" if front else "0 bytes"
    if front.startswith(b"PAR1"):
        found = "a plain Parquet file"
    elif front.startswith(BASE64_STARTS):
        found = "what looks like a message's Base64 text"
    return EnvelopeError(
        "the object is no AWS Encryption SDK message, and has no envelope of an S3 format",
        found=found,
        expected="a message, which begins with 01 80, or with 02",
        fix=Worded(
            "read it without {}; if plain objects belong here, allow them with {}",
            Option("profile", "encryption-sdk"),
            Option("plaintext", "pass"),
        ),
    )
