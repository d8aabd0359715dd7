"""Uploads whose parts are all in S3: completing them, and finding out whether that has happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from s3cse.envelope.instruction_file import MAX_INSTRUCTION_BYTES
from s3cse.errors import TransferError
from s3cse.objects.envelope_storage import UPLOAD_MARK, InstructionFile, fetch_instruction_file
from s3cse.storage.port import Location, ObjectStore, Receipt, UploadedPart

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


def complete(store: ObjectStore, staged: StagedUpload) -> Receipt | None:
    """Make a staged upload visible; safe to repeat.

    An instruction file is written first: whoever sees the object can open it. If the upload then is not completed, what
    was in the file's place before is put back, so that an object that was to be replaced stays readable.

    A lost answer (time-out, NoSuchUpload, an error after the fact) is settled by a HEAD: our wrapped key and IV in the
    object's metadata mean that it is done.

    Returns:
        What S3 said; None where its answer was lost.

    Raises:
        TransferError: S3 did not complete it, or did not say whether it has.
    """
    with instruction_first(store, staged.instruction):
        try:
            return store.complete_upload(staged.location, staged.upload_id, staged.parts)
        except TransferError as error:
            if not settled(store, staged, error):
                raise
            return None


class UnsettledError(TransferError):
    """S3 did not say whether the upload is complete."""


def settled(store: ObjectStore, staged: StagedUpload, error: TransferError) -> bool:
    """Whether the object is visible although its last request failed.

    Raises:
        UnsettledError: S3 does not say.
    """
    try:
        return is_complete(store, staged)
    except TransferError as unanswered:
        raise UnsettledError(
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
        and all(stored.metadata.get(name) == staged.metadata.get(name) for name in _OURS)
    )


@contextmanager
def instruction_first(store: ObjectStore, file: InstructionFile | None) -> Iterator[None]:
    """Put the instruction file in place for a block that makes its object visible; undo that if the block fails.

    Where S3 did not say whether the object is visible, the new file stays: repeating the block is safe then.
    """
    if file is None:
        yield
        return
    before = _existing(store, file.location)
    try:
        store.put(file.location, file.body, file.metadata)
        yield
    except UnsettledError:
        raise
    except BaseException:
        with suppress(TransferError):  # the error that led here matters more
            if before is None:
                store.delete([file.location])
            else:
                store.put(before.location, before.body, before.metadata)
        raise


def _existing(store: ObjectStore, location: Location) -> InstructionFile | None:
    found = fetch_instruction_file(store, location)
    if found is None:
        return None
    stored, body = found
    if stored.size > len(body):
        raise TransferError(
            "what is in the instruction file's place is no instruction file",
            uri=location.uri,
            found=f"{stored.size} bytes",
            expected=f"at most {MAX_INSTRUCTION_BYTES} bytes",
            fix="name another suffix, or move that object away",
        )
    return InstructionFile(location, body, stored.metadata)
