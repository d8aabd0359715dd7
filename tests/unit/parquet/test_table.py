"""Which objects are a table's data files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pytest

from s3cse.errors import EnvelopeError, SettingsError, TransferError
from s3cse.parquet import journal, success
from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.folder_filter import FolderFilter
from s3cse.parquet.table import list_table
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import ListedObject, ListedPage, Location, StoredObject
from spark.fakes import TABLE, FailingStore


def store_with(*names: str, table: Location = TABLE) -> MemoryStore:
    """Return a store with objects of these names below the table."""
    store = MemoryStore()
    for name in names:
        store.put(table.child(name), name.encode())
    return store


def names(store: MemoryStore | FailingStore, table: Location = TABLE) -> list[str]:
    """Return the keys of the table's files."""
    return [file.location.key for file in list_table(store, table).files]


def test_files_have_place_size_etag() -> None:
    """A data file comes with its stored size and ETag as the listing has them."""
    (file,) = list_table(store_with("a.parquet"), TABLE).files
    assert (file.location, file.size, file.partition) == (TABLE.child("a.parquet"), 9, ())
    assert file.etag.startswith('"')


def test_hidden_names_and_neighbours_are_left_out() -> None:
    """Hidden names, folder markers and tables whose name only begins alike are no data of this table."""
    store = store_with("a.parquet", "_SUCCESS", ".b.crc", "_temporary/0/c.parquet", "sub_$folder$", "empty/")
    store.put(Location("bucket", "lake/table2/d.parquet"), b"other")
    store.put(Location("other", "lake/table/e.parquet"), b"other")
    assert names(store) == ["lake/table/a.parquet"]


def test_partition_values_are_typed() -> None:
    """Folders give every file one value per partition column, null for Hive's default partition."""
    found = list_table(store_with("d=2024-02-29/n=1/a", "d=__HIVE_DEFAULT_PARTITION__/n=2/b"), TABLE)
    assert found.partition_schema == pa.schema([("d", pa.date32()), ("n", pa.int32())])
    assert [file.partition for file in found.files] == [(dt.date(2024, 2, 29), 1), (None, 2)]


def test_given_types_win() -> None:
    """A partition column has the type that the caller says, whatever its values look like."""
    found = list_table(store_with("n=01/a", "n=2/b"), TABLE, pa.schema([("N", pa.string()), ("x", pa.int8())]))
    assert [file.partition for file in found.files] == [("01",), ("2",)]


def test_one_file_is_a_table() -> None:
    """The address of one object is a table of that file."""
    assert names(store_with("a.parquet", "b.parquet"), TABLE.child("a.parquet")) == ["lake/table/a.parquet"]


def test_a_place_beside_many_others_is_found_in_one_request() -> None:
    """Whether an address is a file's costs no listing of all that begins like it, whose end may be far."""

    class Long(MemoryStore):
        def list(self, prefix: Location) -> Iterator[ListedObject]:
            raise AssertionError(f"everything under {prefix} is listed")

    store = Long(page_rows=2)
    for number in range(9):
        store.put(Location("b", f"logs-2024-{number}/f"), b"x")
    with pytest.raises(SettingsError, match="no data files"):
        list_table(store, Location("b", "logs"))
    store.put(Location("b", "logs"), b"x")
    assert [file.location.key for file in list_table(store, Location("b", "logs")).files] == ["logs"]


def test_bucket_is_a_table() -> None:
    """A whole bucket can be a table."""
    root = Location("bucket", "")
    assert names(store_with("a.parquet", table=root), root) == ["a.parquet"]


@pytest.mark.parametrize("others", [(), ("_SUCCESS",), ("_SUCCESS", ".x")])
def test_no_files_is_an_error_that_names_the_table(others: tuple[str, ...]) -> None:
    """A table without data files is an error with its address: a mistyped path is not an empty table."""
    with pytest.raises(SettingsError, match="s3://bucket/lake/table"):
        list_table(store_with(*others), TABLE)


