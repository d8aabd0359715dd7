"""What a copy is to do: which files or objects there are, and where each one goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from s3cse.cli.copies.filters import Filters
from s3cse.cli.work import entries
from s3cse.cli.work.entries import Complain, Entry
from s3cse.cli.work.places import PIPE, Place, folder_of, local_target, object_name, opened
from s3cse.errors import SettingsError, TransferError
from s3cse.storage.port import Location, ObjectStore

_LOOK = "`s3cse ls` lists what is there"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One entry and where it goes; ``refused`` says why it cannot, and then ``target`` is None."""

    entry: Entry
    target: Location | Path | None
    refused: SettingsError | None = None

    @property
    def verb(self) -> str:
        """upload | download | copy."""
        if isinstance(self.entry.place, Path):
            return "upload"
        return "copy" if isinstance(self.target, Location) else "download"


def check_ends(source: Place, target: Place, *, recursive: bool) -> None:
    """Refuse what no copy can be.

    Raises:
        SettingsError: no end in S3, a pipe with --recursive, or a folder into itself.
    """
    if not isinstance(source, Location) and not isinstance(target, Location):
        raise SettingsError(
            "neither of the two is in S3", found=f"{source} and {target}", expected="an s3:// address at one end"
        )
    if recursive and PIPE in (source, target):
        raise SettingsError("a pipe takes one object", found="- with --recursive", expected="one object's address")
    if source == target:
        raise SettingsError("source and target are the same", found=str(source), expected="two places")
    if recursive and isinstance(source, Location) and isinstance(target, Location):
        inner, outer = folder_of(target), folder_of(source)
        if inner.bucket == outer.bucket and inner.key.startswith(outer.key):
            raise SettingsError(
                "the target is inside of the source", found=target.uri, expected="a target outside of the source"
            )


def one(source: Place, target: Place, store: ObjectStore | None) -> Transfer:
    """Return the transfer of a single file or object.

    Raises:
        SettingsError: the source is a folder, or no name can be had.
        TransferError: there is no such object, or S3 refused.
        OSError: there is no such file.
    """
    entry = _stored(source, store) if isinstance(source, Location) else _local(Path(source))
    if isinstance(target, Location):
        into_folder = not target.key or target.key.endswith("/")
        name = object_name(source) if isinstance(source, Location) else entry.relative
        return Transfer(entry, Location(target.bucket, target.key + name) if into_folder else target)
    if target.endswith(os.sep) or Path(target).is_dir():
        return Transfer(entry, local_target(Path(target), entry.relative))
    return Transfer(entry, Path(target))


def _stored(place: Location, store: ObjectStore | None) -> Entry:
    name = object_name(place)
    store = opened(store)
    stored = store.head(place)
    if stored is None:
        raise TransferError(
            "there is no such object",
            uri=place.uri,
            found="nothing",
            expected="an object",
            fix="give --recursive for everything below a folder" if _is_folder(store, place) else _LOOK,
            status=404,
        )
    return Entry(place, name, stored.size, stored.details.get("LastModified"))


def _is_folder(store: ObjectStore, place: Location) -> bool:
    return bool(store.list_page(folder_of(place)).objects)


def _local(path: Path) -> Entry:
    if path.is_dir():
        raise SettingsError("this is a folder", found=str(path), fix="give --recursive for everything in it")
    return entries.local_file(path)


def source_entries(
    source: Place, store: ObjectStore | None, filters: Filters, complain: Complain, *, follow_links: bool = True
) -> Iterator[Entry]:
    """Yield what is below a folder and meant: no marks of empty folders, and no instruction files.

    Those go along with their objects.

    Raises:
        SettingsError: the source is no folder.
        TransferError: S3 refused.
    """
    if isinstance(source, Location):
        store = opened(store)
        for entry in entries.stored_objects(store, folder_of(source)):
            if entries.is_folder_mark(entry) or not filters.take(entry.relative):
                continue
            if isinstance(entry.place, Location) and entries.is_instruction_file(store, entry.place):
                continue
            yield entry
        return
    if not Path(source).is_dir():
        raise SettingsError("this is no folder", found=source, fix="leave out --recursive, or look for a typing error")
    for entry in entries.local_files(Path(source), complain, follow_links=follow_links):
        if filters.take(entry.relative):
            yield entry


def towards(entry: Entry, target: Place) -> Transfer:
    """Return the transfer of an entry into a folder; one whose name could lead outside of it is refused."""
    if isinstance(target, Location):
        folder = folder_of(target)
        try:
            entry.relative.encode()
        except UnicodeEncodeError:
            error = SettingsError("the file's name is no UTF-8", found=ascii(entry.relative), fix="rename it")
            return Transfer(entry, None, error)
        return Transfer(entry, Location(folder.bucket, folder.key + entry.relative))
    try:
        return Transfer(entry, local_target(Path(target), entry.relative))
    except SettingsError as error:
        return Transfer(entry, None, error.at(entry.place.uri) if isinstance(entry.place, Location) else error)
