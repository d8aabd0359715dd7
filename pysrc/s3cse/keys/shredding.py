"""Shredding by key: deleting the objects of a key, with their instruction files, versions and unfinished uploads.

The key itself is not touched: deleting it is the security officer's act, and makes the objects unreadable by itself.
What is deleted is decided in :mod:`s3cse.keys.shred_plan`. Each object is looked at again, and deleted on the condition
that it is still the one of the inventory: by its ETag or version, and by its wrapped data key, because rotation leaves
the ETag as it is. A run that broke off is simply repeated: what is gone is gone.

Versions with an id are never replaced. The one called ``null``, of a bucket that keeps none or was told to stop, is: a
new object takes its place, and that of a delete marker of this name. S3 evaluates conditions on the current version
only, and marks have no ETag. So ``null`` goes on condition of its ETag while it is the current version. As an old one
it goes after the look at it alone, and a marker ``null``, which holds no bytes, stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from s3cse.envelope.instruction_file import INSTRUCTION_MARKER, INSTRUCTION_SUFFIX
from s3cse.errors import EnvelopeError, SettingsError, TransferError
from s3cse.keys.evidence import fingerprint_in_file, wrapped_key_fingerprint
from s3cse.keys.shred_plan import ShredPlan
from s3cse.objects.describe import describe
from s3cse.objects.envelope_storage import fetch_instruction_file
from s3cse.objects.workers import WORKERS, results_in_order
from s3cse.storage.port import Location
from s3cse.storage.s3 import UNKNOWN_CONDITION, S3Store

_WINDOW = 8 * WORKERS
_NEEDED = ["bucket", "key", "version_id", "is_latest", "etag", "wrapped_key_fingerprint"]

#: Outcomes. HIDDEN: the bucket keeps versions, and the bytes are still there under a delete marker.
DELETED, GONE, CHANGED, HIDDEN, FAILED, ABORTED = "deleted", "gone", "changed", "hidden", "failed", "aborted"
_REPLACEABLE = "null"
_UNKNOWN_CONDITION = (400, UNKNOWN_CONDITION)
_STILL_THERE = (CHANGED, HIDDEN, FAILED)


@dataclass(frozen=True, slots=True)
class Shredded:
    """What became of one object, instruction file, delete marker or upload (``what``)."""

    uri: str
    what: str
    outcome: str
    version_id: str | None = None
    error: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing of it is left."""
        return self.outcome not in _STILL_THERE


def shred(
    store: S3Store,
    plan: ShredPlan,
    *,
    all_versions: bool = False,
    uploads_before: datetime | None = None,
    suffix: str = INSTRUCTION_SUFFIX,
) -> Iterator[Shredded]:
    """Delete what a plan chose; yields what became of each, in the plan's order. Raises for no single object.

    Args:
        all_versions: the plan is of an inventory of all versions: each chosen version is deleted for good, and so are
            the delete markers and the instruction files' versions of objects of which nothing else is left.
        uploads_before: abort unfinished uploads to the chosen keys that began before; None: leave them.
        suffix: what the name of an instruction file adds to that of its object.

    Raises:
        SettingsError: all versions are to go, and the plan knows of none, or the other way round.
    """
    rows = plan.chosen.select(_NEEDED).to_pylist()
    _check_versions(rows, all_versions=all_versions)
    worker = _Worker(store, suffix, all_versions)
    with closing(results_in_order((partial(worker.shred, row) for row in rows), _WINDOW)) as results:
        for outcomes in results:
            yield from outcomes
    wrapped: dict[Location, set[str | None]] = {}
    for row in rows:
        wrapped.setdefault(Location(row["bucket"], row["key"]), set()).add(row["wrapped_key_fingerprint"])
    places = sorted(wrapped)
    if all_versions:
        yield from _shred_rest(worker, wrapped)
    if uploads_before is not None:
        yield from _abort_uploads(store, places, uploads_before)


