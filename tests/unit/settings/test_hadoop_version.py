"""Which Hadoop it is: a variable, or the jars of Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3cse.settings import hadoop_version as module
from s3cse.settings.hadoop_version import hadoop_version


def test_jars_and_variable(tmp_path: Path) -> None:
    """SPARK_HOME's jars tell it, and a variable counts more."""
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "hadoop-client-api-3.4.2.jar").touch()
    assert hadoop_version({"SPARK_HOME": str(tmp_path)}) == "3.4.2"
    assert hadoop_version({"SPARK_HOME": str(tmp_path), "S3CSE_HADOOP_VERSION": "3.4.1-amzn-2"}) == "3.4.1-amzn-2"


def test_pyspark_has_jars_too() -> None:
    """Where Spark is the Python package its jars are beside it."""
    found = hadoop_version({})
    assert found is not None
    assert found.startswith("3.")


def test_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jars nobody knows."""
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert hadoop_version({"SPARK_HOME": str(tmp_path)}) is None
