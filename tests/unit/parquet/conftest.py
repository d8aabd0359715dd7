"""Spark itself, for tests that compare our answers with its own."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def spark() -> Any:
    """A local Spark in UTC."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session
