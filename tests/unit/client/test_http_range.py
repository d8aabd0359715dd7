"""Range headers, as S3 takes them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from s3cse.client.http_range import check_range, requested_span, satisfied_span
from s3cse.errors import SettingsError, TransferError
from s3cse.objects.ranges import Span
from s3cse.storage.port import Location

PLACE = Location("bucket", "key")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-0", Span(0, 1)), ("bytes=3-5", Span(3, 6)), ("bytes=3-", Span(3, 10)), ("bytes=-4", Span(6, 10)),
        ("bytes=-40", Span(0, 10)), ("bytes=9-400", Span(9, 10)), ("BYTES= 1-2 ", Span(1, 3)),
    ],
)  # fmt: skip
def test_valid_ranges(text: str, span: Span) -> None:
    """First and last byte, open end, last bytes; the end is clamped."""
    assert requested_span(text, 10) == span


@pytest.mark.parametrize(
    "text",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "items=0-1", "bytes=0", "0-1", "bytes=--1",
     "bytes=1-2-3", "bytes=٣-٤", "bytes=0x1-2", "bytes=" + "9" * 5000 + "-"],
)  # fmt: skip
def test_invalid_ranges_are_none(text: str | None) -> None:
    """What is no valid range asks for all of the object (RFC 9110 section 14.2)."""
    assert requested_span(text, 10) is None
    check_range(text)


@pytest.mark.parametrize("text", ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"])
def test_no_byte_is_416(text: str) -> None:
    """A valid range without a byte is S3's InvalidRange, in our tree and in botocore's."""
    with pytest.raises(TransferError, match="past the end") as caught:
        satisfied_span(PLACE, text, 10, "GetObject")
    assert (caught.value.status, caught.value.code, caught.value.uri) == (416, "InvalidRange", PLACE.uri)
    assert isinstance(caught.value, ClientError)
    assert caught.value.response["Error"]["Code"] == "InvalidRange"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 416


@pytest.mark.parametrize("text", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_empty_object_has_no_range(text: str) -> None:
    """No range of nothing is satisfiable."""
    with pytest.raises(TransferError):
        satisfied_span(PLACE, text, 0, "GetObject")


@pytest.mark.parametrize("text", ["bytes=0-1,4-5", "bytes=0-1, -2"])
def test_several_ranges_are_refused(text: str) -> None:
    """Two ranges in one request are an error before any request."""
    with pytest.raises(SettingsError, match="one range"):
        check_range(text)


def test_range_that_is_no_text_is_refused() -> None:
    """A tuple is no Range."""
    with pytest.raises(SettingsError, match="no text"):
        check_range((0, 1))  # type: ignore[arg-type]


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(0, 70))
def test_ranges_are_slices(data: bytes, first: int, last: int) -> None:
    """Every satisfiable range is the slice of the bytes that it says."""
    cases = {f"bytes={first}-{last}": data[first : last + 1], f"bytes={first}-": data[first:]}
    cases[f"bytes=-{last}"] = data[max(len(data) - last, 0) :]
    for text, expected in cases.items():
        span = requested_span(text, len(data))
        if span is None:
            assert last < first
        else:
            assert data[span.start : span.end] == expected