def _check_versions(rows: Sequence[Mapping[str, Any]], *, all_versions: bool) -> None:
    known = [row["is_latest"] is not None for row in rows]
    if all_versions and not all(known):
        raise SettingsError(
            "the inventory is of the objects of today only",
            expected="one of all versions",
            fix="make it with --all-versions",
        )
    if not all_versions and any(row["is_latest"] is False for row in rows):
        raise SettingsError(
            "the inventory has old versions, and they were not said to be shredded",
            fix="give --all-versions, or make an inventory without",
        )


@dataclass(frozen=True, slots=True)
class _Worker:
    store: S3Store
    suffix: str
    all_versions: bool = False

    def shred(self, row: Mapping[str, Any]) -> list[Shredded]:
        """Delete one object, or one version of one, then its instruction file."""
        place = Location(row["bucket"], row["key"])
        version = row["version_id"] if self.all_versions else None
        other = self._changed(place, row, version)
        if other is not None and other.outcome != GONE:
            return [other]
        if version is not None:
            etag = _condition(version, latest=bool(row["is_latest"]), etag=str(row["etag"]))
            return [other or self.delete(place, "object", version, etag)]
        outcome = other or self.delete(place, "object", etag=str(row["etag"]))
        return (
            [outcome, *self._instruction_file(place, row)] if outcome.outcome in (DELETED, HIDDEN, GONE) else [outcome]
        )

    def _changed(self, place: Location, row: Mapping[str, Any], version: str | None) -> Shredded | None:
        """Look at the object again; return what keeps it from being deleted, None where it is the one of the inventory.

        Not every server heeds If-Match of a DELETE, and a rotated object keeps its ETag.
        """
        about = {} if version is None else {"VersionId": version}
        store = self.store.sending({"head_object": about, "get_object": about}, about=place)
        try:
            stored = store.head(place)
            if stored is None:
                return Shredded(place.uri, "object", GONE, version)
            envelope = None
            if row["wrapped_key_fingerprint"] is not None:
                envelope = describe(store, stored, self.suffix).envelope
        except TransferError as error:
            return Shredded(place.uri, "object", FAILED, version, str(error))
        except EnvelopeError as error:
            return Shredded(place.uri, "object", CHANGED, version, str(error))
        wrapped = None if envelope is None else wrapped_key_fingerprint(envelope)
        if stored.etag == row["etag"] and wrapped == row["wrapped_key_fingerprint"]:
            return None
        return Shredded(
            place.uri,
            "object",
            CHANGED,
            version,
            "it was replaced or rotated since the inventory: make a new one and look again",
        )

    def delete(self, place: Location, what: str, version: str | None = None, etag: str | None = None) -> Shredded:
        """Send one DELETE; of a version, without its condition where the server knows none there."""
        arguments: dict[str, str] = {"Bucket": place.bucket, "Key": place.key}
        if version is not None:
            arguments["VersionId"] = version
        if etag is not None:
            arguments["IfMatch"] = etag
        try:
            answer = self.store.ask(place, "delete_object", "delete", **arguments)
        except TransferError as error:
            if version is not None and etag is not None and error.status in _UNKNOWN_CONDITION:
                return self.delete(place, what, version)
            outcome = {404: GONE, 412: CHANGED}.get(error.status or 0, FAILED)
            return Shredded(place.uri, what, outcome, version, None if outcome == GONE else str(error))
        hidden = version is None and bool(answer.get("DeleteMarker"))
        return Shredded(place.uri, what, HIDDEN if hidden else DELETED, version)

    def _instruction_file(self, place: Location, row: Mapping[str, Any]) -> Iterator[Shredded]:
        """Delete the instruction file of an object that is gone, if it is that object's.

        Whoever writes an object puts its file first: another one belongs to an object that may be there in a moment.
        """
        file = Location(place.bucket, place.key + self.suffix)
        try:
            found = fetch_instruction_file(self.store, file)
        except TransferError as error:
            yield Shredded(file.uri, "instruction-file", FAILED, error=str(error))
            return
        if found is None:
            return
        stored, body = found
        wrapped = fingerprint_in_file(body)
        if wrapped is not None and wrapped == row["wrapped_key_fingerprint"]:
            yield self.delete(file, "instruction-file", etag=stored.etag)
        elif wrapped is not None or INSTRUCTION_MARKER in stored.metadata:
            yield _others(file)

    def versions(self, place: Location) -> list[tuple[str, str, bool]]:
        """Return kind and id of all versions and delete markers that exactly this key has, and which is the latest."""
        found: list[tuple[str, str, bool]] = []
        marks: dict[str, str] = {}
        while True:
            page = self.store.ask(
                place, "list_object_versions", "list versions of", Bucket=place.bucket, Prefix=place.key, **marks
            )
            for name, what in (("Versions", "object"), ("DeleteMarkers", "delete-marker")):
                rows = [row for row in page.get(name, ()) if row["Key"] == place.key]
                found += [(what, row["VersionId"], bool(row.get("IsLatest"))) for row in rows]
            # Keys come in order, so that what follows a longer key is not this one's any more.
            if not page.get("IsTruncated") or page.get("NextKeyMarker", "") > place.key:
                return found
            marks = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}
            marks = {name: value for name, value in marks.items() if value}


