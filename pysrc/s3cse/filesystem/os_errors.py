"""Errors that callers of filesystems know by their Python names: not found, exists, not permitted.

Others of :mod:`s3cse.errors` pass as they are: no OSError says that an object does not verify.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from s3cse.errors import TransferError

_NOT_FOUND = ("NoSuchKey", "NoSuchBucket", "404", "NoSuchVersion")
_EXISTS = ("BucketAlreadyExists", "BucketAlreadyOwnedByYou")


@contextmanager
def as_os_errors(path: str, *, creating: bool = False) -> Iterator[None]:
    """Turn S3's refusals inside the block into what ``open`` would raise, the original as its cause.

    Args:
        path: bucket/key, for the message.
        creating: what is written must be new: a condition that fails says that it is not.
    """
    try:
        yield
    except TransferError as error:
        found = _translated(error, path, creating)
        if found is None:
            raise
        raise found from error


def _translated(error: TransferError, path: str, creating: bool) -> OSError | None:
    uri = f"s3cse://{path}"
    if error.status == 404 and error.code in _NOT_FOUND:
        what = "no such bucket" if error.code == "NoSuchBucket" else "no such object"
        return FileNotFoundError(errno.ENOENT, what, uri)
    if error.code in _EXISTS or (creating and error.status == 412):
        return FileExistsError(errno.EEXIST, "it exists already", uri)
    if error.status == 403:
        return PermissionError(errno.EACCES, f"{error.problem} ({error.found}); {error.fix}", uri)
    return None


def not_found(path: str) -> FileNotFoundError:
    """Return the error for a path that names neither an object nor a folder."""
    return FileNotFoundError(errno.ENOENT, "no such object or folder", f"s3cse://{path}")


def exists_already(path: str) -> FileExistsError:
    """Return the error for a path that was to be new."""
    return FileExistsError(errno.EEXIST, "it exists already", f"s3cse://{path}")
