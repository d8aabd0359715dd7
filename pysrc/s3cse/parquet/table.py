"""Which files a table consists of, with their partition values; an unfinished overwrite is honoured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.errors import SettingsError, TransferError
from s3cse.parquet import hive, journal
from s3cse.parquet.folder_filter import FolderFilter
from s3cse.parquet.listing import list_long
from s3cse.parquet.success import done_jobs
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


def list_table(
    store: ObjectStore,
    table: Location,
    types: pa.Schema | None = None,
    folders: FolderFilter | None = None,
) -> TableFiles:
    """List a table's data files; hidden names, instruction files and what an overwrite replaced are left out.

    Args:
        table: the folder, or one file.
        types: of partition columns, where the caller knows better than what their values look like.
        folders: tells where no wanted rows are: there a long table need not be listed, and may come without its files.

    Raises:
        SettingsError: there is no data file, or the partition folders contradict each other.
    """
    wanted = _Wanted(folders)
    rows = _visible(store, table, wanted)
    partitioned = hive.discover([name for name, _ in rows], table.uri, types=types)
    by_name = dict(rows)
    files = tuple(
        DataFile(by_name[found.name].location, by_name[found.name].size, by_name[found.name].etag, found.values)
        for found in partitioned.files
    )
    if not files and not wanted.left_out:
        raise SettingsError("there are no data files here", found=table.uri, fix="check the path, or write first")
    return TableFiles(table, files, partitioned.schema)


class _Wanted:
    """Which folders to enter; remembers whether it kept any out."""

    def __init__(self, folders: FolderFilter | None) -> None:
        self._folders = folders
        self.left_out = False

    @property
    def test(self) -> Callable[[str], bool] | None:
        """What tells of a folder; None: all of them are wanted."""
        return None if self._folders is None else partial(self._enter, self._folders)

    def _enter(self, folders: FolderFilter, name: str) -> bool:
        wanted = folders.may_hold_rows(name)
        self.left_out = self.left_out or not wanted
        return wanted


@dataclass(frozen=True, slots=True)
class _Listing:
    """What was listed, and how far overwrites were before that began; ``overwrite`` None: it was a single request."""

    rows: Sequence[ListedObject]
    journals: Sequence[ListedObject]
    overwrite: str | None


def _list(store: ObjectStore, table: Location, folder: Location, wanted: _Wanted) -> _Listing:
    page = store.list_page(folder)
    if page.token is None:
        journals = [row for row in page.objects if journal.is_journal(row.location.key.removeprefix(folder.key))]
        return _Listing(page.objects, journals, None)
    # In this order, and before what is believed is listed: whatever an overwrite does from here on shows afterwards.
    journals = journal.find(store, table)
    overwrite = done_jobs(store, table).overwrite
    return _Listing(list_long(store, folder, page, wanted.test), journals, overwrite)


def _still_true(store: ObjectStore, table: Location, listing: _Listing) -> bool:
    """Tell whether no overwrite began or ended since."""
    if _marks(listing.journals) != _marks(journal.find(store, table)):
        return False
    # No overwrite begins and ends within one request; within many it may, and take its journal with it.
    return listing.overwrite is None or listing.overwrite == done_jobs(store, table).overwrite


def _marks(journals: Sequence[ListedObject]) -> set[tuple[Location, str]]:
    return {(row.location, row.etag) for row in journals}


def _visible(store: ObjectStore, table: Location, wanted: _Wanted) -> Sequence[tuple[str, ListedObject]]:
    folder = Location(table.bucket, f"{table.key}/" if table.key else "")
    for attempt in range(_LISTINGS):
        listing = _list(store, table, folder, wanted)
        if not listing.rows and not wanted.left_out and table.key:
            # The first of all keys that begin like this one; a bucket may have millions of the others.
            return [("", row) for row in store.list_page(table).objects if row.location == table]
        try:
            hidden = {name for row in listing.journals for name in journal.read(store, row).hidden}
        except TransferError as error:
            # The overwrite went on meanwhile, and with it this listing's truth.
            if error.status not in _GONE_ON or attempt + 1 == _LISTINGS:
                raise
            continue
        if _still_true(store, table, listing):
            named = [(row.location.key.removeprefix(folder.key), row) for row in listing.rows]
            return [(name, row) for name, row in named if name not in hidden and not name.endswith(INSTRUCTION_SUFFIX)]
    raise TransferError(
        "the table is being overwritten again and again",
        uri=table.uri,
        found=f"{_LISTINGS} listings, and an overwrite began or ended in each",
        expected="a moment of rest",
        fix="read again later",
    )
