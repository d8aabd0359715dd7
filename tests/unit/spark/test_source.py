"""The data source hands options on, and refuses those that would do nothing."""

from __future__ import annotations

import pytest
from pyspark.sql.types import LongType, StructField, StructType

from s3cse.errors import SettingsError
from s3cse.spark.source import S3cseDataSource

GIVEN = {"path": "s3://b/t", "kmsKeyId": "k"}
SCHEMA = StructType([StructField(name, LongType()) for name in ("a", "B")])


@pytest.mark.parametrize("columns", ["b,A", '["a", "B"]'])
def test_schema_and_columns_may_agree(columns: str) -> None:
    """The same columns in another order or letter case are no contradiction."""
    assert S3cseDataSource({**GIVEN, "columns": columns}).reader(SCHEMA)


@pytest.mark.parametrize("columns", ["a", "a,b,c", "a,c"])
def test_schema_and_columns_must_not_contradict(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two lists of columns neither wins silently; a default in the environment is no such list."""
    with pytest.raises(SettingsError, match="different columns"):
        S3cseDataSource({**GIVEN, "COLUMNS": columns}).reader(SCHEMA)
    monkeypatch.setenv("S3CSE_COLUMNS", columns)
    assert S3cseDataSource(GIVEN).reader(SCHEMA)


def test_options_of_the_other_use() -> None:
    """A reader refuses what only a writer knows, before it asks S3 anything, and the other way round."""
    writing, reading = {**GIVEN, "partitionBy": "a"}, {**GIVEN, "filter": "a > 1"}
    assert S3cseDataSource(writing).writer(SCHEMA, overwrite=False)
    assert S3cseDataSource(reading).reader(SCHEMA)
    with pytest.raises(SettingsError, match="partitionBy"):
        S3cseDataSource(writing).reader(SCHEMA)
    with pytest.raises(SettingsError, match="partitionBy"):
        S3cseDataSource(writing).schema()
    with pytest.raises(SettingsError, match="filter"):
        S3cseDataSource(reading).writer(SCHEMA, overwrite=False)
