"""Errors from below know what is wrong but not with which object; here they learn its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from s3cse.errors import IntegrityError, S3CSEError
from s3cse.storage.port import Location


@contextmanager
def naming(location: Location) -> Iterator[None]:
    """Name the object in every error of this package that leaves the block; cause and traceback stay."""
    try:
        yield
    except S3CSEError as error:
        if error.uri is not None:
            raise
        raise error.at(location.uri).with_traceback(error.__traceback__) from error.__cause__


def does_not_verify() -> IntegrityError:
    """Return the one error for a wrong tag, wrong padding and a wrong key: a caller cannot tell them apart."""
    return IntegrityError(
        "the object does not verify; nothing was released",
        found="bytes that its key and envelope do not fit",
        expected="the bytes that were written",
        fix="it was damaged or changed after it was written: restore it from a copy you trust",
    )


def released_but_wrong() -> IntegrityError:
    """Return the error for what a stream gave out before it was known not to verify."""
    return IntegrityError(
        "the object does not verify, and its plaintext has been released",
        found="bytes that its key and envelope do not fit",
        expected="the bytes that were written",
        fix="undo whatever was done with them; it was damaged or changed after it was written: restore it from a copy "
        "you trust",
    )
