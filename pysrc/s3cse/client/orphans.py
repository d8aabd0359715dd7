"""Instruction files whose object was replaced by one that has none."""

from __future__ import annotations

from s3cse.errors import TransferError
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store


def drop_orphan(store: S3Store, file: Location, *, of_plain: bool) -> None:
    """Delete the instruction file of the object that has just been replaced, if there is one: one HEAD, mostly.

    An object with an envelope of its own is read without a look at the file. A plain one would be taken for encrypted,
    so that there it is an error if the file cannot be deleted.

    Args:
        of_plain: whether the new object is plain.

    Raises:
        TransferError: the file beside a plain object is still there.
    """
    try:
        if _may_be_there(store, file):
            store.delete([file])
    except TransferError as error:
        if of_plain:
            raise TransferError(
                "the object is copied, but the instruction file of the one it replaced is still beside it",
                uri=file.uri,
                found=error.problem,
                expected="no instruction file: the copy is plain, and is taken for encrypted with it",
                fix="delete it",
                status=error.status,
                code=error.code,
            ) from error


def _may_be_there(store: S3Store, file: Location) -> bool:
    try:
        # A DELETE of what is not there does no harm, but leaves a delete marker in a bucket with versions.
        return store.head(file) is not None
    except TransferError:
        return True
