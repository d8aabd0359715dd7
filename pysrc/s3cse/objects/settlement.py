"""Whether S3 has done what was asked although its answer was lost, or may still do it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from s3cse.errors import TransferError

#: Seconds between two looks, where S3 may still be at it. A Complete or a copy can take minutes: who has waited for
#: them in vain still does not know (UnsettledError).
PAUSES = (0.5, 1.0, 2.0)

#: Not found (NoSuchUpload), and a time-out that something between here and S3 may have noticed.
_HIDING = (404, 408)


class UnsettledError(TransferError):
    """S3 did not say whether the object is visible, or may still make it so. Doing the same again is safe."""


def may_still_happen(error: BaseException) -> bool:
    """Whether S3 may still do what was asked: it has not refused it, but failed, or did not answer or was not heard."""
    if not isinstance(error, TransferError):
        return True  # an interrupt, which S3 does not hear of
    refused = error.status is not None and 300 <= error.status < 500
    return error.sent and not refused


def may_have_happened(error: BaseException) -> bool:
    """Whether S3 may have done what was asked at first, even if it has refused it.

    A refusal hides a success where the client library has repeated the request, or somebody has ended the upload.
    """
    if not isinstance(error, TransferError) or may_still_happen(error):
        return True
    return error.sent and (error.repeated or error.status in _HIDING)


def seen(look: Callable[[], bool], error: BaseException, sleep: Callable[[float], object] = time.sleep) -> bool:
    """Look whether something has happened although the request for it failed.

    A look that S3 does not answer is repeated for a while, and so is one that shows nothing where it may still happen.

    Args:
        look: asks S3.
        error: how the request failed.
        sleep: waits some seconds.

    Raises:
        TransferError: S3 did not answer the last look.
    """
    for pause in PAUSES:
        with suppress(TransferError):  # the next look may be answered
            visible = look()
            if visible or not may_still_happen(error):
                return visible
        sleep(pause)
    return look()
