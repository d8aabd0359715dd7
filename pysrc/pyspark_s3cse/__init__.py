"""Spark imports every top-level package named pyspark_* to find data sources; this one only points at ours.

It must import fast and never fail: one broken package of this kind makes all Python data sources disappear, and Spark
imports it at the first use of any of them. So nothing of s3cse is imported here before the source is really used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

try:
    from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceWriter
except ImportError:  # pyspark before 4.0: there is no Python data source to register then
    pass
else:
    if TYPE_CHECKING:
        from pyspark.sql.types import StructType

        from s3cse.spark.source import S3cseDataSource

    class DefaultSource(DataSource):
        """Stands in for s3cse.spark.source.S3cseDataSource, and becomes it at the first call."""

        _actual: S3cseDataSource | None = None

        @classmethod
        def name(cls) -> str:
            """Return the format's name."""
            return "s3cse"

        def _source(self) -> S3cseDataSource:
            if self._actual is None:
                self._actual = import_module("s3cse.spark.source").S3cseDataSource(self.options)
            return self._actual

        def schema(self) -> StructType:
            """See S3cseDataSource."""
            return self._source().schema()

        def reader(self, schema: StructType) -> DataSourceReader:
            """See S3cseDataSource."""
            return self._source().reader(schema)

        def writer(self, schema: StructType, overwrite: bool) -> DataSourceWriter:
            """See S3cseDataSource."""
            return self._source().writer(schema, overwrite)
