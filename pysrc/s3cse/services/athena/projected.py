"""Which folders a projection reaches: no query sees the rows of the others, and nothing says so.

Source: "Supported types for partition projection" and "Set up partition projection" in Athena's guide. Where a property
is written in a way that is not known here, nothing is said against a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timezone

from s3cse.parquet.hive_names import NULL_PARTITION
from s3cse.services.athena.definition import Partition

_DAYS = "yyyy-MM-dd"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def is_projected(properties: Mapping[str, str]) -> bool:
    """Whether Athena computes a table's partitions, whatever the catalog has registered."""
    return properties.get("projection.enabled", "").strip().lower() == "true"


def unreached(
    properties: Mapping[str, str], columns: Sequence[str], folders: Sequence[Partition], location: str
) -> Iterator[Partition]:
    """Yield the folders that no projected partition is.

    Args:
        properties: of the table, with its projection.
        columns: the partition columns, in lower case, in order.
        folders: with one value per column; folders of another depth are not judged.
        location: of the table, ``s3://…/``.
    """
    template = properties.get("storage.location.template") or location + "".join(
        f"{name}=${{{name}}}/" for name in columns
    )
    for folder in folders:
        if len(folder.values) != len(columns):
            continue
        values = dict(zip(columns, folder.values, strict=True))
        place = _filled(template, values)
        if place.rstrip("/") != folder.location.rstrip("/") or not all(
            _has(_settings(properties, name), value) for name, value in values.items()
        ):
            yield folder


def _filled(template: str, values: Mapping[str, str]) -> str:
    def value_of(match: re.Match[str]) -> str:
        return values.get(match[1].lower(), match[0])

    return _PLACEHOLDER.sub(value_of, template)


def _settings(properties: Mapping[str, str], column: str) -> dict[str, str]:
    prefix = f"projection.{column}."
    return {name.removeprefix(prefix): value for name, value in properties.items() if name.startswith(prefix)}


def _has(settings: Mapping[str, str], value: str) -> bool:
    """Whether a value is one of a projection's, or cannot be told."""
    kind = settings.get("type", "").strip().lower()
    if kind == "enum":
        return value in settings.get("values", "").split(",")
    if value == NULL_PARTITION:
        return False
    try:
        if kind == "integer":
            return _is_integer(settings, value)
        return kind != "date" or settings.get("format") != _DAYS or _is_day(settings, value)
    except ValueError:
        return True  # a property that we do not understand


def _is_integer(settings: Mapping[str, str], value: str) -> bool:
    first, last = map(int, settings["range"].split(",")) if "range" in settings else (0, -1)
    interval, digits = max(int(settings.get("interval", "1")), 1), int(settings.get("digits", "0"))
    if not re.fullmatch(r"-?\d+", value) or not value.isascii():
        return False
    number = int(value)
    spelt = f"{number:0{digits}d}" if digits else str(number)
    return first <= number <= last and (number - first) % interval == 0 and spelt == value


def _is_day(settings: Mapping[str, str], value: str) -> bool:
    ends = [_day(end.strip()) for end in settings.get("range", "").split(",")]
    try:
        day = datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError:
        return False
    first, last = ends
    return day.isoformat() == value and (first is None or first <= day) and (last is None or day <= last)


def _day(end: str) -> date | None:
    """Return an end of a range; None where it is relative (``NOW-3YEARS``), but for plain ``NOW``."""
    if end.upper() == "NOW":
        return datetime.now(timezone.utc).date()
    return None if end.upper().startswith("NOW") else date.fromisoformat(end)