def _condition(version: str, *, latest: bool, etag: str) -> str | None:
    """Return the ETag that a version's deletion depends on, None where another object cannot take its place, or S3 has
    no condition for it.
    """
    return etag if version == _REPLACEABLE and latest else None


def _others(file: Location) -> Shredded:
    problem = "it has not the wrapped data key of the inventory: another object is being written, or lost its file"
    return Shredded(file.uri, "instruction-file", CHANGED, error=problem)


def _shred_rest(worker: _Worker, wrapped: Mapping[Location, set[str | None]]) -> Iterator[Shredded]:
    """Delete the markers and instruction files of objects that have no version left.

    Args:
        wrapped: fingerprints of the wrapped keys that an object had in the plan.
    """
    for place in sorted(wrapped):
        try:
            left = worker.versions(place)
            if any(what == "object" for what, _, _ in left):
                continue
            for _, version, _ in left:
                if version != _REPLACEABLE:
                    yield worker.delete(place, "delete-marker", version)
            file = Location(place.bucket, place.key + worker.suffix)
            for what, version, latest in worker.versions(file):
                # Without an object it is nobody's; but an object of that name that is no instruction file stays.
                if what == "delete-marker":
                    is_file, fingerprint, etag = version != _REPLACEABLE, None, ""
                else:
                    is_file, fingerprint, etag = _file_version(worker, file, version)
                if latest and what == "object" and is_file and fingerprint not in wrapped[place]:
                    yield _others(file)
                elif is_file:
                    condition = _condition(version, latest=latest, etag=etag)
                    yield worker.delete(file, "instruction-file", version, condition)
        except TransferError as error:
            yield Shredded(place.uri, "delete-marker", FAILED, error=str(error))


def _file_version(worker: _Worker, file: Location, version: str) -> tuple[bool, str | None, str]:
    """Return whether a version is an instruction file, the fingerprint of the wrapped key in it, and its ETag."""
    found = fetch_instruction_file(worker.store.sending({"get_object": {"VersionId": version}}, about=file), file)
    if found is None:
        return False, None, ""
    fingerprint = fingerprint_in_file(found[1])
    return fingerprint is not None or INSTRUCTION_MARKER in found[0].metadata, fingerprint, found[0].etag


def _abort_uploads(store: S3Store, places: Sequence[Location], before: datetime) -> Iterator[Shredded]:
    for bucket in sorted({place.bucket for place in places}):
        keys = {place.key for place in places if place.bucket == bucket}
        prefix = Location(bucket, os.path.commonprefix(list(keys)))  # noqa: RUF071 - character by character
        try:
            pending = [row for row in store.list_uploads(prefix) if row.location.key in keys]
        except TransferError as error:
            yield Shredded(prefix.uri, "upload", FAILED, error=str(error))
            continue
        for upload in pending:
            if upload.initiated >= before:
                continue
            try:
                store.abort_upload(upload.location, upload.upload_id)
                yield Shredded(upload.location.uri, "upload", ABORTED)
            except TransferError as error:
                yield Shredded(upload.location.uri, "upload", FAILED, error=str(error))
