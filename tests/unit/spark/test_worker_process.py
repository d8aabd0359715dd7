"""Spark's habits between tasks cost nothing, and imports work as before."""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path
from zipimport import zipimporter

import pytest

from s3cse.spark.worker_process import spare_archives


@pytest.fixture
def archive(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an archive of this name with two modules on the path."""
    path = tmp_path / request.param
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("in_archive_first.py", "WORD = 'first'\n")
        made.writestr("in_archive_later.py", "WORD = 'later'\n")
    monkeypatch.syspath_prepend(str(path))
    for name in ("in_archive_first", "in_archive_later"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.import_module("in_archive_first")
    return path


def read_again(archive: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether invalidating the import system's caches reads this archive's directory."""
    finder = sys.path_importer_cache[str(archive)]
    assert isinstance(finder, zipimporter)
    asked: list[zipimporter] = []
    monkeypatch.setattr(zipimporter, "invalidate_caches", lambda each: asked.append(each))
    importlib.invalidate_caches()
    return finder in asked


@pytest.mark.parametrize("archive", ["pyspark.zip", "py4j-0.10.9.9-src.zip"], indirect=True)
def test_archives_of_spark_are_not_read_again(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read, and what has not been imported yet is found all the same."""
    assert read_again(archive, monkeypatch)
    spare_archives()
    assert not read_again(archive, monkeypatch)
    assert importlib.import_module("in_archive_later").WORD == "later"


@pytest.mark.parametrize("archive", ["my_job.zip", "pyspark_helpers.zip", "py4j-0.10.9.9-mine.zip"], indirect=True)
def test_archives_of_users_are(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user ships may change, and is looked at as Spark wants it."""
    spare_archives()
    assert read_again(archive, monkeypatch)
