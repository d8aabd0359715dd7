"""Text to dates and timestamps as Spark casts it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from s3cse.parquet.filter.datetimes import parse_date, parse_timestamp

DATES = {
    "2013-01-02": date(2013, 1, 2),
    "2013-1-2": date(2013, 1, 2),
    "2013-12": date(2013, 12, 1),
    "2013": date(2013, 1, 1),
    " 2013-01-02\n": date(2013, 1, 2),
    "2013-01-02 10:00:00": date(2013, 1, 2),
    "2013-01-02Tanything": date(2013, 1, 2),
    "2013-02-30": None,
    "2013-13-01": None,
    "2013-01-02x": None,
    "13-01-02": None,
    "2013-01-": None,
    "2013/01/02": None,
    "": None,
    "now": None,
}
TIMESTAMPS = {
    "2013-01-02 03:04:05": datetime(2013, 1, 2, 3, 4, 5),
    "2013-01-02T03:04:05.5": datetime(2013, 1, 2, 3, 4, 5, 500000),
    "2013-01-02 03:04:05.123456": datetime(2013, 1, 2, 3, 4, 5, 123456),
    "2013-01-02 03:04:05.1234569": datetime(2013, 1, 2, 3, 4, 5, 123456),
    "2013-01-02 3:4:5": datetime(2013, 1, 2, 3, 4, 5),
    "2013-01-02": datetime(2013, 1, 2),
    "2013-01-02 ": datetime(2013, 1, 2),
    "2013": datetime(2013, 1, 1),
    "2013-01-02 03:04:05Z": datetime(2013, 1, 2, 3, 4, 5),
    "2013-01-02 03:04:05 UTC": datetime(2013, 1, 2, 3, 4, 5),
    "2013-01-02 03:04:05+01:30": datetime(2013, 1, 2, 1, 34, 5),
    "2013-01-02 03:04:05-01:30": datetime(2013, 1, 2, 4, 34, 5),
    "2013-01-02 03:04:05+1": datetime(2013, 1, 2, 2, 4, 5),
    "2013-01-02 03:04:05 GMT+01:00": datetime(2013, 1, 2, 2, 4, 5),
    "2013-01-02 24:00:00": None,
    "2013-01-02 03:60:00": None,
    "2013-01-02 03:04:61": None,
    "2013-02-30 03:04:05": None,
    "2013-01-02 03:04:05+19:00": None,
    "2013-01-02 03:04:05+01:60": None,
    "2013-01-02 x": None,
    "2013-01-02 03:04:05x": None,
    "": None,
}


@pytest.mark.parametrize(("text", "expected"), DATES.items())
def test_dates(text: str, expected: date | None) -> None:
    """Each form is the day that Spark makes of it, or none."""
    assert parse_date(text) == expected


@pytest.mark.parametrize(("text", "expected"), TIMESTAMPS.items())
def test_timestamps(text: str, expected: datetime | None) -> None:
    """Each form is the instant in UTC that Spark makes of it, or none."""
    assert parse_timestamp(text) == expected


def test_a_zone_is_refused_where_there_can_be_none() -> None:
    """Text with a zone is no timestamp without zone; the same text without it is."""
    assert parse_timestamp("2013-01-02 03:04:05Z", allow_zone=False) is None
    assert parse_timestamp("2013-01-02 03:04:05", allow_zone=False) == datetime(2013, 1, 2, 3, 4, 5)


def test_the_ends_of_the_calendar_are_no_crash() -> None:
    """An offset that leads out of the years 1 to 9999 gives no timestamp."""
    assert parse_timestamp("0001-01-01 00:00:00+01:00") is None
    assert parse_timestamp("9999-12-31 23:59:59-01:00") is None


@pytest.mark.spark
def test_spark_casts_the_same(spark: Any) -> None:
    """Spark's own CAST gives the same date and timestamp, or null, for every text."""
    dates = spark.createDataFrame(list(DATES.items()), "text string, expected date")
    times = spark.createDataFrame([(text,) for text in TIMESTAMPS], "text string")
    assert dates.where("NOT (try_cast(text AS DATE) <=> expected)").collect() == []
    found = times.selectExpr("text", "CAST(try_cast(text AS TIMESTAMP) AS TIMESTAMP_NTZ) AS t").collect()
    assert {row.text: row.t for row in found} == TIMESTAMPS
