"""Requests of an S3 client that fail: before S3 hears of them, or after it has carried them out."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError


def failed(code: str, status: int) -> ClientError:
    """Return what botocore raises for this answer of S3's."""
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "x")  # type: ignore[typeddict-item]


def unanswered() -> ReadTimeoutError:
    """Return what botocore raises where the connection breaks."""
    return ReadTimeoutError(endpoint_url="http://s3")


def refuse(patch: pytest.MonkeyPatch, s3: Any, method: str, error: BaseException, when: str = "") -> None:
    """Let one method of the S3 client's fail before S3 hears of it, in calls whose arguments have these words."""
    request = getattr(s3, method)

    def refused(**arguments: Any) -> Any:
        if when in str(arguments):
            raise error
        return request(**arguments)

    patch.setattr(s3, method, refused)


def lose(patch: pytest.MonkeyPatch, s3: Any, method: str, error: BaseException | None = None) -> None:
    """Let one method of the S3 client's fail after S3 has done it; None: the connection breaks."""
    request = getattr(s3, method)

    def lost(**arguments: Any) -> Any:
        request(**arguments)
        raise error or unanswered()

    patch.setattr(s3, method, lost)
