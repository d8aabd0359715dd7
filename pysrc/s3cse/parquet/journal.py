"""The journal of an overwrite, one small hidden object beside the data: which files count while S3 holds both sets.

It is written as ``pending`` before the first new file becomes visible: readers leave the new names out. When all of
them are there it is rewritten as ``done``, the point of no return: readers leave the replaced names out, and the next
writer finishes their deletion. So for our readers an overwrite happens in that one PUT. It holds file names only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from s3cse.errors import EnvelopeError
from s3cse.storage.port import ListedObject, Location, ObjectStore

PREFIX = "_s3cse_overwrite_"
_SUFFIX = ".json"
_VERSION = 1
PENDING, DONE = "pending", "done"


@dataclass(frozen=True, slots=True)
class Journal:
    """What one job puts in place of what: names relative to the table's folder."""

    job: str
    state: str
    new: tuple[str, ...]
    replaced: tuple[str, ...]

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names that do not belong to the table as things stand."""
        return self.new if self.state == PENDING else self.replaced


def location(table: Location, job: str) -> Location:
    """Return where the job's journal is."""
    return table.child(f"{PREFIX}{job}{_SUFFIX}")


def is_journal(name: str) -> bool:
    """Whether this name, relative to the table's folder, is a journal's."""
    return name.startswith(PREFIX) and name.endswith(_SUFFIX)


def write(store: ObjectStore, table: Location, journal: Journal) -> None:
    """Store the journal, in place of the one the job had."""
    store.put(location(table, journal.job), json.dumps({"version": _VERSION, **asdict(journal)}).encode())


def read(store: ObjectStore, listed: ListedObject) -> Journal:
    """Read a journal that a listing showed.

    Raises:
        EnvelopeError: it is no journal of ours.
    """
    body = bytearray(listed.size)
    store.get_into(listed.location, 0, body, listed.etag)
    try:
        value = json.loads(bytes(body))
        if value["version"] != _VERSION:
            raise ValueError("unknown version")
        if value["state"] not in (PENDING, DONE):
            raise ValueError("unknown state")
        return Journal(str(value["job"]), value["state"], _names(value["new"]), _names(value["replaced"]))
    except (ValueError, KeyError, TypeError) as error:
        raise EnvelopeError(
            "the overwrite journal is damaged",
            uri=listed.location.uri,
            fix="see which files belong to the table, then delete the journal",
        ) from error


def _names(value: Sequence[object]) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("no list of names")
    names = tuple(str(name) for name in value)
    if any(name.startswith("/") or ".." in name.split("/") for name in names):
        raise ValueError("a name leaves the table's folder")
    return names


def find(store: ObjectStore, table: Location) -> list[ListedObject]:
    """List the journals under a table."""
    folder = f"{table.key}/" if table.key else ""
    rows = store.list(Location(table.bucket, folder + PREFIX))
    return [row for row in rows if is_journal(row.location.key.removeprefix(folder))]


def read_own(store: ObjectStore, table: Location, job: str) -> Journal | None:
    """Return a job's journal, None where there is none."""
    own = [row for row in find(store, table) if row.location == location(table, job)]
    return read(store, own[0]) if own else None
