"""What :mod:`faults.s3_proxy` can do to requests, and to which: all data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(slots=True)
class LoggedRequest:
    """One line of the log.

    ``bytes`` counts what was sent of the answer's body; it and ``status`` (None: no answer) are set before the client
    can see the answer.
    """

    method: str
    bucket: str
    key: str
    query: str
    range: str | None
    status: int | None = None
    bytes: int = 0

    def matches(self, method: str | None, key: str, query: str) -> bool:
        """Tell whether it has the method, a key like the glob, and each of the query's ``name`` or ``name=value``."""
        pairs = self.query.split("&")
        known = {*pairs, *(pair.partition("=")[0] for pair in pairs), ""}
        return method in (None, self.method) and fnmatchcase(self.key, key) and known.issuperset(query.split("&"))


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection: without forwarding the request, or after ``after`` bytes of the answer's body."""

    after: int | None = None


@dataclass(frozen=True, slots=True)
class Truncate:
    """Close the connection in order after ``after`` bytes of the answer's body, whatever its headers promise."""

    after: int


@dataclass(frozen=True, slots=True)
class Flip:
    """Change one byte of the answer's body: exclusive-or the one at offset ``at`` with ``mask``."""

    at: int
    mask: int = 0x01


@dataclass(frozen=True, slots=True)
class Stall:
    """Wait ``seconds`` before the answer, or after ``after`` bytes of its body."""

    seconds: float
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer without forwarding the request."""

    status: int
    body: bytes = b""
    content_type: str = "application/xml"

    @classmethod
    def error(cls, status: int, code: str) -> Answer:
        """Return an S3 error document; CompleteMultipartUpload and CopyObject may carry one with status 200."""
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>on demand</Message></Error>'
        return cls(status, text.encode())


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """Forward the request, let the server finish it, and reset the connection."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function before the request is forwarded, or when it is done and the client still waits for the end."""

    before: Callable[[LoggedRequest], object] | None = None
    after: Callable[[LoggedRequest], object] | None = None


SLOW_DOWN = Answer.error(503, "SlowDown")
Action = Reset | Truncate | Flip | Stall | Answer | LoseAnswer | Call


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to which requests.

    Args:
        action: what happens.
        method: the HTTP method; None means any.
        key: a glob that the object's key matches; a bucket's own requests have the key "".
        query: ``name`` or ``name=value`` that the query string has, several joined by ``&``, such as ``partNumber=2``
            (UploadPart), ``uploads`` (CreateMultipartUpload), ``uploadId`` with POST (CompleteMultipartUpload).
        nth: only the nth such request, counted from 1 and from :meth:`S3Proxy.fail`; None means every one.
    """

    action: Action
    method: str | None = None
    key: str = "*"
    query: str = ""
    nth: int | None = None


class CutError(Exception):
    """The answer's body ends here, too early."""


def altered(pieces: Iterator[bytes], action: Action | None, request: LoggedRequest) -> Iterator[bytes]:
    """Return an answer's body as an action leaves it; iterating raises :class:`CutError` where it is to end early."""
    match action:
        case Flip(at=at, mask=mask):
            return _flipped(pieces, at, mask)
        case Reset(after=int(after)) | Truncate(after=after):
            return _cut(pieces, after)
        case Stall(seconds=seconds, after=after):
            return _stalled(pieces, seconds, after or 0)
        case Call(after=hook) if hook is not None:
            return _followed(pieces, lambda: hook(request))
    return pieces


def _split(pieces: Iterator[bytes], at: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the pieces with one border at offset ``at``, each with whether it begins there."""
    offset = 0
    for piece in pieces:
        here = at - offset
        if 0 < here < len(piece):
            yield piece[:here], False
            piece = piece[here:]
            offset += here
        yield piece, offset == at
        offset += len(piece)


def _flipped(pieces: Iterator[bytes], at: int, mask: int) -> Iterator[bytes]:
    for piece, begins in _split(pieces, at):
        yield bytes([piece[0] ^ mask]) + piece[1:] if begins else piece


def _cut(pieces: Iterator[bytes], after: int) -> Iterator[bytes]:
    for piece, begins in _split(pieces, after):
        if begins:
            raise CutError
        yield piece


def _stalled(pieces: Iterator[bytes], seconds: float, after: int) -> Iterator[bytes]:
    if after == 0:
        time.sleep(seconds)
    for piece, begins in _split(pieces, after):
        if begins and after:
            time.sleep(seconds)
        yield piece


def _followed(pieces: Iterator[bytes], hook: Callable[[], object]) -> Iterator[bytes]:
    """Call the hook when all is fetched, while the last piece is still held back."""
    held = b""
    for piece in pieces:
        yield held
        held = piece
    hook()
    yield held
