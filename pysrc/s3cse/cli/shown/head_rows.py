"""The first rows of a table: file after file, until there are enough."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import cast

import pyarrow as pa

from s3cse.cli.work.remote import Remote
from s3cse.envelope.profiles import SSE_C
from s3cse.errors import SettingsError
from s3cse.keyrings import Keyring
from s3cse.options.profile_rules import message_options
from s3cse.parquet.expected import Expected
from s3cse.parquet.filter.expression import Expression
from s3cse.parquet.filter.expression import columns as columns_of
from s3cse.parquet.plan import file_schema
from s3cse.parquet.scan import FileTask, Scan
from s3cse.parquet.table import TableFiles, list_table
from s3cse.storage.port import Location


def first_rows(
    remote: Remote, place: Location, number: int, names: Sequence[str] | None, condition: str | None
) -> pa.Table:
    """Return at most ``number`` rows.

    Args:
        names: of the columns; None: all.
        condition: SQL; None: all rows.

    Raises:
        SettingsError: no table, no such column, or a condition that is not understood.
        S3CSEError: a file cannot be read.
    """
    table = list_table(remote.store, place)
    scan = _scan(remote, table, names, condition)
    batches, count = [], 0
    for file in scan.may_hold_rows(table.files):
        found = scan.read(remote.store, _keyring(remote), [FileTask(file)])
        with closing(cast("Generator[pa.RecordBatch, None, None]", found)) as rows:  # what was fetched ahead is dropped
            for batch in rows:
                batches.append(batch.slice(0, number - count))
                count += len(batches[-1])
                if count >= number:
                    return pa.Table.from_batches(batches, scan.schema)
    return pa.Table.from_batches(batches, scan.schema)


def _parsed(condition: str) -> Expression:
    try:
        from s3cse.parquet.filter.filter_sql import parse_filter  # sqlglot: slow to import, and an extra
    except ModuleNotFoundError as error:
        if error.name != "sqlglot":
            raise
        raise SettingsError("--filter needs sqlglot", fix="install it: pip install 's3cse[filter]'") from error
    return parse_filter(condition)


def _scan(remote: Remote, table: TableFiles, names: Sequence[str] | None, condition: str | None) -> Scan:
    policy = remote.options.policy
    expected = Expected(profile=remote.options.profile, message=message_options(remote.options))
    stored = file_schema(remote.store, _keyring(remote), table.files, policy, expected=expected).remove_metadata()
    partitions = {column.name.lower() for column in table.partition_schema}
    known = pa.schema(
        [*(column for column in stored if column.name.lower() not in partitions), *table.partition_schema]
    )
    expression = None
    if condition is not None:
        expression = _parsed(condition)
    schema = known if names is None else pa.schema([_column(known, name) for name in names])
    needed = [] if expression is None else sorted(columns_of(expression))
    there = {name.lower() for name in schema.names}
    wide = [*schema, *(_column(known, name) for name in needed if name.lower() not in there)]
    return Scan(
        schema=schema,
        wide=pa.schema(wide),
        partition_schema=table.partition_schema,
        expression=expression,
        policy=policy,
        whole=False,
        expected=expected,
    )


def _keyring(remote: Remote) -> Keyring | None:
    return None if remote.options.profile == SSE_C else remote.keyring


def _column(known: pa.Schema, name: str) -> pa.Field:
    same = [column for column in known if column.name == name] or [
        column for column in known if column.name.lower() == name.lower()
    ]
    if len(same) != 1:
        raise SettingsError("the table has no such column", found=repr(name), expected=", ".join(known.names))
    return same[0]
