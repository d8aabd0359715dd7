"""Partition projection: properties from which Athena computes a table's partitions in place of asking the catalog.

Source: "Supported types for partition projection" in Athena's guide. Values are inserted into the folder names, so
only those that need no escaping there can be projected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s3cse.errors import SettingsError
from s3cse.parquet.hive_names import escape_name

_INTEGERS = ("tinyint", "smallint", "int", "bigint", "string")
_DATES = ("string", "date")  # a date of Hive only in the format that its text has
_DAYS = "yyyy-MM-dd"
_UNITS = ("YEARS", "MONTHS", "WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS")


@dataclass(frozen=True, slots=True)
class Projection:
    """How the values of one partition column are computed.

    ``settings`` are the properties without ``projection.COLUMN.``; ``types`` the Hive types that the column may have,
    None for any.
    """

    settings: Mapping[str, str]
    types: tuple[str, ...] | None = None


def enumeration(values: Sequence[str]) -> Projection:
    """Return a projection of these values and no others; a few dozen at most.

    Raises:
        SettingsError: none, or one that has a comma or that a folder's name would escape.
    """
    wrong = [value for value in values if not value or "," in value or escape_name(value) != value]
    if wrong or not values:
        raise SettingsError(
            "these values cannot be projected",
            found=", ".join(map(repr, wrong)) or "none",
            expected="texts without commas and without characters that folder names escape",
            fix="register the partitions one by one",
        )
    return Projection({"type": "enum", "values": ",".join(values)})


def integer_range(first: int, last: int, *, interval: int = 1, digits: int | None = None) -> Projection:
    """Return a projection of whole numbers, ends included.

    Args:
        interval: from one value to the next.
        digits: width that numbers are filled to with zeros, as folders ``month=01`` have; None: as they are.

    Raises:
        SettingsError: no such range.
    """
    if first > last or interval < 1 or (digits is not None and digits < 1):
        raise SettingsError(
            "no such range of numbers", found=f"{first} to {last} by {interval}", expected="first ≤ last, interval ≥ 1"
        )
    more = {} if digits is None else {"digits": str(digits)}
    return Projection({"type": "integer", "range": f"{first},{last}", "interval": str(interval), **more}, _INTEGERS)


def date_range(
    first: str,
    last: str = "NOW",
    *,
    format: str = _DAYS,  # noqa: A002 - the property's name
    interval: int = 1,
    unit: str = "DAYS",
) -> Projection:
    """Return a projection of dates, ends included.

    Args:
        first, last: in the format, or relative like ``NOW-3YEARS`` and ``NOW``.
        format: of the folders' values, as Java's DateTimeFormatter spells it.
        interval, unit: from one value to the next.

    Raises:
        SettingsError: no such unit or interval, or a comma.
    """
    if unit not in _UNITS or interval < 1 or any("," in end for end in (first, last)):
        raise SettingsError(
            "no such range of dates", found=f"{first} to {last} by {interval} {unit}", expected=" | ".join(_UNITS)
        )
    settings = {"type": "date", "range": f"{first},{last}", "format": format}
    return Projection({**settings, "interval": str(interval), "interval.unit": unit}, _DATES)


def injected() -> Projection:
    """Return a projection whose value each query must give (``WHERE column = …``)."""
    return Projection({"type": "injected"}, ("string", *_INTEGERS[:-1]))


def parse_projection(text: str) -> Projection:
    """Read a projection as flags spell it.

    ``enum:a,b``, ``integer:FIRST,LAST[,DIGITS]``, ``date:FIRST,LAST[,FORMAT]`` or ``injected``.

    Raises:
        SettingsError: it is something else.
    """
    kind, _, rest = text.partition(":")
    values = rest.split(",")
    try:
        if kind == "enum":
            return enumeration(values)
        if kind == "integer" and len(values) in (2, 3):
            first, last, *digits = map(int, values)
            return integer_range(first, last, digits=digits[0] if digits else None)
        if kind == "date" and len(values) in (2, 3):
            return date_range(values[0], values[1], format=values[2] if len(values) > 2 else _DAYS)
        if kind == "injected" and not rest:
            return injected()
    except ValueError as error:
        if isinstance(error, SettingsError):
            raise
    raise SettingsError(
        "no such projection",
        found=repr(text),
        expected="enum:a,b | integer:FIRST,LAST[,DIGITS] | date:FIRST,LAST[,FORMAT] | injected",
    )


def projection_properties(
    projections: Mapping[str, Projection],
    partition_types: Mapping[str, str],
    location: str,
    folders: Sequence[str],
) -> dict[str, str]:
    """Return the table properties.

    Args:
        projections: by partition column, in lower case; every one or none.
        partition_types: Hive types of the partition columns in order.
        location: ``s3://bucket/table/``.
        folders: the partition columns as the folders' names spell them.

    Raises:
        SettingsError: a column without projection, or one of a type that it cannot have.
    """
    if not projections:
        return {}
    if set(projections) != set(partition_types):
        raise SettingsError(
            "a table projects all of its partition columns or none",
            found=", ".join(projections),
            expected=", ".join(partition_types) or "no partition columns",
        )
    properties = {"projection.enabled": "true"}
    for column, projection in projections.items():
        if projection.types is not None and partition_types[column] not in projection.types:
            raise SettingsError(
                f"partition column {column!r} cannot be projected as {projection.settings['type']}",
                found=partition_types[column],
                expected=" | ".join(projection.types),
            )
        properties |= {f"projection.{column}.{name}": value for name, value in projection.settings.items()}
    names = zip(folders, partition_types, strict=True)
    template = "/".join(f"{escape_name(folder)}=${{{column}}}" for folder, column in names)
    return {**properties, "storage.location.template": f"{location}{template}/"}
