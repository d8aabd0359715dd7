"""What the headers of S3's answers say, checked: a server or proxy in between may not keep to what was asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from s3cse.errors import TransferError
from s3cse.storage.port import Location, StoredObject
from s3cse.storage.s3_errors import cut_short, translated

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_PARTIAL = 206
_NO_DETAILS = ("Body", "Metadata", "ContentRange", "ContentLength", "ETag", "Bucket", "Key")
_READ_BYTES = 1 << 18  # what a connection that breaks can cost


def content_range(location: Location, answer: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the offset of the first byte in the answer's body, that behind the last, and the object's size.

    An answer without Content-Range holds the whole object, unless it says that it is partial.

    Raises:
        TransferError: the headers do not tell.
    """
    text = answer.get("ContentRange")
    if text is not None:
        match = _CONTENT_RANGE.fullmatch(text)
        if match is not None:
            first, last, size = map(int, match.groups())
            if first <= last < size:
                return first, last + 1, size
    elif answer.get("ResponseMetadata", {}).get("HTTPStatusCode") != _PARTIAL and "ContentLength" in answer:
        size = int(answer["ContentLength"])
        return 0, size, size
    raise wrong_range(location, repr(text), "Content-Range: bytes FIRST-LAST/SIZE, or a Content-Length")


def wrong_range(location: Location, found: str, expected: str) -> TransferError:
    """Return the error for an answer whose bytes are not the ones asked for."""
    return TransferError(
        "the answer holds another range than was asked for",
        uri=location.uri,
        found=found,
        expected=expected,
        fix="the server, or a proxy before it, does not honour Range: use one that does",
    )


def stored_object(location: Location, answer: Mapping[str, Any]) -> StoredObject:
    """Return what the headers of a GET or HEAD say about the object.

    Raises:
        TransferError: no size, or no ETag, without which two requests cannot be known to meet one object.
    """
    _, _, size = content_range(location, answer)
    metadata: dict[str, str] = {}
    doubled: list[str] = []
    for name, value in answer.get("Metadata", {}).items():
        lower = name.lower()
        if lower in metadata:
            doubled.append(lower)
        metadata[lower] = value
    etag = answer.get("ETag")
    if not etag:
        raise TransferError(
            "the answer has no ETag",
            uri=location.uri,
            found="none",
            expected="an ETag",
            fix="use a server that has them",
        )
    return StoredObject(location, size, etag, metadata, tuple(doubled), details(answer))


def details(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else an answer says, under boto3's names: of the object, and of the request (ResponseMetadata)."""
    return {name: value for name, value in answer.items() if name not in _NO_DETAILS}


def fill(location: Location, body: Any, view: memoryview) -> tuple[int, TransferError | None]:
    """Read a body into the view: the number of bytes that came, and what stopped it early, if anything did."""
    done = 0
    try:
        with translated(location, "send"):
            while done < len(view):
                count = body.readinto(view[done : done + _READ_BYTES])
                if not count:
                    return done, cut_short(location, done, len(view))
                done += count
    except TransferError as error:
        return done, error
    return done, None
