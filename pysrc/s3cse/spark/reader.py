"""The read half of the data source: the planner makes splits, tasks turn them into record batches."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql.datasource import DataSourceReader, InputPartition
from pyspark.sql.types import StructType

from s3cse.errors import SettingsError
from s3cse.parquet.filter.expression import Expression, columns
from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.plan import file_schema, plan_splits
from s3cse.parquet.scan import Scan
from s3cse.parquet.table import TableFiles, list_table
from s3cse.spark.options import Options
from s3cse.spark.partitions import Split
from s3cse.spark.session import session_for, spare_collections
from s3cse.spark.types import spark_ready, to_arrow

_log = logging.getLogger(__name__)


def table_schema(options: Options, table: TableFiles) -> pa.Schema:
    """Return the table's columns as Spark sees them: the files', then the partition columns."""
    session = session_for(options)
    stored = file_schema(
        session.store, session.keyring, table.files, options.policy, merge=options.schema_mode == "merge"
    )
    partitions = {column.name.lower() for column in table.partition_schema}
    data = [column for column in spark_ready(stored) if column.name.lower() not in partitions]
    return pa.schema([*data, *table.partition_schema])


def select(schema: pa.Schema, names: tuple[str, ...] | None) -> pa.Schema:
    """Return the named columns in the order asked for; None: all.

    Raises:
        SettingsError: a column that the table does not have.
    """
    if names is None:
        return schema
    return pa.schema([schema.field(_spelling(schema, name)) for name in names])


def refuse_contradiction(columns: Sequence[str], schema: Sequence[str]) -> None:
    """Refuse the option ``columns`` beside a user's schema of other columns; their order is the schema's.

    Raises:
        SettingsError: they do not name the same columns.
    """
    if sorted(name.lower() for name in columns) != sorted(name.lower() for name in schema):
        raise SettingsError(
            "the option columns and the schema name different columns",
            found=f"{', '.join(columns)} and {', '.join(schema)}",
            fix="give one of them",
        )


def _spelling(schema: pa.Schema, name: str) -> str:
    if name in schema.names:
        return name
    same = [known for known in schema.names if known.lower() == name.lower()]
    if len(same) != 1:
        raise SettingsError(
            "the table has no such column" if not same else "the column's name is ambiguous",
            found=repr(name),
            expected=", ".join(schema.names),
        )
    return str(same[0])


class TableReader(DataSourceReader):
    """Reads one table; pickled by Spark to the planner and to every task.

    Args:
        options: validated.
        schema: what Spark expects of every batch: the table's, or a subset that the user gave.
        known: the table's columns where they have been looked up already.
    """

    def __init__(self, options: Options, schema: StructType, known: pa.Schema | None = None) -> None:
        self._options = options
        self._schema = to_arrow(schema)
        self._known = known

    def partitions(self) -> list[InputPartition]:
        """List the table and distribute its files; runs once, in the planner."""
        options = self._options
        session = session_for(options)
        table = list_table(session.store, options.table, self._schema)
        scan = self._plan_scan(table)
        if options.policy.integrity != "strict":
            _log.warning("%s: integrity=%s releases bytes UNVERIFIED", options.table.uri, options.policy.integrity)
        splits = plan_splits(
            session.store, session.keyring, table, options.policy, options.split_bytes, options.parallelism
        )
        return [Split(scan, tasks) for tasks in splits]

    def _plan_scan(self, table: TableFiles) -> Scan:
        known = self._known or table_schema(self._options, table)
        for name in self._schema.names:
            _spelling(known, name)
        expression = None if self._options.filter is None else parse_filter(self._options.filter)
        wide = self._wide(known, expression)
        return Scan(
            schema=self._schema,
            wide=wide,
            partition_schema=table.partition_schema,
            expression=expression,
            policy=self._options.policy,
            # Few columns, or row groups that a filter leaves out: ranges cost less than whole files.
            whole=expression is None and 2 * len(wide) > len(known),
        )

    def _wide(self, known: pa.Schema, expression: Expression | None) -> pa.Schema:
        needed = [_spelling(known, name) for name in sorted(columns(expression))] if expression is not None else []
        there = {name.lower() for name in self._schema.names}
        return pa.schema([*self._schema, *(known.field(name) for name in needed if name.lower() not in there)])

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Yield a split's rows; runs on an executor."""
        assert isinstance(partition, Split)  # noqa: S101 - Spark hands back what partitions() returned
        session = session_for(self._options)
        spare_collections()
        return partition.scan.read(session.store, session.keyring, partition.tasks)