def test_replaced_files_are_left_out() -> None:
    """What an unfinished overwrite replaced is not the table's any more, though it is still there."""
    store = store_with("p=1/old", "p=1/new", "p=2/old")
    journal.write(store, TABLE, journal.Journal("job", journal.DONE, ("p=1/new",), ("p=1/old", "p=2/old", "p=3/gone")))
    assert names(store) == ["lake/table/p=1/new"]


def test_damaged_journal_stops_the_reader() -> None:
    """While nobody can tell which files count, none is read."""
    store = store_with("a.parquet")
    store.put(journal.location(TABLE, "job"), b"{")
    with pytest.raises(EnvelopeError, match="journal"):
        list_table(store, TABLE)


class Finishing(FailingStore):
    """A store in which the overwrite ends between the listing and the look into its journal."""

    def __init__(self, inner: MemoryStore, times: int) -> None:
        super().__init__(inner)
        self.memory, self.times = inner, times

    def get_into(self, location: Location, start: int, out: object, if_match: str) -> None:
        """Remove what the overwrite replaced, and the journal, before the answer."""
        self.memory.delete([TABLE.child("old"), location])
        try:
            super().get_into(location, start, out, if_match)
        finally:
            self.times -= 1
            if self.times:
                journal.write(self.memory, TABLE, journal.Journal("next", journal.DONE, (), ("old",)))


def test_new_files_of_a_pending_overwrite_are_left_out() -> None:
    """Until an overwrite has decided, its files do not belong to the table though they are there."""
    store = store_with("p=1/old", "p=1/new")
    journal.write(store, TABLE, journal.Journal("job", journal.PENDING, ("p=1/new",), ("p=1/old",)))
    assert [file.location.key for file in list_table(store, TABLE).files] == [TABLE.child("p=1/old").key]


def test_overwrite_that_begins_during_the_listing_is_seen() -> None:
    """A journal that came after its place in the listing had passed still hides the new files."""

    class Beginning(MemoryStore):
        begun = False

        def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
            page = super().list_page(prefix, token, folders=folders)
            if not self.begun:
                self.begun = True
                journal.write(self, TABLE, journal.Journal("job", journal.PENDING, ("new",), ("old",)))
                self.put(TABLE.child("new"), b"rows")
                late = [row for row in super().list(prefix) if row.location == TABLE.child("new")]
                page = replace(page, objects=(*page.objects, *late))
            return page

    store = Beginning()
    store.put(TABLE.child("old"), b"rows")
    assert [file.location.key for file in list_table(store, TABLE).files] == [TABLE.child("old").key]


def test_overwrite_that_ends_meanwhile_is_listed_again() -> None:
    """A journal that disappears while a reader looks at it means that the listing is out of date, not an error."""
    store = store_with("new", "old")
    journal.write(store, TABLE, journal.Journal("job", journal.DONE, ("new",), ("old",)))
    assert names(Finishing(store, times=1)) == ["lake/table/new"]


def test_listing_again_has_an_end() -> None:
    """A reader does not run after disappearing journals for ever."""
    store = store_with("new", "old")
    journal.write(store, TABLE, journal.Journal("job", journal.DONE, ("new",), ("old",)))
    with pytest.raises(TransferError):
        names(Finishing(store, times=100))


class Meanwhile(MemoryStore):
    """A store in which something happens once: before its nth answer about what there is."""

    def __init__(self, names: list[str], nth: int) -> None:
        super().__init__(page_rows=10)
        for name in names:
            self.put(TABLE.child(name), name.encode())
        self.nth = nth
        self.happens: Callable[[], None] = lambda: None
        self.asked = 0

    def _ask(self) -> None:
        self.asked += 1
        if self.asked == self.nth:
            self.happens()

    def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
        """See ObjectStore."""
        self._ask()
        return super().list_page(prefix, token, folders=folders)

    def list(self, prefix: Location) -> Iterator[ListedObject]:
        """See ObjectStore."""
        self._ask()
        return super().list(prefix)

    def head(self, location: Location) -> StoredObject | None:
        """See ObjectStore."""
        self._ask()
        return super().head(location)


