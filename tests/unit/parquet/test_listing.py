"""Long tables are listed in parallel: completely, once, and in hardly more requests than in a row."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3cse.errors import TransferError
from s3cse.parquet.hive import is_hidden
from s3cse.parquet.listing import MOST_FOLDERS_A_PAGE, MOST_PREFIXES, list_long, prefixes
from s3cse.parquet.table import list_table
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import ListedPage, Location
from s3cse.storage.s3 import S3Store
from spark.fakes import TABLE, FailingStore

FOLDER = Location(TABLE.bucket, f"{TABLE.key}/")
PAGE = 10


class TreeOrder(MemoryStore):
    """A store that lists as a tree of folders is walked: ``a/x`` before ``a-b/x``, which S3 has the other way round."""

    def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
        """See ObjectStore; a token is a number of rows."""
        everything = MemoryStore.list_page(_all_of(self), prefix, folders=folders)
        self.log.append(("LIST", prefix.key))
        rows = [*everything.objects, *everything.folders]
        rows.sort(key=lambda row: (row if isinstance(row, Location) else row.location).key.split("/"))
        first = int(token or 0)
        told = rows[first : first + PAGE]
        return ListedPage(
            tuple(row for row in told if not isinstance(row, Location)),
            tuple(row for row in told if isinstance(row, Location)),
            str(first + PAGE) if first + PAGE < len(rows) else None,
        )


def _all_of(store: MemoryStore) -> MemoryStore:
    whole = MemoryStore(page_rows=1 << 30)
    whole._objects = store._objects
    return whole


def store_with(names: list[str], kind: type[MemoryStore] = MemoryStore) -> MemoryStore:
    """Return a store with pages of ten rows and these objects in the table's folder."""
    store = kind(page_rows=PAGE)
    for name in names:
        store.put(Location(FOLDER.bucket, FOLDER.key + name), b"rows")
    store.put(Location(FOLDER.bucket, "lake/table-2/other"), b"rows")
    store.log.clear()
    return store


def listed(store: MemoryStore) -> list[str]:
    """List the table as a reader does whose first page was not all; return the names that count."""
    found = list_long(store, FOLDER, store.list_page(FOLDER))
    names = [row.location.key.removeprefix(FOLDER.key) for row in found]
    return [name for name in names if not is_hidden(name)]


def requests(store: MemoryStore) -> int:
    """Return how many listings were asked for."""
    return sum(method == "LIST" for method, _ in store.log)


def days(folders: int, files: int) -> list[str]:
    """Return the names of a table with a folder per day."""
    return [f"day={at // 28:02}-{at % 28:02}/part-{file:03}" for at in range(folders) for file in range(files)]


LAYOUTS = {
    "flat": [f"part-{at:03}" for at in range(95)],
    "a few large folders": [f"kind={at}/part-{file:03}" for at in range(3) for file in range(40)],
    "many small folders": days(100, 3),
    "a file per folder": days(400, 1),
    "nested": [
        f"year={y}/month={m}/day={d}/part-{f}" for y in range(2) for m in range(4) for d in range(3) for f in range(5)
    ],
    "one folder": [f"all=1/part-{at:03}" for at in range(55)],
    "one large among small": [*days(30, 2), *(f"day=05-77/part-{file:03}" for file in range(60))],
    "names that begin alike": [f"p={name}/f{at}" for name in ("a", "a-b", "a_b", "a.b", "ab", "a=") for at in range(9)],
    "files beside folders": [*days(20, 3), "day=00-00.parquet", "aaa", "zzz"],
}


@pytest.mark.parametrize("kind", [MemoryStore, TreeOrder])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_everything_is_listed_once(layout: str, kind: type[MemoryStore]) -> None:
    """Each object of the table and no other is there once, in key order, whatever order the server has."""
    names = LAYOUTS[layout]
    assert listed(store_with(names, kind)) == sorted(names)


@given(
    st.lists(
        st.lists(st.text("ab/=-_.%", min_size=1, max_size=5), min_size=1, max_size=4).map("/".join),
        max_size=60,
        unique=True,
    ),
    st.sampled_from([MemoryStore, TreeOrder]),
)
def test_any_names_are_listed_once(names: list[str], kind: type[MemoryStore]) -> None:
    """Empty segments, hidden folders and names that begin alike change nothing."""
    assert listed(store_with(names, kind)) == sorted(name for name in names if not is_hidden(name))


