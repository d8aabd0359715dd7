"""S3's refusals under the names that Python has for them, without a server."""

from __future__ import annotations

import pytest

from s3cse.errors import IntegrityError, TransferError
from s3cse.filesystem.os_errors import as_os_errors


@pytest.mark.parametrize(
    ("status", "code", "creating", "expected"),
    [
        (404, "NoSuchKey", False, FileNotFoundError),
        (404, "NoSuchBucket", True, FileNotFoundError),
        (403, "AccessDenied", False, PermissionError),
        (409, "BucketAlreadyOwnedByYou", False, FileExistsError),
        (412, "PreconditionFailed", True, FileExistsError),
        (412, "PreconditionFailed", False, TransferError),
        (404, "NoSuchUpload", False, TransferError),
        (503, "SlowDown", False, TransferError),
    ],
)
def test_what_s3_says_is_an_error_of_python(status: int, code: str, creating: bool, expected: type[Exception]) -> None:
    """Not found, exists, not permitted; the path is in the message and S3's answer is the cause. Others stay."""
    error = TransferError("S3 did not do it", uri="s3://bucket/key", status=status, code=code)
    with pytest.raises(expected, match="bucket/key") as raised, as_os_errors("bucket/key", creating=creating):
        raise error
    assert error in (raised.value, raised.value.__cause__)


def test_an_error_of_integrity_stays_what_it_is() -> None:
    """No OSError says that an object does not verify."""
    error = IntegrityError("the object does not verify", uri="s3://bucket/key")
    with pytest.raises(IntegrityError) as raised, as_os_errors("bucket/key"):
        raise error
    assert raised.value is error
