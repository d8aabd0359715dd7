"""The end of an export: its files become visible, and last of all the manifest, which makes them a load."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from s3cse.errors import S3CSEError, SettingsError, TransferError
from s3cse.objects.upload import complete
from s3cse.objects.workers import pool
from s3cse.parquet.sink import StagedFile
from s3cse.services.redshift.manifest import MAX_MANIFEST_BYTES, manifest_body
from s3cse.storage.port import Location, ObjectStore

#: Name of the manifest in an export's folder.
MANIFEST = "manifest"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What COPY loads: the manifest and its files."""

    manifest: Location
    files: tuple[Location, ...]
    rows: int
    stored_bytes: int


def folder(target: str) -> Location:
    """Return the folder of an export.

    Raises:
        SettingsError: no address in S3.
    """
    location = Location.parse(target)
    return Location(location.bucket, location.key.strip("/"))


def check_free(store: ObjectStore, target: Location) -> None:
    """Refuse a folder that has a manifest: what it lists may be loading right now.

    Raises:
        SettingsError: there is one.
    """
    if store.head(target.child(MANIFEST)) is not None:
        raise SettingsError(
            "there is an export already",
            uri=target.uri,
            found=f"{MANIFEST!r} in this folder",
            expected="a folder without one",
            fix="export to a folder of its own, one for each run",
        )


def file_place(target: Location, job: str, task: int, attempt: int, count: int, ending: str) -> Location:
    """Return where a data file goes; no two files of any jobs, tasks or attempts have one name."""
    return target.child(f"part-{task:05d}-{job}-a{attempt}-{count:03d}{ending}")


def publish(store: ObjectStore, target: Location, job: str, staged: Sequence[StagedFile]) -> Published:
    """Complete the uploads, and write the manifest when all are there.

    Raises:
        SettingsError: another export came first, and has its manifest there.
        TransferError: S3 refused; there is no manifest, and nothing of the job is left, unless S3 refuses that too.
    """
    listed = sorted((file.upload.location, file.upload.stored_bytes, file.rows) for file in staged)
    try:
        _complete_all(store, staged)
        abort_uploads(store, target, job)  # of failed and repeated attempts
        check_free(store, target)  # again: two runs of one schedule may have begun at the same time
        manifest = _put_manifest(store, target, job, manifest_body(listed))
    except BaseException:
        take_back(store, target, job)
        raise
    return Published(
        manifest,
        tuple(location for location, _, _ in listed),
        sum(rows for _, _, rows in listed),
        sum(size for _, size, _ in listed),
    )


def _put_manifest(store: ObjectStore, target: Location, job: str, body: bytes) -> Location:
    manifest = target.child(MANIFEST)
    try:
        store.put(manifest, body)
    except TransferError:
        if not _is_of(store, manifest, job):  # else only the answer was lost
            raise
    return manifest


def _is_of(store: ObjectStore, manifest: Location, job: str) -> bool:
    """Whether a manifest names files of this job; False where S3 does not say."""
    try:
        return job.encode() in store.get_tail(manifest, MAX_MANIFEST_BYTES)[1]
    except TransferError:
        return False


def take_back(store: ObjectStore, target: Location, job: str) -> None:
    """Remove what a failed job left, uploads of failed and repeated attempts too; a second error hides nothing."""
    try:
        if _is_of(store, target.child(MANIFEST), job):
            store.delete([target.child(MANIFEST)])
        abort_uploads(store, target, job)
        own = [row.location for row in store.list(Location(target.bucket, _prefix(target))) if job in row.location.key]
        store.delete(own)
    except S3CSEError as error:
        _log.error("%s: what the failed export left could not all be removed: %s", target.uri, error)


def abort_uploads(store: ObjectStore, target: Location, job: str) -> None:
    """Abort every upload of a job that is not completed; one that stays is the bucket's lifecycle rule's to remove."""
    try:
        for pending in store.list_uploads(Location(target.bucket, _prefix(target))):
            if job in pending.location.key:
                store.abort_upload(pending.location, pending.upload_id)
    except TransferError as error:  # perhaps nobody may list them: no reason to fail an export, or to hide an error
        _log.warning("%s: unfinished uploads of the export could not all be aborted: %s", target.uri, error)


def _prefix(target: Location) -> str:
    return f"{target.key}/" if target.key else ""


def _complete_all(store: ObjectStore, staged: Sequence[StagedFile]) -> None:
    futures = [pool().submit(complete, store, file.upload) for file in staged]
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    if errors:
        raise errors[0]
