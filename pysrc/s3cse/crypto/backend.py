"""Which backend is in force: the compiled one, else `cryptography` with a warning."""

from __future__ import annotations

import warnings
from functools import lru_cache

from s3cse.crypto import oracle
from s3cse.crypto.ciphers import Backend

try:
    from s3cse.crypto import native
except ImportError:  # no compiled extension on this machine, or the package runs from a zip
    native = None  # type: ignore[assignment]


@lru_cache(maxsize=1)
def default_backend() -> Backend:
    """Return the native backend, or the oracle with one warning per process where the extension is missing."""
    if native is not None:
        return native
    warnings.warn(
        "s3cse runs without its compiled extension (same bytes, less careful with keys): install this platform's wheel",
        RuntimeWarning,
        stacklevel=2,
    )
    return oracle
