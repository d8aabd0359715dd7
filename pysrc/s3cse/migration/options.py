"""What is to be migrated, where to, and under which names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from s3cse.errors import SettingsError
from s3cse.migration.sides import Form
from s3cse.parquet import journal
from s3cse.storage.port import ListedObject, Location, ObjectStore

#: What hidden names begin with: of new objects that are not verified yet.
STAGING = ".s3cse-migrating-"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationOptions:
    """How objects are migrated. Holds no secret, and may be pickled.

    Args:
        source: the folder, or the object, that is migrated.
        target: the folder that it goes to; None: it stays where it is.
        form: what objects become.
        same_key: whether what the source's keyring opens is under the target's key.
        overwrite: replace other objects in the target folder.
        delete_source: delete what was migrated elsewhere, once that is verified.
        dry_run: look, and write nothing.
    """

    source: Location
    target: Location | None = None
    form: Form = Form()  # noqa: RUF009 - frozen
    same_key: bool = False
    overwrite: bool = False
    delete_source: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.target is None and (self.overwrite or self.delete_source):
            raise SettingsError(
                "in place nothing else is overwritten or deleted", fix="name a target, or leave these out"
            )
        if self.target is not None and self.target.uri.rstrip("/") == self.source.uri.rstrip("/"):
            raise SettingsError("source and target are one place", fix="leave the target out to migrate in place")
        if self.target is not None and _is_inside(self.target, self.source):
            raise SettingsError(
                "the target is inside the source: new objects would be migrated again, without an end",
                found=self.target.uri,
                expected=f"a folder that is not under {self.source.uri}",
                fix="name a folder beside it, or another bucket",
            )

    @property
    def in_place(self) -> bool:
        """Whether objects stay where they are."""
        return self.target is None

    def final(self, location: Location) -> Location:
        """Return where an object goes."""
        if self.target is None:
            return location
        # All that follows the folder, further slashes too: two objects must not become one.
        below = location.key.removeprefix(_folder(self.source))
        return self.target.child(location.key.rpartition("/")[2] if location == self.source else below)


def _folder(place: Location) -> str:
    return place.key if place.key.endswith("/") or not place.key else f"{place.key}/"


def _is_inside(place: Location, folder: Location) -> bool:
    return place.bucket == folder.bucket and place.key.startswith(_folder(folder))


def staging_of(location: Location) -> Location:
    """Return where an object's new one waits until it is verified: in the same folder, hidden from table readers."""
    folder, _, _ = location.key.rpartition("/")
    name = STAGING + hashlib.sha256(location.key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return Location(location.bucket, f"{folder}/{name}" if folder else name)


def listed(store: ObjectStore, options: MigrationOptions) -> Iterator[ListedObject]:
    """List the objects to migrate: one, or all in a folder; without empty ones and journals.

    Instruction files are among them: no name tells one from an encrypted object that is called so. Migration passes
    them over when it looks at them.

    Raises:
        TransferError: S3 refused.
    """
    place = options.source
    folder = _folder(place)
    for row in store.list(place):
        key = row.location.key
        name = key.rpartition("/")[2]
        inside = key.startswith(folder) or key == place.key
        hidden = name.startswith((STAGING, journal.PREFIX))
        if inside and row.size and not hidden:
            yield row


def leftovers(store: ObjectStore, options: MigrationOptions) -> list[Location]:
    """Return what runs that broke off have left under hidden names, where this one puts its own.

    Raises:
        TransferError: S3 refused.
    """
    place = options.target or options.source
    rows = [*store.list(place), *store.list(staging_of(place))] if options.in_place else store.list(place)
    return sorted({row.location for row in rows if row.location.key.rpartition("/")[2].startswith(STAGING)})
