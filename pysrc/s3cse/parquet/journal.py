"""The journal of an overwrite: the point of no return, as one small hidden object beside the data.

It is written when every new file is visible and before the first old one is deleted. Whoever finds it knows the
outcome: the replaced names no longer belong to the table. Readers skip them; the next writer finishes the deletion. It
holds file names only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from s3cse.errors import EnvelopeError
from s3cse.storage.port import ListedObject, Location, ObjectStore

PREFIX = "_s3cse_overwrite_"
_SUFFIX = ".json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Journal:
    """What one job replaced: names relative to the table's folder."""

    job: str
    new: tuple[str, ...]
    replaced: tuple[str, ...]


def location(table: Location, job: str) -> Location:
    """Return where the job's journal is."""
    return table.child(f"{PREFIX}{job}{_SUFFIX}")


def is_journal(name: str) -> bool:
    """Whether this name, relative to the table's folder, is a journal's."""
    return name.startswith(PREFIX) and name.endswith(_SUFFIX)


def write(store: ObjectStore, table: Location, journal: Journal) -> None:
    """Store the journal."""
    text = json.dumps({"version": _VERSION, "job": journal.job, "new": journal.new, "replaced": journal.replaced})
    store.put(location(table, journal.job), text.encode())


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
        return Journal(str(value["job"]), _names(value["new"]), _names(value["replaced"]))
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
