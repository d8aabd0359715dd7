"""Listing a long table in parallel, in hardly more requests than one after the other would take.

A table whose files lie in folders is listed by prefixes that together match each of its folders once: as many as pages
are expected, so that each costs about one request. A prefix ends in the middle of a name (``day=2024-0``) where folders
are small, and is one folder where they are large. Folders that are hidden or not wanted are not entered. Nothing here
relies on the order in which a server lists: with some it is that of a tree, not that of the keys.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial

from s3cse.objects.workers import WORKERS, drain, pool
from s3cse.parquet.hive import is_hidden
from s3cse.storage.port import ListedObject, ListedPage, Location, ObjectStore

#: Where a page holds more folders than this, naming them costs a good part of what listing everything does.
MOST_FOLDERS_A_PAGE = 250
#: About how many prefixes one is divided into; the long ones among them are divided again.
MOST_PREFIXES = 4 * WORKERS
#: Where so many requests are under way, nothing is divided further.
ENOUGH_WAITING = 2 * WORKERS
#: What is expected to take no more pages than this is listed one after the other.
FEW_PAGES = 2

_Then = Callable[[ListedPage], None]


def list_long(
    store: ObjectStore, folder: Location, sample: ListedPage, wanted: Callable[[str], bool] | None = None
) -> list[ListedObject]:
    """Return the objects of a table in key order; those in folders that do not count may be among them or not.

    Requests: one per 1000 objects, one per 1000 folders, and up to two for each prefix.

    Args:
        folder: a key that ends in ``/``, or the bucket's root.
        sample: its first page; tells how large its folders are, and nothing else: the table may have changed since.
        wanted: tells whether what is below a folder, named relative to the table and with a ``/`` at its end, counts;
            None: all of them do. Hidden ones do not, whatever it says.

    Raises:
        TransferError: S3 refused.
    """
    listing = _Listing(store, folder, wanted)
    listing.run(sample)
    return sorted(listing.found.values(), key=lambda row: row.location)


class _Listing:
    """Requests under way, and what is to be done with each answer. All but the requests is one thread's work."""

    def __init__(self, store: ObjectStore, folder: Location, wanted: Callable[[str], bool] | None) -> None:
        self._store = store
        self._folder = folder
        self._wanted = wanted
        self._waiting: dict[Future[ListedPage], _Then] = {}
        # By place: an object beside the folders may match one of their prefixes too.
        self.found: dict[Location, ListedObject] = {}

    def run(self, sample: ListedPage) -> None:
        try:
            self._divide(self._folder, sample, lambda: self._ask(partial(self._go_on, self._folder), self._folder))
            while self._waiting:
                done, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    self._waiting.pop(future)(future.result())
        finally:
            drain(self._waiting)

    def _ask(self, then: _Then, prefix: Location, token: str | None = None, *, folders: bool = False) -> None:
        self._waiting[pool().submit(self._store.list_page, prefix, token, folders=folders)] = then

    def _hidden(self, key: str) -> bool:
        return is_hidden(key.removeprefix(self._folder.key))

    def _counts(self, folder: str) -> bool:
        name = folder.removeprefix(self._folder.key)
        return not self._hidden(folder) and (self._wanted is None or self._wanted(name))

    def _keep(self, page: ListedPage) -> None:
        self.found.update((row.location, row) for row in page.objects)

    def _go_on(self, prefix: Location, page: ListedPage) -> None:
        self._keep(page)
        if page.token is not None:
            self._ask(partial(self._go_on, prefix), prefix, page.token)

    def _begin(self, prefix: Location, page: ListedPage) -> None:
        self._divide(prefix, page, partial(self._go_on, prefix, page))

    def _divide(self, prefix: Location, page: ListedPage, in_a_row: Callable[[], None]) -> None:
        """List what is under a prefix by its folders, where its first page says that this pays."""
        folders_a_page = None if page.token is None or self._busy() else self._folders_in(prefix, page)
        if folders_a_page is None:
            in_a_row()
        else:
            self._ask(partial(self._name_folders, prefix, folders_a_page, [], in_a_row), prefix, folders=True)

    def _busy(self) -> bool:
        """Tell whether dividing would only add requests; folders that are not wanted are found in no other way."""
        return self._wanted is None and len(self._waiting) >= ENOUGH_WAITING

    def _folders_in(self, prefix: Location, page: ListedPage) -> int | None:
        """Return how many folders a page has, at least 1; None where it is not made of folders, or of tiny ones."""
        keys = [row.location.key for row in page.objects if not self._hidden(row.location.key)]
        names = [key.removeprefix(prefix.key) for key in keys]
        folders = {name.partition("/")[0] for name in names}
        if len(folders) > MOST_FOLDERS_A_PAGE or not all("/" in name for name in names):
            return None
        return max(len(folders), 1)

    def _name_folders(
        self,
        prefix: Location,
        folders_a_page: int,
        before: list[ListedPage],
        in_a_row: Callable[[], None],
        page: ListedPage,
    ) -> None:
        """Collect the names of a prefix's folders, then ask for what is in them."""
        named = [*before, page]
        if page.token is not None:
            then = partial(self._name_folders, prefix, folders_a_page, named, in_a_row)
            self._ask(then, prefix, page.token, folders=True)
            return
        all_folders = [folder.key for each in named for folder in each.folders]
        folders = [folder for folder in all_folders if self._counts(folder)]
        if len(folders) > 1 and len(all_folders) <= FEW_PAGES * folders_a_page:
            in_a_row()
            return
        parts = prefixes(folders, folders_a_page)
        if parts == [prefix.key] or len(parts) == 1 < len(folders) == len(all_folders):
            in_a_row()
            return
        for each in named:
            self._keep(each)
        for key in parts:
            part = Location(prefix.bucket, key)
            self._ask(partial(self._begin, part), part)


def prefixes(folders: Sequence[str], folders_a_page: int) -> list[str]:
    """Return prefixes of which each folder has exactly one, none of them for much less than a page.

    Args:
        folders: keys that end in ``/``, all different, none below another.
        folders_a_page: how many of them are expected to fill a page of a listing of what is in them.
    """
    groups = [list(folders)] if folders else []
    done: list[list[str]] = []
    while groups and len(groups) + len(done) < MOST_PREFIXES:
        group = max(groups, key=len)
        groups.remove(group)
        parts = _divided(group) if len(group) > folders_a_page else []
        if 2 * len(group) >= folders_a_page * len(parts) > 0:
            groups += parts
        else:
            done.append(group)
    return sorted(map(_common, [*groups, *done]))


def _divided(folders: Sequence[str]) -> list[list[str]]:
    """Divide folders by the first character in which they differ; a single one cannot be."""
    if len(folders) == 1:
        return []
    at = len(_common(folders))
    by_next: dict[str, list[str]] = {}
    for folder in folders:
        by_next.setdefault(folder[at], []).append(folder)
    return list(by_next.values())


def _common(keys: Sequence[str]) -> str:
    return os.path.commonprefix(keys)  # noqa: RUF071 - character by character, as S3 compares
