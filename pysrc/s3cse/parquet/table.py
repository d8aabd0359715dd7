"""Which files a table consists of, with their partition values; an unfinished overwrite is honoured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s3cse.errors import SettingsError, TransferError
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


_LISTINGS = 5


def list_table(store: ObjectStore, table: Location, types: pa.Schema | None = None) -> TableFiles:
    """List a table's data files; hidden names and what an overwrite replaced are left out.

    Args:
        table: the folder, or one file.
        types: of partition columns, where the caller knows better than what their values look like.

    Raises:
        SettingsError: there is no data file, or the partition folders contradict each other.
    """
    rows = _visible(store, table)
    partitioned = hive.discover([name for name, _ in rows], table.uri, types=types)
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
    for attempt in range(_LISTINGS):
        listed = [(row.location.key.removeprefix(folder), row) for row in store.list(Location(table.bucket, folder))]
        if not listed and table.key:
            return [("", row) for row in store.list(table) if row.location == table]
        try:
            journals = [journal.read(store, row) for name, row in listed if journal.is_journal(name)]
        except TransferError as error:
            # The overwrite came to its end meanwhile, and with it this listing's truth.
            if error.status != 404 or attempt + 1 == _LISTINGS:
                raise
            continue
        replaced = {name for found in journals for name in found.replaced}
        return [(name, row) for name, row in listed if name not in replaced]
    raise AssertionError("the last attempt returns or raises")
