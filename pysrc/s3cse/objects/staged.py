"""Uploads whose parts are all in S3: completing them, and finding out whether that has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3cse.errors import TransferError
from s3cse.objects.envelope_storage import UPLOAD_MARK, InstructionFile
from s3cse.objects.instruction_swap import InstructionSwap
from s3cse.objects.settlement import UnsettledError, may_have_happened, may_still_happen, seen
from s3cse.storage.port import Location, ObjectStore, Receipt, StoredObject, UploadedPart

#: No two objects have the same of these, so they say whose object it is.
_OURS = ("x-amz-key", "x-amz-key-v2", "x-amz-3", "x-amz-iv", "x-amz-i", UPLOAD_MARK)


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """An upload whose parts are all in S3 and that only needs completing. Holds no secret; it may be pickled."""

    location: Location
    upload_id: str
    parts: tuple[UploadedPart, ...]
    metadata: Mapping[str, str]
    plaintext_bytes: int
    stored_bytes: int
    instruction: InstructionFile | None = None


def complete(store: ObjectStore, staged: StagedUpload, swap: InstructionSwap | None = None) -> Receipt | None:
    """Make a staged upload visible; safe to repeat.

    An instruction file is written first: whoever sees the object can open it. If S3 then refuses to complete the
    upload, what was in the file's place before is put back, so that an object that was to be replaced stays readable.

    A lost answer (time-out, NoSuchUpload, an error after the fact) is settled by a HEAD: our wrapped key and IV in the
    object's metadata mean that it is done. S3 may still be at it, so up to four are sent within 3.5 s.
    Where they are not answered, a refusal that hides no success counts.

    Args:
        swap: of the instruction file, for callers that try several times; None: one of its own.

    Returns:
        What S3 said; None where its answer was lost.

    Raises:
        UnsettledError: S3 did not say whether it has completed it, or may still do so and there is an instruction file,
            which stays. An interrupt leaves the file too.
        TransferError: S3 did not complete it.
    """
    swap = swap or InstructionSwap(staged.instruction)
    with swap.first(store):
        try:
            return store.complete_upload(staged.location, staged.upload_id, staged.parts)
        except TransferError as error:
            if not settled(store, staged, error, swap):
                check_final(staged, error)
                raise
            return None


def settled(
    store: ObjectStore,
    staged: StagedUpload,
    error: BaseException,
    swap: InstructionSwap,
    before: StoredObject | None = None,
) -> bool:
    """Whether the object is visible although its last request failed.

    Args:
        swap: of the instruction file. Where S3 does not say, and has refused the only request that could have made the
            object, it is not visible, and the file before must be put back.
        before: what was there before that request, where that may be taken for the object.

    Raises:
        UnsettledError: S3 does not say. Where the request was interrupted, the interrupt itself.
    """
    try:
        return seen(lambda: is_complete(store, staged, before), error)
    except TransferError as unanswered:
        if not isinstance(error, TransferError):
            raise error from error.__cause__
        if swap.fresh and not may_have_happened(error):
            return False
        raise _unsettled(staged, error, unanswered.problem) from error


def check_final(staged: StagedUpload, error: TransferError) -> None:
    """Refuse to call it a failure where the object may still come and needs the instruction file that is in place.

    Raises:
        UnsettledError: it may.
    """
    if staged.instruction is not None and may_still_happen(error):
        raise _unsettled(staged, error, "no such object") from error


def _unsettled(staged: StagedUpload, error: TransferError, then: str) -> UnsettledError:
    return UnsettledError(
        "S3 did not say whether the object is there, or may still put it there",
        uri=staged.location.uri,
        found=f"{error.problem}, then {then}",
        expected="an answer to one of the two",
        fix="do the same again, which is safe and finishes it",
        status=error.status,
        code=error.code,
    )


def is_complete(store: ObjectStore, staged: StagedUpload, before: StoredObject | None = None) -> bool:
    """Whether the object at the staged upload's place is the staged one; one that nothing tells from others is not.

    Args:
        before: what was there before, and is not the staged one, whatever it looks like.
    """
    stored = store.head(staged.location)
    return (
        stored is not None
        and (before is None or _state(stored) != _state(before))
        and stored.size == staged.stored_bytes
        and any(name in staged.metadata for name in _OURS)
        and all(stored.metadata.get(name) == staged.metadata.get(name) for name in _OURS)
    )


def _state(stored: StoredObject) -> tuple[object, ...]:
    """Return what is another after every write, within what S3 tells: of dates the seconds."""
    return stored.etag, stored.details.get("VersionId"), stored.details.get("LastModified")
