"""Text to dates and timestamps by the rules of Spark's CAST, with UTC as the session's time zone.

Dates: ``yyyy``, ``yyyy-[m]m``, ``yyyy-[m]m-[d]d``, and anything after a blank or ``T`` ignored. Timestamps: the same
followed by ``[h]h:[m]m:[s]s[.fraction]`` (a fraction beyond microseconds is cut) and a zone: ``Z``, ``UTC``, ``GMT`` or
an offset. Named zones, years beyond 9999 and times without a date are not taken.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

_DAY = r"(?P<year>\d{4})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2})"
_DATE = re.compile(rf"{_DAY}(?:[ T].*)?)?)?", re.ASCII | re.DOTALL)
_ZONE = r"(?P<zone>Z|(?:UTC|GMT)?(?P<sign>[+-])(?P<zone_hour>\d{1,2})(?::(?P<zone_minute>\d{1,2}))?|UTC|GMT)"
_TIME = rf"[ T](?P<hour>\d{{1,2}}):(?P<minute>\d{{1,2}}):(?P<second>\d{{1,2}})(?:\.(?P<fraction>\d*))?(?: ?{_ZONE})?"
_TIMESTAMP = re.compile(rf"{_DAY}(?:{_TIME}|[ T])?)?)?", re.ASCII)
#: What Java's trim() and Spark's trimAll() take off both ends.
BLANKS = "".join(map(chr, range(33))) + "\x7f"
_FURTHEST_OFFSET = timedelta(hours=18)


def _day(match: re.Match[str]) -> date:
    return date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))


def _offset(match: re.Match[str]) -> timedelta:
    if not match["sign"]:
        return timedelta()
    minutes = int(match["zone_minute"] or 0)
    offset = timedelta(hours=int(match["zone_hour"]), minutes=minutes)
    if minutes > 59 or offset > _FURTHEST_OFFSET:
        raise ValueError("no such time zone offset")
    return -offset if match["sign"] == "-" else offset


def parse_date(text: str) -> date | None:
    """Return the day that the text names, None where Spark's CAST would fail."""
    match = _DATE.fullmatch(text.strip(BLANKS))
    try:
        return _day(match) if match else None
    except ValueError:
        return None


def parse_timestamp(text: str, *, allow_zone: bool = True) -> datetime | None:
    """Return the instant that the text names, in UTC without a zone attached; None where it names none.

    Args:
        text: see the module's docstring.
        allow_zone: False refuses text that names a zone (for timestamps without one).
    """
    match = _TIMESTAMP.fullmatch(text.strip(BLANKS))
    if match is None or (match["zone"] and not allow_zone):
        return None
    try:
        day = _day(match)
        hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
        micros = int((match["fraction"] or "")[:6].ljust(6, "0"))
        return datetime(day.year, day.month, day.day, hour, minute, second, micros) - _offset(match)
    except (ValueError, OverflowError):
        return None
