"""The serialised encryption context: the specification's layout, and what is none."""

from __future__ import annotations

import pytest

from s3cse.errors import EnvelopeError
from s3cse.keyrings.encryption_context import parsed, serialized


def test_layout() -> None:
    """Count, then pairs with lengths, sorted by UTF-8 bytes, which is not UTF-16's order."""
    assert serialized({}) == b""
    assert serialized({"b": "", "a": "xy"}) == bytes.fromhex("0002 0001 61 0002 7879 0001 62 0000")
    beyond, private = "\U00010000", "\ue000"
    assert list(parsed(serialized({beyond: "1", private: "2"}))) == [private, beyond]


@pytest.mark.parametrize("context", [{}, {"": ""}, {"a": "b"}, {"ä": "ö", "x" * 300: "y" * 3000}])
def test_round_trip(context: dict[str, str]) -> None:
    """What is written is read."""
    assert parsed(serialized(context)) == context


def test_the_order_is_not_checked() -> None:
    """Old clients sorted by other rules."""
    assert parsed(bytes.fromhex("0002 0001 62 0000 0001 61 0000")) == {"b": "", "a": ""}


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\0\0",
        bytes.fromhex("0000 0001 61 0000"),
        bytes.fromhex("0001 0001 61"),
        bytes.fromhex("0001 0001 61 0001"),
        bytes.fromhex("0001 ffff 61 0000"),
        bytes.fromhex("0001 0001 61 0000 00"),
        bytes.fromhex("0002 0001 61 0000"),
        bytes.fromhex("ffff 0001 61 0000"),
        bytes.fromhex("0001 0001 ff 0000"),
        bytes.fromhex("0001 0001 61 0002 c080"),
        bytes.fromhex("0001 0001 61 0003 eda080"),
        bytes.fromhex("0002 0001 61 0000 0001 61 0000"),
        bytes.fromhex("0002 0001 61 0001 62 0001 61 0001 63"),
    ],
)
def test_what_is_no_context_is_refused(data: bytes) -> None:
    """Cut short, too long, no pairs, no UTF-8, or a name twice."""
    with pytest.raises(EnvelopeError, match="encryption context is not valid"):
        parsed(data)
