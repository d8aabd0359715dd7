"""The life of an object that goes to S3 in parts: open, then finished or aborted; never is half of it finished."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from s3cse.errors import SettingsError
from s3cse.objects.destinations import Destination
from s3cse.objects.naming import naming
from s3cse.objects.pipeline import Pipeline
from s3cse.objects.staged import StagedUpload
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self


class Writer(ABC):
    """One object on its way to S3, invisible until its upload is completed. After any error it is aborted.

    Used by one thread at a time. At the end of a ``with`` block what is not finished is aborted.

    Args:
        location: where it will be.
        length: of the plaintext in bytes, where it was said: no other length can be finished.
        destination: where the parts go.
        pipeline: makes the parts, for this destination.
    """

    def __init__(self, location: Location, length: int | None, destination: Destination, pipeline: Pipeline) -> None:
        self.location = location
        #: Plaintext taken by now.
        self.plaintext_bytes = 0
        self._length = length
        self._destination = destination
        self._pipeline = pipeline
        self._open = True

    def __reduce__(self) -> NoReturn:
        raise TypeError("a writer belongs to its process and cannot be pickled: send what finish() returns")

    @property
    def indexed(self) -> bool:
        """Whether ``segment_index`` gives an index: of GCM objects that were begun with ``segment_bytes``."""
        return False

    def write(self, data: Buffer) -> int:
        """Take plaintext and return its length in bytes; ``data`` may be changed afterwards.

        Raises:
            SettingsError: the object would be longer than its format or S3 allows, or than was said.
            TransferError: S3 or the local disk did not take what was written before.

        After any error but a TypeError the writer is aborted.
        """
        self._check_open()
        with memoryview(data) as given, given.cast("B") as view, naming(self.location), self._aborting():
            self._check_room(len(view))
            self._take(view)
            self.plaintext_bytes += len(view)
            return len(view)

    def _check_room(self, more: int) -> None:
        length = self.plaintext_bytes + more
        if self._length is not None and length > self._length:
            raise SettingsError(
                "the object would be longer than was said",
                found=f"{length} bytes",
                expected=f"at most {self._length} bytes",
                fix="say the right length, or none",
            )
        self._check_limit(length)

    @abstractmethod
    def _check_limit(self, length: int) -> None:
        """Refuse a plaintext that is longer than the format, or S3, allows.

        Raises:
            SettingsError: it is.
        """

    def _take(self, view: memoryview) -> None:
        self._pipeline.write(view)

    def segment_index(self, after: Buffer) -> bytes:  # noqa: ARG002 - where there is an index, it needs it
        """Return the segment index of what was written; see ObjectWriter.

        Raises:
            ValueError: there is none of this object, or not at this place.
        """
        raise ValueError("there is no index of this object")

    def finish(self) -> StagedUpload:
        """End the object, send what is left and return what completes the upload. Nothing is visible yet.

        Raises:
            SettingsError: the object is shorter than was said; the writer has been aborted.
            TransferError: S3 or the local disk did not take it; the writer has been aborted.
        """
        self._check_open()
        with naming(self.location), self._aborting():
            self._check_end()
            staged = self._stage()
            self._close()
        self._open = False
        return staged

    def _check_end(self) -> None:
        if self._length not in (None, self.plaintext_bytes):
            raise SettingsError(
                "the object is shorter than was said",
                found=f"{self.plaintext_bytes} bytes",
                expected=f"{self._length} bytes",
                fix="say the right length, or none",
            )

    @abstractmethod
    def _stage(self) -> StagedUpload:
        """Pass on what is left; return the upload once S3 has all of its parts."""

    @contextmanager
    def _aborting(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Drop everything, in S3 too, also after ``finish``; idempotent. If S3 does not abort, the upload stays listed.

        Waits for the parts in flight: S3 would keep, and bill, what comes later.
        """
        self._open = False
        self._close()
        self._destination.abort()

    def _close(self) -> None:
        """Wait for the parts in flight, then wipe keys and plaintext; idempotent."""
        self._pipeline.close()

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError("the writer is finished or aborted")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self.abort()
