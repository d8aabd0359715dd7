"""Which files a table consists of, with their partition values; an unfinished overwrite is honoured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
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
_GONE_ON = (404, 412)  # a journal that is no more, or another one


def list_table(store: ObjectStore, table: Location, types: pa.Schema | None = None) -> TableFiles:
    """List a table's data files; hidden names, instruction files and what an overwrite replaced are left out.

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
        seen = [row for name, row in listed if journal.is_journal(name)]
        try:
            hidden = {name for row in seen for name in journal.read(store, row).hidden}
        except TransferError as error:
            # The overwrite went on meanwhile, and with it this listing's truth.
            if error.status not in _GONE_ON or attempt + 1 == _LISTINGS:
                raise
            continue
        # An overwrite that began while a long listing was under way: its journal came too late for the first pages.
        if _same(seen, journal.find(store, table)):
            return [(name, row) for name, row in listed if name not in hidden and not name.endswith(INSTRUCTION_SUFFIX)]
    raise TransferError(
        "the table is being overwritten again and again",
        uri=table.uri,
        found=f"{_LISTINGS} listings, and an overwrite began or ended in each",
        expected="a moment of rest",
        fix="read again later",
    )


def _same(one: Sequence[ListedObject], other: Sequence[ListedObject]) -> bool:
    return {(row.location, row.etag) for row in one} == {(row.location, row.etag) for row in other}
