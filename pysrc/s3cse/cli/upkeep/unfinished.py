"""Multipart uploads that nobody completed: what there is, how old it is and which job began it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from s3cse.errors import TransferError
from s3cse.parquet.file_names import job_of
from s3cse.storage.port import Location, ObjectStore, PendingUpload


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One unfinished upload; ``job`` is None where no job named the object.

    ``age`` is by this machine's clock, and zero where S3's is ahead of it.
    """

    upload: PendingUpload
    age: timedelta
    job: str | None


@dataclass(frozen=True, slots=True)
class Extent:
    """What S3 keeps, and bills, of an upload."""

    parts: int
    stored_bytes: int


def find_unfinished(store: ObjectStore, place: Location, now: datetime) -> list[Unfinished]:
    """List the unfinished uploads of an object, or of everything in a folder, oldest first.

    Args:
        place: the object's or the folder's address; ``a/b`` is not the beginning of ``a/bc`` here.
        now: the time, with a zone.

    Raises:
        TransferError: S3 refused.
    """
    folder = place.key if place.key.endswith("/") or not place.key else f"{place.key}/"
    found = [
        Unfinished(upload, max(now - upload.initiated, timedelta()), job_of(upload.location.key))
        for upload in store.list_uploads(place)
        if upload.location.key.startswith(folder) or upload.location.key == place.key
    ]
    return sorted(found, key=lambda row: (row.upload.initiated, row.upload.location, row.upload.upload_id))


def chosen(found: Iterable[Unfinished], older_than: timedelta, job: str | None) -> list[Unfinished]:
    """Return those that are this old or older, and of this job where one is given."""
    return [row for row in found if row.age >= older_than and job in (None, row.job)]


def extent_of(store: ObjectStore, upload: PendingUpload) -> Extent | None:
    """Count an upload's parts, in one request per 1000; None where it was completed or aborted meanwhile.

    Raises:
        TransferError: S3 refused.
    """
    try:
        sizes = {part.number: part.size for part in store.list_parts(upload.location, upload.upload_id)}
    except TransferError as error:
        if error.status == 404:
            return None
        raise
    return Extent(len(sizes), sum(sizes.values()))
