"""What there is to work on: the files of a local folder, the objects under an address."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.objects import named_as_file
from s3cse.storage.port import Location, ObjectStore

#: What Hadoop leaves in place of an empty folder.
_FOLDER_MARK = "_$folder$"
#: An encrypted empty object, at most.
_EMPTY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or an object.

    Args:
        relative: its path below what was named, with ``/`` between the parts.
        size: in bytes; of an object the stored length.
        modified: when it was changed last; None: nobody said.
    """

    place: Location | Path
    relative: str
    size: int
    modified: datetime | None


Complain = Callable[[str, str], None]


def local_files(folder: Path, complain: Complain, *, follow_links: bool = True) -> Iterator[Entry]:
    """Yield the regular files in a folder and below, by name.

    Args:
        complain: told (path, reason) of what cannot be read, or is no file.
        follow_links: take what symbolic links lead to; without, they are left out.
    """
    root = folder.stat()
    yield from _files(folder, "", complain, follow_links, {(root.st_dev, root.st_ino)})


def _files(
    folder: Path, above: str, complain: Complain, follow_links: bool, outer: set[tuple[int, int]]
) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as found:
            rows = sorted(found, key=lambda row: row.name)
    except OSError as error:
        complain(str(folder), error.strerror or "cannot be read")
        return
    for row in rows:
        path, relative = Path(row.path), above + row.name
        if not follow_links and row.is_symlink():
            continue
        try:
            status = row.stat()
        except OSError as error:
            complain(row.path, error.strerror or "cannot be read")
            continue
        if stat.S_ISDIR(status.st_mode):
            identity = (status.st_dev, status.st_ino)
            if identity in outer:
                complain(row.path, "a link to a folder that it is in")
                continue
            yield from _files(path, f"{relative}/", complain, follow_links, outer | {identity})
        elif stat.S_ISREG(status.st_mode):
            yield Entry(path, relative, status.st_size, _moment(status))
        else:
            complain(row.path, "neither a file nor a folder")


def local_file(path: Path) -> Entry:
    """Return one file, which may be a pipe or a device.

    Raises:
        OSError: it is not there.
    """
    status = path.stat()
    return Entry(path, path.name, status.st_size, _moment(status))


def _moment(status: os.stat_result) -> datetime:
    return datetime.fromtimestamp(status.st_mtime, timezone.utc)


def stored_objects(store: ObjectStore, folder: Location) -> Iterator[Entry]:
    """Yield the objects whose key begins with the folder's, in key order, instruction files among them.

    Raises:
        TransferError: S3 refused.
    """
    for row in store.list(folder):
        yield Entry(row.location, row.location.key[len(folder.key) :], row.size, row.last_modified)


def is_folder_mark(entry: Entry) -> bool:
    """Whether it stands for an empty folder: consoles and Hadoop leave those, and they hold nothing."""
    name = entry.relative
    return ((name.endswith("/") or not name) and entry.size <= _EMPTY_BYTES) or (
        name.endswith(_FOLDER_MARK) and entry.size == 0
    )


def is_instruction_file(store: ObjectStore, place: Location) -> bool:
    """Whether it is the instruction file of another object: one HEAD for what has such a name, and perhaps a GET.

    Raises:
        TransferError: S3 refused.
    """
    if not place.key.endswith(INSTRUCTION_SUFFIX):
        return False
    stored = store.head(place)
    return stored is not None and named_as_file.is_instruction_file(store, stored)
