"""Folders are ruled out by their names, and only where that is certain."""

from __future__ import annotations

import pyarrow as pa
import pytest

from s3cse.errors import SettingsError
from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.folder_filter import FolderFilter
from s3cse.parquet.hive import NULL_PARTITION

COLUMNS = pa.schema([("Year", pa.int32()), ("day", pa.date32()), ("kind", pa.string()), ("x", pa.int64())])


@pytest.mark.parametrize(
    ("condition", "folder", "expected"),
    [
        ("year = 2024", "Year=2024/", True),
        ("year = 2024", "Year=2023/", False),
        ("year = 2024", "YEAR=02023/", False),
        ("year = 2024 AND day = DATE '2024-02-01'", "Year=2024/", True),
        ("year = 2024 AND day = DATE '2024-02-01'", "Year=2024/day=2024-02-01/", True),
        ("year = 2024 AND day = DATE '2024-02-01'", "Year=2024/day=2024-02-02/", False),
        ("year = 2024 OR x > 5", "Year=2023/", True),
        ("year = 2024 AND x > 5", "Year=2023/kind=a/", False),
        ("year IS NULL", f"Year={NULL_PARTITION}/", True),
        ("year IS NOT NULL", f"Year={NULL_PARTITION}/", False),
        ("kind = 'a/b'", "kind=a%2Fb/", True),
        ("kind = 'a/b'", "kind=a/", False),
        ("year = 2024", "Year=many/", True),
        ("year = 2024", "other=1/", True),
        ("year = 2024", "no partition/", True),
        ("year = 2024", "/", True),
    ],
)
def test_only_what_is_certain_is_left_out(condition: str, folder: str, expected: bool) -> None:
    """A folder passes unless its values, as far as they are known, make the filter false for every row."""
    assert FolderFilter(parse_filter(condition), COLUMNS).may_hold_rows(folder) is expected


def test_filter_has_to_go_with_the_columns() -> None:
    """As everywhere else."""
    with pytest.raises(SettingsError):
        FolderFilter(parse_filter("nothing = 1"), COLUMNS)
