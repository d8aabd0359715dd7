"""Durations, read and written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from s3cse.cli.interface.durations import format_duration, parse_duration
from s3cse.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("30m", 1800), ("12H", 43200), (" 1d ", 86400), ("2w", 1209600)]
)
def test_reading(text: str, seconds: int) -> None:
    """A whole number and its unit."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "1", "d", "-1d", "1.5d", "1 d", "1y", "1d12h", "99999999d"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused with an example of what is right."""
    with pytest.raises(SettingsError, match="like 12h or 1d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0, "0s"), (0.9, "0s"), (59, "59s"), (60, "1m"), (61, "1m 1s"), (3600, "1h"), (3601, "1h"),
        (86399, "23h 59m"), (86400, "1d"), (90000, "1d 1h"), (10**7, "115d 17h"),
    ],
)  # fmt: skip
def test_writing(seconds: float, text: str) -> None:
    """Two units, cut; what lies in the future (clocks differ) is no age."""
    assert format_duration(timedelta(seconds=seconds)) == text
