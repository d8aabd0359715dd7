"""Calls per second: a burst of one second's calls, then the rate."""

from __future__ import annotations

import pytest

from s3cse.errors import SettingsError
from s3cse.keys.rate_limit import RateLimit


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("rate", "calls", "seconds"), [(10.0, 10, 0.0), (10.0, 110, 10.0), (0.5, 3, 4.0)])
def test_the_rate(rate: float, calls: int, seconds: float) -> None:
    """So many calls take so long."""
    clock = Clock()
    limit = RateLimit(rate, clock, clock.sleep)
    for _ in range(calls):
        limit.take()
    assert clock.now == pytest.approx(seconds)


def test_what_was_not_used_is_not_saved_up() -> None:
    """After a long pause no more than one second's calls go at once."""
    clock = Clock()
    limit = RateLimit(10.0, clock, clock.sleep)
    clock.now = 1000.0
    for _ in range(20):
        limit.take()
    assert clock.now == pytest.approx(1001.0)


def test_no_limit() -> None:
    """Without a rate nobody waits."""
    clock = Clock()
    limit = RateLimit(None, clock, clock.sleep)
    for _ in range(1000):
        limit.take()
    assert clock.now == 0.0


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_no_rate_at_all(rate: float) -> None:
    """Zero, less, and no number are refused."""
    with pytest.raises(SettingsError, match="calls per second"):
        RateLimit(rate)
