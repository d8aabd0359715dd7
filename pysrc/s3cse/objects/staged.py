"""Uploads whose parts are all in S3: completing them, and finding out whether that has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3cse.errors import TransferError
from s3cse.storage.port import Location, ObjectStore, UploadedPart

#: No two objects have the same wrapped key and IV, so these headers say whose object it is.
_OURS = ("x-amz-key-v2", "x-amz-iv")


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """An upload whose parts are all in S3 and that only needs completing. Holds no secret; it may be pickled."""

    location: Location
    upload_id: str
    parts: tuple[UploadedPart, ...]
    metadata: Mapping[str, str]
    plaintext_bytes: int
    stored_bytes: int


def complete(store: ObjectStore, staged: StagedUpload) -> None:
    """Make a staged upload visible; safe to repeat.

    A lost answer (time-out, NoSuchUpload, an error after the fact) is settled by a HEAD: our wrapped key and IV in the
    object's metadata mean that it is done.

    Raises:
        TransferError: S3 did not complete it, or did not say whether it has.
    """
    try:
        store.complete_upload(staged.location, staged.upload_id, staged.parts)
    except TransferError as error:
        if not _settled(store, staged, error):
            raise


def _settled(store: ObjectStore, staged: StagedUpload, error: TransferError) -> bool:
    try:
        return is_complete(store, staged)
    except TransferError as unanswered:
        raise TransferError(
            "S3 did not say whether the upload is complete",
            uri=staged.location.uri,
            found=f"{error.problem}, then {unanswered.problem}",
            expected="an answer to one of the two",
            fix="complete it again: that is safe",
            status=error.status,
            code=error.code,
        ) from error


def is_complete(store: ObjectStore, staged: StagedUpload) -> bool:
    """Whether the object at the staged upload's place is the staged one."""
    stored = store.head(staged.location)
    return (
        stored is not None
        and stored.size == staged.stored_bytes
        and all(stored.metadata.get(name) == staged.metadata[name] for name in _OURS)
    )
