"""The one place where randomness comes from: the operating system."""

from __future__ import annotations

import os


def random_bytes(length: int) -> bytes:
    """Return ``length`` unpredictable bytes, for IVs and message ids."""
    return os.urandom(length)
