"""Whether a file is closed because its writer is done, or because an error is on its way through the block around it.

``with fs.open(…)`` tells its file. ``with fsspec.open(…)``, text and compression wrappers and pandas close their file
in the same words either way; but meanwhile the interpreter knows of the error.
"""

from __future__ import annotations

import sys

#: How Python says that something has come to its end: no error.
_ENDS = (StopIteration, StopAsyncIteration, EOFError)


class Unwinding:
    """Made when a file is opened: an error that is being handled then is somebody else's."""

    def __init__(self) -> None:
        self._before = sys.exc_info()[1]

    def error(self) -> BaseException | None:
        """Return the error that is being handled in this thread and was not when this was made."""
        now = sys.exc_info()[1]
        return None if now is self._before or isinstance(now, _ENDS) else now
