"""Progress of long work: bars on standard error where that is a terminal, and else nothing.

with progress(flags.quiet) as meter:
    meter.expect(files=1, size=length)
    client.upload_file(name, bucket, key, Callback=meter.advance)
    meter.done()
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Meter(Protocol):
    """What work tells of itself; called from any thread."""

    def expect(self, *, files: int = 0, size: int = 0) -> None:
        """Say that there is so much more to do: objects, and bytes of them."""

    def advance(self, size: int) -> None:
        """Say that so many bytes are done."""

    def done(self, files: int = 1) -> None:
        """Say that so many objects are done."""


class Silent:
    """Where nobody looks on."""

    def expect(self, *, files: int = 0, size: int = 0) -> None:
        """See Meter."""

    def advance(self, size: int) -> None:
        """See Meter."""

    def done(self, files: int = 1) -> None:
        """See Meter."""


@contextmanager
def progress(quiet: bool, *, of_bytes: bool = True) -> Iterator[Meter]:
    """Show what the block tells of its work, and clear it away at the end.

    Args:
        quiet: show nothing, terminal or not.
        of_bytes: a bar over bytes; without, over objects.
    """
    if quiet or not sys.stderr.isatty():
        yield Silent()
        return
    from s3cse.cli.interface.progress_bar import progress_bar  # rich: not before it is needed

    with progress_bar(of_bytes) as meter:
        yield meter
