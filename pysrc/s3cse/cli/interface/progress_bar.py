"""The progress bar that a terminal shows, by rich."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_REFRESH_PER_SECOND = 5


class _Bar:
    """A meter of one task: bytes with a count of objects before them, or objects alone."""

    def __init__(self, shown: Progress, of_bytes: bool) -> None:
        self._shown = shown
        self._of_bytes = of_bytes
        self._task = shown.add_task("", total=0, files="")
        self._lock = Lock()
        self._files = self._files_done = self._size = 0

    def expect(self, *, files: int = 0, size: int = 0) -> None:
        with self._lock:
            self._files += files
            self._size += size
            self._shown.update(self._task, total=self._size if self._of_bytes else self._files, files=self._count())

    def advance(self, size: int) -> None:
        if self._of_bytes:
            self._shown.advance(self._task, size)

    def done(self, files: int = 1) -> None:
        with self._lock:
            self._files_done += files
            if not self._of_bytes:
                self._shown.advance(self._task, files)
            self._shown.update(self._task, files=self._count())

    def _count(self) -> str:
        return f"{self._files_done:,}/{self._files:,}"


@contextmanager
def progress_bar(of_bytes: bool) -> Iterator[_Bar]:
    """See s3cse.cli.progress.progress."""
    amounts: list[ProgressColumn] = [DownloadColumn(binary_units=True), TransferSpeedColumn()] if of_bytes else []
    with Progress(
        TextColumn("{task.fields[files]}"),
        BarColumn(),
        *amounts,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=_REFRESH_PER_SECOND,
        # Lines on standard output go above the bar; into a file they stay what they are.
        redirect_stdout=sys.stdout.isatty(),
    ) as shown:
        yield _Bar(shown, of_bytes)
