"""Whether S3 has done what was asked although its answer was lost, or may still do it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from s3cse.errors import TransferError

#: Seconds between two looks, where S3 may still be at it. A Complete or a copy can take minutes: who has waited for
#: them in vain still does not know (UnsettledError).
PAUSES = (0.5, 1.0, 2.0)


class UnsettledError(TransferError):
    """S3 did not say whether the object is visible, or may still make it so. Doing the same again is safe."""


def may_still_happen(error: BaseException) -> bool:
    """Whether S3 may still do what was asked: it has not refused it, but failed, or did not answer or was not heard."""
    if not isinstance(error, TransferError):
        return True  # an interrupt, which S3 does not hear of
    refused = error.status is not None and 300 <= error.status < 500
    return error.sent and not refused


def seen(look: Callable[[], bool], error: BaseException, sleep: Callable[[float], object] = time.sleep) -> bool:
    """Look whether something has happened although the request for it failed, for a while where it may still happen.

    Args:
        look: asks S3.
        error: how the request failed.
        sleep: waits some seconds.

    Raises:
        TransferError: S3 did not answer the last look.
    """
    for pause in PAUSES if may_still_happen(error) else ():
        with suppress(TransferError):  # the next look may be answered
            if look():
                return True
        sleep(pause)
    return look()
