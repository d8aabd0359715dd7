"""What Spark does to its Python processes before every task, and how that is kept from costing a query its time."""

from __future__ import annotations

import sys
from pathlib import PurePath
from zipimport import zipimporter

#: Begin the names of the archives that Spark puts on the path of its workers.
_ARCHIVES = ("pyspark", "py4j")


def spare_archives() -> None:
    """Drop the import system's finders for Spark's own archives; the next import from one makes it anew, cheaply.

    Spark 4.0 and 4.1 call ``importlib.invalidate_caches()`` before every task and every step of planning. Up to Python
    3.11 a zip finder then reads its archive's whole directory at once, 50 to 100 ms for pyspark.zip and more than
    reading a small file takes (https://github.com/python/cpython/issues/103200, mended in 3.12). Only the cache of
    finders is touched; the archives of one Spark do not change while it runs.
    """
    finders = sys.path_importer_cache
    for path, finder in list(finders.items()):
        if isinstance(finder, zipimporter) and PurePath(finder.archive).name.startswith(_ARCHIVES):
            finders.pop(path, None)
