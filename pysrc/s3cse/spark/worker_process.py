"""What Spark does to its Python processes before every task, and how that is kept from costing a query its time."""

from __future__ import annotations

import sys
from pathlib import PurePath
from zipimport import zipimporter

#: Begin the names of the archives that Spark puts on the path of its workers.
_ARCHIVES = ("pyspark", "py4j")


def spare_archives() -> None:
    """Have the import system take it from now on that Spark's own archives do not change while this process runs.

    Spark 4.0 and 4.1 call ``importlib.invalidate_caches()`` before every task and every step of planning. Up to Python
    3.11 a zip finder then reads its archive's whole directory at once, 50 to 100 ms for pyspark.zip and more than
    reading a small file takes (https://github.com/python/cpython/issues/103200, mended in 3.12). What users ship is
    looked at again as before.
    """
    for finder in list(sys.path_importer_cache.values()):
        if isinstance(finder, zipimporter) and PurePath(finder.archive).name.startswith(_ARCHIVES):
            vars(finder)["invalidate_caches"] = _nothing_changed


def _nothing_changed() -> None:
    pass