def overwrite(store: MemoryStore, old: list[str], new: list[str], until: str) -> None:
    """Replace files as a commit does, up to a state of its journal or to the end."""
    found = journal.Journal("job", journal.PENDING, tuple(new), tuple(old))
    journal.write(store, TABLE, found)
    for name in new:
        store.put(TABLE.child(name), b"rows")
    if until == journal.PENDING:
        return
    journal.write(store, TABLE, replace(found, state=journal.DONE))
    if until == journal.DONE:
        return
    store.delete([TABLE.child(name) for name in old])
    success.mark_done(store, TABLE, "job", overwrite=True)
    store.delete([journal.location(TABLE, "job")])


@pytest.mark.parametrize("until", [journal.PENDING, journal.DONE, "the end"])
@pytest.mark.parametrize("place", ["P={}/", "p={}/", "{}-"])
def test_overwrite_within_a_long_listing_is_not_mixed_in(until: str, place: str) -> None:
    """Wherever in a listing of many requests an overwrite goes on, all of it or nothing of it is in what is read."""
    # Capitals come before the journal in key order, other letters after it.
    old = [f"{place.format(folder)}old-{at}" for folder in "ABpq" for at in range(10)]
    new = [f"{place.format(folder)}new-{at}" for folder in "ABpq" for at in range(10)]
    outcomes = set()
    for nth in range(1, 30):
        store = Meanwhile(old, nth)
        store.happens = partial(overwrite, store, old, new, until)
        found = frozenset(file.location.key.removeprefix(f"{TABLE.key}/") for file in list_table(store, TABLE).files)
        if store.asked < nth:
            break
        assert found in (frozenset(old), frozenset(new))
        outcomes.add(found)
    assert nth > 8
    assert (frozenset(new) in outcomes) is (until != journal.PENDING)


def test_append_within_a_long_listing_is_no_reason_to_list_again() -> None:
    """A table that is appended to all the time can be read."""
    store = Meanwhile([f"p={folder}/{at}" for folder in range(4) for at in range(10)], 0)
    list_table(store, TABLE)
    asked = sum(method == "LIST" for method, _ in store.log)
    store.log.clear()
    store.asked, store.nth = 0, asked // 2
    store.happens = partial(success.mark_done, store, TABLE, "job", overwrite=False)
    assert len(list_table(store, TABLE).files) == 40
    assert sum(method == "LIST" for method, _ in store.log) == asked


@pytest.mark.parametrize("files", [1, 999])
def test_table_of_a_page_costs_one_listing(files: int) -> None:
    """One for the files; the other looks whether an overwrite began meanwhile."""
    store = store_with(*(f"p={at}/f" for at in range(files)))
    store.log.clear()
    list_table(store, TABLE)
    assert store.log == [("LIST", f"{TABLE.key}/"), ("LIST", f"{TABLE.key}/{journal.PREFIX}")]


YEARS = pa.schema([("year", pa.int32())])


def test_folders_that_a_filter_rules_out_are_not_listed() -> None:
    """They cost no request; the others' files are all there."""
    store = MemoryStore(page_rows=10)
    for year in range(2000, 2020):
        for at in range(30):
            store.put(TABLE.child(f"year={year}/m={at % 3}/{at}"), b"rows")
    store.log.clear()
    found = list_table(store, TABLE, YEARS, FolderFilter(parse_filter("year >= 2018"), YEARS))
    assert {file.partition[0] for file in found.files} == {2018, 2019}
    assert len(found.files) == 60
    asked = [key.removeprefix(TABLE.key) for _, key in store.log]
    assert not [key for key in asked if "year=200" in key]
    assert len(asked) < 25


def test_table_of_which_nothing_is_wanted_has_no_files() -> None:
    """That is no mistyped path."""
    store = MemoryStore(page_rows=10)
    for year in range(2000, 2020):
        store.put(TABLE.child(f"year={year}/f"), b"rows")
    assert list_table(store, TABLE, YEARS, FolderFilter(parse_filter("year = 1"), YEARS)).files == ()
