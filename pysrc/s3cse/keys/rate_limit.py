"""A limit of calls per second, shared by threads: KMS has quotas for a whole account, and others live there too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from s3cse.errors import SettingsError


class RateLimit:
    """A token bucket: one second's calls may come at once, then they come at the rate.

    Args:
        per_second: calls per second; None: no limit.
        clock: returns seconds; monotonic.
        sleep: waits some seconds.

    Raises:
        SettingsError: no positive rate.
    """

    def __init__(
        self,
        per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if per_second is not None and not per_second > 0:
            raise SettingsError("the rate is no number of calls per second", found=str(per_second), expected="above 0")
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._burst = max(per_second or 1.0, 1.0)
        self._tokens = self._burst
        self._at = clock()

    def take(self) -> None:
        """Wait until one more call may go."""
        if self._per_second is None:
            return
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
            self._at = now
            # Below zero is a debt: whoever comes next waits behind those who wait already.
            self._tokens -= 1.0
            wait = max(-self._tokens, 0.0) / self._per_second
        if wait:
            self._sleep(wait)
