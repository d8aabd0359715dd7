"""The Range of a request, in plaintext bytes.

As S3 takes it (RFC 9110 section 14.1.2): what is no valid range is ignored and the whole object comes; a valid range
that meets no byte is 416. S3 answers several ranges with the whole object too; that is refused here, because who asks
for two ranges expects neither.
"""

from __future__ import annotations

import re

from s3cse.errors import SettingsError
from s3cse.objects.ranges import Span
from s3cse.storage.port import Location
from s3cse.storage.s3_errors import refusal

_UNIT = "bytes="
_ONE = re.compile(r"[ \t]*([0-9]{0,4000})-([0-9]{0,4000})[ \t]*")  # Python converts no longer numbers


def requested_span(text: str | None, length: int) -> Span | None:
    """Return the plaintext bytes that a Range asks for.

    Args:
        text: of the Range parameter, such as ``bytes=0-99``, ``bytes=100-``, ``bytes=-16``.
        length: of the plaintext in bytes.

    Returns:
        None where all of the object is asked for; an empty span where no byte is met.
    """
    match = _ONE.fullmatch(text[len(_UNIT) :]) if text and text.lower().startswith(_UNIT) else None
    if match is None:
        return None
    first, last = match.groups()
    if first:
        return _forward(int(first), int(last) if last else None, length)
    return Span(max(length - int(last), 0), length) if last else None


def _forward(first: int, last: int | None, length: int) -> Span | None:
    if last is not None and last < first:
        return None  # not valid, so it is no range at all
    end = length if last is None else min(last + 1, length)
    return Span(min(first, end), end)


def check_range(text: str | None) -> None:
    """Refuse what is never right, before any request.

    Raises:
        SettingsError: several ranges, or a value that is no text.
    """
    if text is not None and not isinstance(text, str):
        raise SettingsError("Range is no text", found=type(text).__name__, expected="'bytes=0-99'")
    if text and text.lower().startswith(_UNIT) and "," in text:
        raise SettingsError(
            "one request has one range", found=repr(text), expected="'bytes=0-99'", fix="ask for each range by itself"
        )


def satisfied_span(location: Location, text: str | None, length: int, operation: str) -> Span | None:
    """Return as ``requested_span`` does.

    Raises:
        S3RequestError: status 416, code InvalidRange: no byte of the object is asked for.
    """
    span = requested_span(text, length)
    if span is not None and not span:
        message = f"The requested range is not satisfiable: {text}, of {length} bytes"
        raise refusal(location, "the range is past the end of the plaintext", operation, 416, "InvalidRange", message)
    return span
