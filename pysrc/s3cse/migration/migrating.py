"""Migration of objects: written anew, read again, and only then in their place.

A new object is written under a hidden name in the folder that it goes to, and read from its first byte to its last.
Then S3 copies it to its place: over the old one, on condition that this is still the one that was read, or where
nothing is.
So what readers see is verified at any time, in buckets with versions and without.

Nothing is remembered between runs. In place an object that has the wanted format, and opens with the wanted key, is
done; elsewhere a new object's metadata name the ETag of the one that it was made of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress

from s3cse.client import Client, deleting
from s3cse.client.setup import Setup
from s3cse.envelope.model import WRAP_V1_RSA
from s3cse.envelope.profiles import SSE_C
from s3cse.errors import PolicyError, S3CSEError, SettingsError, TransferError
from s3cse.keys.parallel import in_parallel
from s3cse.keys.rotation_kept import check_not_archived, tagging
from s3cse.migration.options import MigrationOptions, leftovers, staging_of
from s3cse.migration.parquet_shape import ParquetShape, parquet_shape
from s3cse.migration.replacing import SOURCE_MARK, Replacing, mark_of
from s3cse.migration.row import ALREADY, FAILED, GONE, MIGRATED, REFUSED, WOULD, MigrationRow
from s3cse.migration.sides import Side, Target
from s3cse.migration.writing import Place, verified, write
from s3cse.objects.named_as_file import is_instruction_file
from s3cse.objects.naming import naming
from s3cse.objects.open import OpenObject
from s3cse.objects.settlement import PAUSES
from s3cse.storage.port import Location, StoredObject
from s3cse.storage.s3_errors import replaced

#: Objects at once, unless told otherwise; each has several requests under way.
WORKERS = 4

_CHANGED = (409, 412)


class Migration:
    """Migrates single objects; several threads share it.

    Args:
        source: reads what is there. Its ``plaintext`` and ``legacy`` say what may be read.
        target: has the key, the profile and the storage of what is written.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        source: Client | Setup,
        target: Client | Setup,
        options: MigrationOptions,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._source = Side(source)
        self._target = Target(target, options.form)
        self._replacing = Replacing(self._target)
        self._options = options
        self._sleep = sleep

    def one(self, location: Location) -> MigrationRow | None:
        """Migrate one object; None where it is an instruction file. What goes wrong is in the row."""
        final = self._options.final(location)
        row = MigrationRow(uri=location.uri, target=final.uri, becomes=self._target.name)
        try:
            with naming(location):
                return row if self._migrated(location, final, row) else None
        except PolicyError as error:
            row.outcome, row.error = REFUSED, str(error)
        except S3CSEError as error:
            row.outcome, row.error = FAILED, str(error)
        return row

    def _migrated(self, location: Location, final: Location, row: MigrationRow) -> bool:
        """Try until the object stays the same meanwhile; False where it is an instruction file."""
        for attempt in range(1 + len(PAUSES)):
            row.attempts = attempt + 1
            try:
                return self._attempt(location, final, row)
            except TransferError as error:
                if error.status not in _CHANGED or attempt == len(PAUSES):
                    raise
            self._sleep(PAUSES[attempt])
        return True

    def _attempt(self, location: Location, final: Location, row: MigrationRow) -> bool:
        stored, suffix = self._look(location), self._source.setup.suffix
        if stored is None:
            row.outcome = GONE
            return not location.key.endswith(suffix)  # a file goes with the object that no longer wants it
        if is_instruction_file(self._source.store, stored, (suffix,)):
            return False
        row.etag_before, row.stored_bytes_before = stored.etag, stored.size
        if self._options.in_place and self._target.in_file and self._finish(stored, row):
            return True
        conditions: dict[str, str] | None = {"IfMatch": stored.etag}
        if not self._options.in_place:
            conditions = self._conditions_there(final, stored, row)
        if conditions is not None:
            check_not_archived(stored)
            self._move(stored, final, conditions, row)
        if self._options.delete_source and row.outcome == MIGRATED:
            self._delete_source(stored)
        return True

    def _delete_source(self, stored: StoredObject) -> None:
        """Delete what was migrated, if it is still the same; not every server heeds the condition of a DELETE."""
        setup, location = self._source.setup, stored.location
        now = self._source.store.head(location)
        if now is None:
            return
        if now.etag != stored.etag:
            raise replaced(location, now.etag, stored.etag)
        deleting.delete_object(setup, location, setup.parameters.taken({"IfMatch": stored.etag}, "delete_object"))

    def _look(self, location: Location) -> StoredObject | None:
        """HEAD the object; where the other side's customer key, or none, is the right one, it was migrated before."""
        store = self._source.store.sending({"head_object": {"ChecksumMode": "ENABLED"}})
        try:
            return store.head(location)
        except TransferError as error:
            if self._options.in_place and SSE_C in (self._source.setup.profile, self._target.setup.profile):
                with suppress(TransferError):
                    return self._target.store.head(location)
            raise error

    def _conditions_there(self, final: Location, stored: StoredObject, row: MigrationRow) -> dict[str, str] | None:
        """Return on which conditions an object goes to another place; None where it is there already.

        Raises:
            PolicyError: another object is there, which may not be overwritten.
        """
        there = self._target.store.head(final)
        if there is None:
            return {"IfNoneMatch": "*"}
        marked = there.metadata.get(SOURCE_MARK) == mark_of(stored) and self._is_targets(there)
        if marked and not self._options.delete_source:
            row.outcome, row.etag_after = ALREADY, there.etag
            return None
        # Nothing is deleted for a mark, which whoever writes there can write: such an object is made again.
        if marked or self._options.overwrite:
            return {"IfMatch": there.etag}
        raise PolicyError(
            "there is another object in the target's place",
            uri=final.uri,
            found=f"ETag {there.etag}",
            expected="nothing",
            fix="choose another target, or allow it with --overwrite",
        )

    def _move(self, stored: StoredObject, final: Location, conditions: dict[str, str], row: MigrationRow) -> None:
        opened = self._opened(stored, row)
        if opened is None:
            return
        row.was, row.plaintext_bytes = opened.protection, opened.plaintext_bytes
        self._check_repeatable(opened)
        shape = self._shape(opened, final)
        row.indexed = shape is not None
        if self._options.in_place and self._is_done(opened, shape):
            row.outcome = ALREADY
        elif self._options.dry_run:
            row.outcome = WOULD
        else:
            self._write(stored, opened, shape, final, conditions, row)

    def _check_repeatable(self, opened: OpenObject) -> None:
        """Refuse what the next run could take for not done, and destroy: once in 256 times the old key seems to fit."""
        old = opened.envelope is not None and opened.envelope.wrap_algorithm == WRAP_V1_RSA
        moves = self._options.in_place and not self._options.same_key
        if old and moves and self._target.tells_no_key(opened.stored.location):
            raise PolicyError(
                "the old RSA wrap never says whether a key fits: nobody could tell which objects are done",
                found=str(opened.envelope),
                expected="another target folder, or a format whose wrap says it",
                fix="name a target, or choose --format emrfs-v2 or s3ec-v4",
            )

    def _opened(self, stored: StoredObject, row: MigrationRow) -> OpenObject | None:
        """Open the object as the source; None where it is done.

        Raises:
            S3CSEError: neither side opens it.
        """
        try:
            return self._source.open(stored.location, stored.etag)
        except S3CSEError as error:
            if not self._options.in_place or getattr(error, "status", None) in _CHANGED:
                raise
            if self._is_targets(stored):
                row.outcome, row.etag_after = ALREADY, stored.etag
                return None
            raise

    def _is_targets(self, stored: StoredObject) -> bool:
        """Whether the object is in the wanted form, under the target's key."""
        with suppress(S3CSEError):
            return self._target.is_form_of(self._target.open(stored.location, stored.etag), stored.location)
        return False

    def _is_done(self, opened: OpenObject, shape: ParquetShape | None) -> bool:
        if not self._target.is_form_of(opened, opened.stored.location):
            return False
        if shape is not None and not self._target.is_indexed(opened, shape.length - shape.footer_at):
            return False
        return self._options.same_key or self._options.form.plain or self._is_targets(opened.stored)

    def _shape(self, opened: OpenObject, final: Location) -> ParquetShape | None:
        if not self._target.can_index(final):
            return None
        return parquet_shape(opened.plaintext_bytes, lambda start, end: self._source.piece(opened, start, end))

    def _write(
        self,
        stored: StoredObject,
        opened: OpenObject,
        shape: ParquetShape | None,
        final: Location,
        conditions: dict[str, str],
        row: MigrationRow,
    ) -> None:
        """Write the new object under a hidden name, read it again, and have S3 copy it to its place."""
        metadata, mark = self._replacing.metadata(stored), {SOURCE_MARK: mark_of(stored)}
        kept = {**self._replacing.kept(stored, final=False), **tagging(self._source.store, stored)}
        place = Place(staging_of(final), final, {**metadata, **mark}, kept)
        digest = write(self._source, opened, self._target, place, shape)
        new = verified(self._target, place, digest, shape)
        own = metadata if self._options.in_place else {**metadata, **mark}
        row.etag_after = self._replacing.replace(new, final, stored, own, conditions)
        row.outcome, row.stored_bytes_after = MIGRATED, new.size

    def _finish(self, stored: StoredObject, row: MigrationRow) -> bool:
        """Finish what a run that was killed had begun: an instruction file and its object are not replaced at once.

        The old object may have the new file then, and opens with no key. But its new one is there, complete, and names
        it. False where there is no such thing.
        """
        new = self._target.store.head(staging_of(stored.location))
        if new is None or new.metadata.get(SOURCE_MARK) != mark_of(stored):
            return False
        row.was = "half replaced, perhaps, by a run that broke off"
        if self._options.dry_run:
            row.outcome = WOULD
            return True
        opened = self._target.open(new.location, new.etag)
        if not self._target.is_form_of(opened, stored.location):
            return False
        with closing(self._target.chunks(opened)) as chunks:
            for _ in chunks:  # to its end, where it verifies
                pass
        row.plaintext_bytes = opened.plaintext_bytes
        own = self._replacing.metadata(new)
        row.etag_after = self._replacing.replace(new, stored.location, stored, own, {"IfMatch": stored.etag})
        row.outcome, row.stored_bytes_after = MIGRATED, new.size
        return True


def migrate(migration: Migration, locations: Iterable[Location], *, workers: int = WORKERS) -> Iterator[MigrationRow]:
    """Migrate objects, several at once, and yield what became of each, as it is done.

    Raises:
        TransferError: S3 did not list them.
    """
    if workers < 1:
        raise SettingsError("no number of objects at once", found=str(workers), expected="1 or more")
    with closing(in_parallel(migration.one, locations, workers)) as rows:
        for row in rows:
            if row is not None:
                yield row


def drop_leftovers(target: Client, options: MigrationOptions, found: Iterable[Location]) -> int:
    """Delete what runs that broke off have left, and return how many there were; see ``leftovers``.

    Only after a run in which nothing failed: what is left beside an object that opens with no key is its rescue.

    Args:
        found: what was there before this run, so that it cannot be another's that is under way since.

    Raises:
        TransferError: S3 refused.
    """
    store = Target(target, options.form).store
    gone = list(found)
    store.delete(gone)
    return len(gone)


__all__ = ["Migration", "drop_leftovers", "leftovers", "migrate"]
