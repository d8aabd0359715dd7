"""get_object and head_object."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from s3cse.client.answers import description
from s3cse.client.body import PlaintextBody
from s3cse.client.http_range import check_range, satisfied_span
from s3cse.client.setup import Setup
from s3cse.errors import IntegrityError
from s3cse.objects.describe import Description
from s3cse.objects.naming import naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span, cut
from s3cse.objects.reader import read_unverified_ranges
from s3cse.objects.streaming import read_stream
from s3cse.objects.verified_ranges import WHOLE_BYTES, read_verified
from s3cse.storage.port import Location, StoredObject
from s3cse.storage.s3 import S3Store
from s3cse.storage.s3_errors import refusal

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What a HEAD of a CBC object fetches: its last block, and the one before it.
_LAST_BLOCKS = 32


def get_object(setup: Setup, location: Location, range_text: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    check_range(range_text)
    opened = setup.open(setup.reading(location, "get_object", given), location)
    span = satisfied_span(location, range_text, opened.plaintext_bytes, "GetObject")
    answer = description(opened.stored, opened.plaintext_bytes, span)
    chunks = plaintext(opened, span, setup.policy.integrity)
    answer["Body"] = PlaintextBody(chunks, answer["ContentLength"])
    return answer


def plaintext(opened: OpenObject, span: Span | None, integrity: str) -> Generator[Buffer, None, None]:
    """Return the chunks of an object's plaintext, or of a range of it, verified as far as ``integrity`` says.

    - GCM, ``strict``: verified before the first chunk, ranges too. ``verify-indexed``: all of an object likewise.
    - GCM, ``stream`` and ``none``: all of an object comes as it arrives, and the verdict with its end.
    - Messages: every frame before it is released, whatever the rules; a signature as the tag of GCM.
    - Ranges under ``verify-indexed`` and ``none``, and all of CBC and plain objects: nothing verifies them.

    Args:
        span: in plaintext bytes; None: all.
    """
    if not opened.authenticated:
        return read_stream(opened) if span is None else _unverified(opened, span)
    if span is None and integrity in ("stream", "none"):
        return read_stream(opened)
    if span is None or integrity in ("strict", "stream"):
        return _verified(opened, span or Span(0, opened.plaintext_bytes))
    return _unverified(opened, span)


def _verified(opened: OpenObject, span: Span) -> Generator[Buffer, None, None]:
    with closing(read_verified(opened, span)) as views:
        yield from views


def _unverified(opened: OpenObject, span: Span) -> Generator[Buffer, None, None]:
    for piece in cut(span, WHOLE_BYTES):
        yield read_unverified_ranges(opened, [piece])[0]


def head_object(setup: Setup, location: Location, range_text: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    check_range(range_text)
    store = setup.reading(location, "head_object", given, "head_object")
    with naming(location):
        stored = existing(store, location)
        length = plaintext_bytes(setup, store, setup.describe(store, stored))
    span = satisfied_span(location, range_text, length, "HeadObject")
    return description(stored, length, span)


def existing(store: S3Store, location: Location) -> StoredObject:
    """Return an object's headers.

    Raises:
        S3RequestError: status 404: there is none.
    """
    stored = store.head(location)
    if stored is None:
        raise refusal(location, "there is no such object", "HeadObject", 404, "404", "Not Found")
    return stored


def plaintext_bytes(setup: Setup, store: S3Store, described: Description) -> int:
    """Return the plaintext length of an object that has been described, under the client's rules.

    GCM and messages: no request. CBC: one GET and one call of the key service, because only the last block says it.
    """
    described.check(setup.policy, setup.profile)
    length = described.plaintext_bytes
    if length is None:
        stored = described.stored
        same = store.sending({"get_object": {"IfMatch": stored.etag}}, about=stored.location)
        return setup.open(same, stored.location, _LAST_BLOCKS).plaintext_bytes
    if length < 0:
        raise IntegrityError(
            "no AES/GCM object has this length",
            found=f"{described.stored.size} bytes",
            expected="at least 16 bytes",
            fix="the object is truncated or damaged: restore it from a copy you trust",
        )
    return length
