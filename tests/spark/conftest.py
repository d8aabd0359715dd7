"""All tests here need Spark."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from s3cse.spark.api import DATA_SOURCES
from spark.fixtures import spark, table

__all__ = ["spark", "table"]

_HERE = Path(__file__).parent
#: pyspark[connect] is in the environment of Spark 4.1 only, where test_other_spark.py runs that file by its name.
collect_ignore = [] if find_spec("grpc") else ["test_connect.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip on Spark 3.5 what is about the format itself."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.spark)
            if not DATA_SOURCES and item.get_closest_marker("data_source"):
                item.add_marker(pytest.mark.skip(reason="Spark 3.5 has no Python data sources"))
