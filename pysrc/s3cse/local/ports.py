"""Loopback ports below the range that the system hands out by itself.

Linux gives outgoing connections ports from 32768 on. A server's port in that range collides with them at random, so
all of ours lie below.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable

from s3cse.errors import SettingsError

HOST = "127.0.0.1"
_CANDIDATES = range(15_000, 32_000)
# Not seeded by anything that a test may fix: two processes must not walk through the same ports in step.
_DICE = random.SystemRandom()


def listen() -> socket.socket:
    """Return a socket that listens on a free port.

    Raises:
        SettingsError: no port is free.
    """
    listener = _first_bound(_any)
    listener.listen(128)
    return listener


def free_ports(count: int, usable: Callable[[int], bool] | None = None) -> list[int]:
    """Return ``count`` different ports that are free now; who needs to be sure tries again with others.

    Args:
        count: how many.
        usable: says no to a port that is free but not wanted.

    Raises:
        SettingsError: fewer are free.
    """
    # All stay bound until all are found, so that none comes twice.
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            held.append(_first_bound(usable or _any))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def _any(_port: int) -> bool:
    return True


def _first_bound(usable: Callable[[int], bool]) -> socket.socket:
    for port in _DICE.sample(_CANDIDATES, len(_CANDIDATES)):
        bound = _bind(port) if usable(port) else None
        if bound is not None:
            return bound
    raise SettingsError(
        "no free port on the loopback interface", expected=f"one of {_CANDIDATES.start} to {_CANDIDATES.stop - 1}"
    )


def _bind(port: int) -> socket.socket | None:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        candidate.bind((HOST, port))
    except OSError:
        candidate.close()
        return None
    return candidate
