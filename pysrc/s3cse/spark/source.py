"""The data source that Spark finds under the name ``s3cse``."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceWriter
from pyspark.sql.types import StructType

from s3cse.options.table import parse_options
from s3cse.spark.planning import ReadJob, refuse_contradiction, select, table_schema
from s3cse.spark.reader import TableReader
from s3cse.spark.staging import WriteJob
from s3cse.spark.types import to_spark
from s3cse.spark.worker_process import spare_archives
from s3cse.spark.writer import TableWriter


class S3cseDataSource(DataSource):
    """Client-side-encrypted Parquet tables in S3.

    There is no ``pushFilters``: on Spark 4.1 to 4.3 one scan's filter leaks into another scan of the same relation and
    gives wrong rows (docs/decisions/0003). Say ``.schema(subset)``, ``columns`` and ``filter`` instead.
    """

    #: The table's columns as schema() found them; Spark pickles this object on to the planner, which need not look
    #: again.
    _known: pa.Schema | None = None

    @classmethod
    def name(cls) -> str:
        """The format's name."""
        return "s3cse"

    def schema(self) -> StructType:
        """Return the table's columns, or those of the option ``columns``; not called when the user gives a schema."""
        spare_archives()
        options = parse_options(self.options, use="read")
        self._known = table_schema(options)
        return to_spark(select(self._known, options.columns))

    def reader(self, schema: StructType) -> DataSourceReader:
        """Return the reader of one query."""
        options = parse_options(self.options, use="read")
        if any(name.lower() == "columns" for name in self.options):
            refuse_contradiction(options.columns or (), schema.names)
        return TableReader(ReadJob(options, schema, self._known))

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceWriter:
        """Return the writer of one job."""
        return TableWriter(WriteJob(parse_options(self.options, use="write"), schema, overwrite))
