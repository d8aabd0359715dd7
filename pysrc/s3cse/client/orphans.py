"""Instruction files whose object was replaced by one that has none."""

from __future__ import annotations

from s3cse.envelope.instruction_file import INSTRUCTION_MARKER, MAX_INSTRUCTION_BYTES
from s3cse.errors import TransferError
from s3cse.objects.named_as_file import reads_as_file
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store


def drop_orphan(store: S3Store, file: Location, *, of_plain: bool) -> None:
    """Delete the instruction file of the object that has just been replaced, if there is one: one HEAD, mostly.

    Only what is known to be an instruction file is deleted: anybody may have an object of that name. An object with an
    envelope of its own is read without a look at it. A plain one would be taken for encrypted, so that there it is an
    error if anything is left.

    Args:
        of_plain: whether the new object is plain.

    Raises:
        TransferError: the file beside a plain object is still there, or something else is, or S3 does not say.
    """
    try:
        foreign = _drop(store, file)
    except TransferError as error:
        if of_plain:
            raise TransferError(
                "the object is copied, but the instruction file of the one it replaced may still be beside it",
                uri=file.uri,
                found=error.problem,
                expected="no instruction file: the copy is plain, and is taken for encrypted with it",
                fix="delete it, if it is there",
                status=error.status,
                code=error.code,
            ) from error
        return
    if of_plain and foreign is not None:
        raise TransferError(
            "the object is copied, but there is an object in the place of its instruction file that is none",
            uri=file.uri,
            found=foreign,
            expected="nothing: the copy is plain, and is taken for encrypted with it",
            fix="move that object away, or make a client with another instruction_suffix",
        )


def _drop(store: S3Store, file: Location) -> str | None:
    """Delete an instruction file; return what is there instead of one."""
    # A DELETE of what is not there does no harm, but leaves a delete marker in a bucket with versions.
    stored = store.head(file)
    if stored is None:
        return None
    if stored.size > MAX_INSTRUCTION_BYTES:
        return f"{stored.size} bytes"
    if INSTRUCTION_MARKER not in stored.metadata and not reads_as_file(store, file):
        return "an object without a wrapped key"
    # Another one that comes meanwhile is that of a new object.
    store.delete_if(file, stored.etag)
    return None
