"""Planning a read: which columns, and splits that travel to the tasks. The same for every Spark.

A plan holds wrapped keys at most; no data key, no plaintext.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from pyspark.sql.types import StructType

from s3cse.errors import SettingsError
from s3cse.options.profile_rules import message_options
from s3cse.options.table import Options
from s3cse.parquet.counts import Counts, leave
from s3cse.parquet.expected import Expected
from s3cse.parquet.filter.expression import Expression, columns
from s3cse.parquet.folder_filter import FolderFilter
from s3cse.parquet.plan import file_schema, plan_splits
from s3cse.parquet.row_counts import SCHEMA as ROW_COUNTS
from s3cse.parquet.row_counts import RowCounts
from s3cse.parquet.scan import FileTask, Scan
from s3cse.parquet.table import TableFiles, list_table
from s3cse.spark.session import session_for, spare_collections
from s3cse.spark.types import spark_ready, to_arrow

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class Split:
    """The files, or row groups of files, that one task reads."""

    scan: Scan | RowCounts
    tasks: tuple[FileTask, ...]

    def __repr__(self) -> str:
        return f"Split({len(self.tasks)} files)"


def _parsed(text: str) -> Expression:
    # Imported here: loading sqlglot takes a tenth of a second, in every process of a query that has no filter.
    from s3cse.parquet.filter.filter_sql import parse_filter

    return parse_filter(text)


def expected(options: Options) -> Expected:
    """Return what a read was told of the table's files."""
    return Expected(profile=options.profile, message=message_options(options))


def table_schema(options: Options) -> pa.Schema:
    """List the table and return its columns as Spark sees them: the files', then the partition columns.

    With the option ``rowCounts`` they are those of the counts.

    Raises:
        S3CSEError: there is no table, or the file that was opened for its columns does not open.
    """
    if options.row_counts:
        return ROW_COUNTS
    return _schema_of(options, list_table(session_for(options).store, options.table))


def _schema_of(options: Options, table: TableFiles) -> pa.Schema:
    session = session_for(options)
    stored = file_schema(
        session.store,
        session.keyring,
        table.files,
        options.policy,
        merge=options.schema_mode == "merge",
        expected=expected(options),
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


class ReadJob:
    """Reads one table; pickled to the planner, where there is one, and to every task.

    Args:
        options: validated.
        schema: what Spark expects of every batch: the table's, or a subset that the user gave.
        known: the table's columns where they have been looked up already.
    """

    def __init__(self, options: Options, schema: StructType, known: pa.Schema | None = None) -> None:
        self._options = options
        self._schema = to_arrow(schema)
        self._known = known

    @property
    def schema(self) -> pa.Schema:
        """What every batch is, exactly."""
        return self._schema

    def splits(self) -> list[Split]:
        """List the table and distribute its files; runs once, where the query is planned.

        Raises:
            S3CSEError: no such table or column, a filter that does not go with it, or S3 or the key service refused.
        """
        options = self._options
        session = session_for(options)
        table = list_table(session.store, options.table, self._types(), self._folders())
        scan: Scan | RowCounts
        if options.row_counts:
            scan = RowCounts(options.policy, options.report, expected(options))
        else:
            scan = self._plan_scan(table)
            table = self._prune(scan, table)
        if options.policy.integrity != "strict":
            of_which = "of files without an index " if options.policy.integrity == "verify-indexed" else ""
            _log.warning(
                "%s: integrity=%s releases bytes %sUNVERIFIED", options.table.uri, options.policy.integrity, of_which
            )
        splits = plan_splits(
            session.store,
            session.keyring,
            table,
            options.policy,
            options.split_bytes,
            options.parallelism,
            cut=not options.row_counts,
            expected=expected(options),
        )
        # Spark takes no split at all for one that it knows nothing about.
        return [Split(scan, tuple(tasks)) for tasks in splits] or [Split(scan, ())]

    def _types(self) -> pa.Schema:
        """Return the types that are known of the table's columns."""
        there = {name.lower() for name in self._schema.names}
        return pa.schema([*self._schema, *(column for column in self._known or () if column.name.lower() not in there)])

    def _folders(self) -> FolderFilter | None:
        """Return what the filter says of folders, where the table's columns are known before it is listed."""
        if self._known is None or self._options.filter is None or self._options.row_counts:
            return None
        expression = _parsed(self._options.filter)
        return FolderFilter(expression, self._wide(self._known, expression))

    def _prune(self, scan: Scan, table: TableFiles) -> TableFiles:
        """Leave out the files whose folders' values the filter rules out; they are counted, and not opened."""
        wanted = scan.may_hold_rows(table.files)
        left_out = len(table.files) - len(wanted)
        _log.info("%s: %d files, of which the filter leaves out %d", table.table.uri, len(table.files), left_out)
        if left_out and self._options.report is not None:
            leave(session_for(self._options).store, self._options.report, Counts(pruned_files=left_out))
        return replace(table, files=wanted)

    def _plan_scan(self, table: TableFiles) -> Scan:
        known = self._known or _schema_of(self._options, table)
        for name in self._schema.names:
            _spelling(known, name)
        expression = None if self._options.filter is None else _parsed(self._options.filter)
        wide = self._wide(known, expression)
        return Scan(
            schema=self._schema,
            wide=wide,
            partition_schema=table.partition_schema,
            expression=expression,
            policy=self._options.policy,
            # Few columns, or row groups that a filter leaves out: ranges cost less than whole files.
            whole=expression is None and 2 * len(wide) > len(known),
            report=self._options.report,
            expected=expected(self._options),
        )

    def _wide(self, known: pa.Schema, expression: Expression | None) -> pa.Schema:
        needed = [_spelling(known, name) for name in sorted(columns(expression))] if expression is not None else []
        there = {name.lower() for name in self._schema.names}
        return pa.schema([*self._schema, *(known.field(name) for name in needed if name.lower() not in there)])

    def read(self, split: Split) -> Iterator[pa.RecordBatch]:
        """Yield a split's rows; runs on an executor.

        Raises:
            S3CSEError: naming the file that could not be read.
        """
        session = session_for(self._options)
        spare_collections()
        return split.scan.read(session.store, session.keyring, split.tasks)
