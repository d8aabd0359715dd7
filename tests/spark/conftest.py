"""All tests here need Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3cse.spark.api import DATA_SOURCES
from spark.fixtures import spark, table

__all__ = ["spark", "table"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip on Spark 3.5 what is about the format itself."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.spark)
            if not DATA_SOURCES and item.get_closest_marker("data_source"):
                item.add_marker(pytest.mark.skip(reason="Spark 3.5 has no Python data sources"))