def test_everything_is_listed_once_by_a_real_server(s3: Any, shared_bucket: str) -> None:
    """Prefixes that end within a name, folders and pages mean the same there."""
    table = Location(shared_bucket, f"{uuid.uuid4().hex}/table")
    names = LAYOUTS["names that begin alike"]
    for name in [*names, "_temporary/0/x", "_SUCCESS"]:
        s3.put_object(Bucket=shared_bucket, Key=table.child(name).key)
    found = list_table(S3Store(s3, {"list_objects_v2": {"MaxKeys": 6}}), table).files
    assert [file.location for file in found] == [table.child(name) for name in sorted(names)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_requests_stay_near_one_per_page(layout: str) -> None:
    """One per page of objects, one per page of folder names, and up to two per prefix: far from one per folder."""
    store = store_with(LAYOUTS[layout])
    listed(store)
    pages = -(-len(LAYOUTS[layout]) // PAGE)
    in_parallel = {key for _, key in store.log} - {FOLDER.key}
    folders = len({name.rpartition("/")[0] for name in LAYOUTS[layout]})
    assert requests(store) <= 1 + pages + -(-folders // PAGE) + 2 * len(in_parallel)
    assert len(in_parallel) <= 2 * pages


def test_small_folders_share_a_prefix() -> None:
    """A hundred folders of three files are listed by parts of their names, about a page each."""
    store = store_with(days(100, 3))
    listed(store)
    asked = {key.removeprefix(FOLDER.key) for _, key in store.log} - {""}
    assert {"day=00-0", "day=00-1", "day=03-0"} <= asked
    assert not [key for key in asked if key.endswith("/")]
    assert requests(store) < 70


def test_folders_of_a_file_each_are_listed_in_a_row() -> None:
    """Where naming the folders would cost as much as listing the files, that is what is done."""
    store = MemoryStore(page_rows=MOST_FOLDERS_A_PAGE + 50)
    for name in days(1000, 1):
        store.put(TABLE.child(name), b"rows")
    store.log.clear()
    assert len(listed(store)) == 1000
    assert store.log == [("LIST", FOLDER.key)] * (1 + 4)


def test_hidden_folders_are_not_entered() -> None:
    """What a crashed committer left costs the first page and no other request."""
    store = store_with([*(f"_temporary/0/part-{at}" for at in range(500)), *(f"p=1/{at}" for at in range(15))])
    assert len(listed(store)) == 15
    assert not [key for _, key in store.log if "_temporary" in key]
    assert requests(store) == 1 + 1 + 2  # the sample, the names of folders, two pages of p=1


def test_prefixes_are_asked_for_at_the_same_time() -> None:
    """Two listings are under way together; one after the other, neither would get its answer."""
    together = threading.Barrier(2)

    class Meeting(MemoryStore):
        def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
            if prefix.key.endswith(("p=1/", "p=2/")) and token is None and not folders:
                together.wait(timeout=20)
            return super().list_page(prefix, token, folders=folders)

    store = store_with([f"p={folder}/{at:02}" for folder in (1, 2) for at in range(40)], Meeting)
    assert len(listed(store)) == 80


def test_refusal_of_one_prefix_is_an_error() -> None:
    """A table of which a part cannot be listed is not a smaller table."""
    for number in range(2, 12):
        store = store_with(days(100, 3))
        failing = FailingStore(store, number)
        with pytest.raises(TransferError, match="list_page failed"):
            list_long(failing, FOLDER, failing.list_page(FOLDER))


@pytest.mark.parametrize("a_page", [1, 2, 7, 40, 1000])
def test_each_folder_has_exactly_one_prefix(a_page: int) -> None:
    """Prefixes neither overlap nor leave a folder out, and those of a part of a name are worth a request."""
    folders = sorted({f"t/{'abc'[at % 3]}={at * 37 % 1000:03}/" for at in range(300)})
    found = prefixes(folders, a_page)
    sizes = [sum(folder.startswith(prefix) for folder in folders) for prefix in found]
    assert sum(sizes) == len(folders)
    assert all(any(folder.startswith(prefix) for prefix in found) for folder in folders)
    assert len(found) <= min(MOST_PREFIXES + 10, max(1, 2 * len(folders) // a_page))


def test_prefixes_of_few_folders() -> None:
    """Nothing gives nothing; one folder is its own prefix; small ones share one."""
    assert prefixes([], 5) == []
    assert prefixes(["t/p=1/"], 5) == ["t/p=1/"]
    assert prefixes(["t/p=1/", "t/p=10/"], 1) == ["t/p=1/", "t/p=10/"]
    assert prefixes(["t/p=1/", "t/p=2/", "t/q=1/"], 5) == ["t/"]
