"""What Spark does to its Python processes before every task, and how that is kept from costing a query its time."""

from __future__ import annotations

import re
import sys
from pathlib import PurePath
from zipimport import zipimporter

#: Names of the archives that Spark puts on the path of its workers.
_ARCHIVES = re.compile(r"pyspark\.zip|py4j-[0-9.]+-src\.zip")


def spare_archives() -> None:
    """Have the import system take it from now on that Spark's own archives do not change while this process runs.

    Spark 4.0 and 4.1 call ``importlib.invalidate_caches()`` before every task and every step of planning. Up to Python
    3.11 a zip finder then reads its archive's whole directory at once, 50 to 100 ms for pyspark.zip and more than
    reading a small file takes (https://github.com/python/cpython/issues/103200, mended in 3.12). What users ship is
    looked at again as before.
    """
    for finder in list(sys.path_importer_cache.values()):
        if isinstance(finder, zipimporter) and _ARCHIVES.fullmatch(PurePath(finder.archive).name):
            vars(finder)["invalidate_caches"] = _nothing_changed


def _nothing_changed() -> None:
    pass
