"""Durations as people write and read them: 90s, 30m, 12h, 7d, 2w."""

from __future__ import annotations

import re
from datetime import timedelta

from s3cse.errors import SettingsError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SHOWN = ("d", "h", "m", "s")
_DURATION = re.compile(r"(\d{1,7})([smhdw])", re.IGNORECASE)


def parse_duration(text: str) -> timedelta:
    """Read a whole number with its unit.

    Raises:
        SettingsError: no unit, another unit, or no number.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise SettingsError(
            "not a duration", found=repr(text), expected="a whole number with s, m, h, d or w, like 12h or 1d"
        )
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2].lower()])


def format_duration(duration: timedelta) -> str:
    """Write a duration in its two largest units, cut and not rounded: ``3d 4h``, ``12s``; below zero is ``0s``."""
    left = max(int(duration.total_seconds()), 0)
    counts = []
    for unit in _SHOWN:
        count, left = divmod(left, _SECONDS[unit])
        counts.append(f"{count}{unit}" if count else "")
    first = next((at for at, text in enumerate(counts) if text), None)
    return "0s" if first is None else " ".join(filter(None, counts[first : first + 2]))
