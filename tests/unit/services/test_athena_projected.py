"""Which folders a projection reaches."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from s3cse.parquet.hive_names import NULL_PARTITION
from s3cse.services.athena.definition import Partition
from s3cse.services.athena.projected import is_projected, unreached
from s3cse.services.athena.projection import (
    Projection,
    date_range,
    enumeration,
    injected,
    integer_range,
    projection_properties,
)

TABLE = "s3://b/t/"
TODAY = datetime.now(timezone.utc).date()


def reached(projection: Projection, *values: str, folder: str = "c", hive_type: str = "string") -> list[str]:
    """Return those of a column's values whose folders a projection reaches."""
    properties = projection_properties({"c": projection}, {"c": hive_type}, TABLE, ["c"])
    return reached_by(properties, *values, folder=folder)


def reached_by(properties: dict[str, str], *values: str, folder: str = "c") -> list[str]:
    """Return those of a column's values whose folders these properties reach."""
    folders = [Partition((value,), f"{TABLE}{folder}={value}/") for value in values]
    missed = list(unreached(properties, ["c"], folders, TABLE))
    return [each.values[0] for each in folders if each not in missed]


def test_enumerated_values() -> None:
    """A value that is not listed is not reached; blanks and letter case count."""
    assert reached(enumeration(["a", "b c"]), "a", "b c", "d", "A", " a", NULL_PARTITION) == ["a", "b c"]


def test_ranges_of_numbers() -> None:
    """What lies beyond the ends, between the steps, or is spelt with other digits is not reached."""
    assert reached(integer_range(1, 12), "1", "12", "0", "13", "01", "x", "", NULL_PARTITION) == ["1", "12"]
    assert reached(integer_range(1, 12, digits=2), "01", "1", "12") == ["01", "12"]
    assert reached(integer_range(0, 100, interval=10), "0", "5", "10", "100") == ["0", "10", "100"]
    assert reached(integer_range(-5, 5), "-5", "-6", "+5", "٣") == ["-5"]


def test_ranges_of_days() -> None:
    """Days beyond the ends, tomorrow where the end is NOW, and what is no day are not reached."""
    days = ("2024-01-01", "2024-12-31", "2023-12-31", "2025-01-01", "2024-1-1", "x", NULL_PARTITION)
    assert reached(date_range("2024-01-01", "2024-12-31"), *days) == ["2024-01-01", "2024-12-31"]
    tomorrow = str(TODAY + timedelta(days=1))
    assert reached(date_range("2024-01-01"), str(TODAY), tomorrow) == [str(TODAY)]


def test_what_cannot_be_told_is_let_pass() -> None:
    """Relative ends, other formats, values that queries inject, and properties that nobody understands."""
    assert reached(date_range("NOW-3YEARS", "NOW+1DAYS"), str(TODAY)) == [str(TODAY)]
    assert reached(date_range("202401", "NOW", format="yyyyMM", unit="MONTHS"), "202402") == ["202402"]
    assert reached(injected(), "anything") == ["anything"]
    strange = {"projection.enabled": "true", "projection.c.type": "integer", "projection.c.range": "a,b"}
    assert reached_by(strange, "1") == ["1"]


def test_places() -> None:
    """A folder is reached where the template leads, or at column=value in lower case; its depth is not judged."""
    assert reached(integer_range(1, 12), "1", folder="C") == []
    plain = {"projection.c.type": "integer", "projection.c.range": "1, 12"}
    assert reached_by(plain, "1") == ["1"]
    assert reached_by(plain, "1", folder="C") == []
    assert reached_by({**plain, "storage.location.template": "s3://b/t/C=${c}"}, "1", folder="C") == ["1"]
    deep = [Partition(("1", "2"), "s3://b/t/c=1/d=2/")]
    assert list(unreached(plain, ["c"], deep, TABLE)) == []


@pytest.mark.parametrize(("enabled", "expected"), [("true", True), ("TRUE ", True), ("false", False), ("", False)])
def test_whether_a_table_is_projected(enabled: str, expected: bool) -> None:
    """The property says it, in any letter case."""
    assert is_projected({"projection.enabled": enabled}) is expected
