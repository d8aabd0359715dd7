"""Which files a table consists of, with their partition values; an unfinished overwrite is honoured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.parquet import hive, journal
from s3cse.storage.port import ListedObject, Location, ObjectStore


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file: where it is, its stored length in bytes, the ETag it was listed with, its partition values.

    ``partition`` holds one Python value per column of the table's partition schema, in order.
    """

    location: Location
    size: int
    etag: str
    partition: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class TableFiles:
    """A table as it was listed."""

    table: Location
    files: tuple[DataFile, ...]
    partition_schema: pa.Schema


def list_table(store: ObjectStore, table: Location) -> TableFiles:
    """List a table's data files; hidden names and what an overwrite replaced are left out.

    ``table`` may also be one file.

    Raises:
        SettingsError: there is no data file, or the partition folders contradict each other.
    """
    rows = _visible(store, table)
    partitioned = hive.discover([name for name, _ in rows], table.uri)
    by_name = dict(rows)
    files = tuple(
        DataFile(by_name[found.name].location, by_name[found.name].size, by_name[found.name].etag, found.values)
        for found in partitioned.files
    )
    if not files:
        raise SettingsError("there are no data files here", found=table.uri, fix="check the path, or write first")
    return TableFiles(table, files, partitioned.schema)


def _visible(store: ObjectStore, table: Location) -> Sequence[tuple[str, ListedObject]]:
    folder = f"{table.key}/" if table.key else ""
    listed = [(row.location.key.removeprefix(folder), row) for row in store.list(Location(table.bucket, folder))]
    if not listed and table.key:
        return [("", row) for row in store.list(table) if row.location == table]
    journals = [journal.read(store, row) for name, row in listed if journal.is_journal(name)]
    replaced = {name for found in journals for name in found.replaced}
    return [(name, row) for name, row in listed if name not in replaced]
