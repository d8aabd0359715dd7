"""Writing an object whose length nothing depends on: parts go to S3 as they fill up, and nothing is spooled.

SSE-C is the plain one: S3 encrypts. Memory, whatever the length, ``part_bytes`` being P: (PARTS_IN_FLIGHT + 1) × P, and
PARTS_IN_FLIGHT + 1 times as much again where the S3 client copies what it sends (boto3 does over https). Copies: each
byte once, into its part.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from s3cse.envelope.profiles import AnyProfile
from s3cse.errors import SettingsError
from s3cse.objects.body import AsItIs
from s3cse.objects.destinations import MAX_PARTS, StreamedUpload
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.naming import naming
from s3cse.objects.pipeline import Pipeline
from s3cse.objects.staged import StagedUpload
from s3cse.storage.port import Location, ObjectStore

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self


class PlainWriter:
    """One object on its way to S3 as it is. After any error it is aborted. Used by one thread at a time.

    Its metadata holds a mark, by which a lost answer to its completion is settled.

    Args:
        location: where it will be.
        profile: what is written.
        length: of the plaintext in bytes, where it is known: no other length can be finished. Where it is not known,
            an object has at most MAX_PARTS × ``part_bytes`` bytes.
        storage: the user's own metadata.
        part_bytes: at least 5 MiB on real S3.

    Raises:
        SettingsError: storage in an instruction file, or metadata that does not fit.
    """

    #: Whether ``segment_index`` gives an index.
    indexed = False

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        profile: AnyProfile,
        *,
        length: int | None,
        storage: EnvelopeStorage,
        part_bytes: int,
    ) -> None:
        if part_bytes <= 0:
            raise ValueError("part_bytes must be positive")
        self._open = False
        self.location = location
        self.plaintext_bytes = 0
        self._length = length
        with naming(location):
            storage.check(profile)
            self._metadata = storage.without_envelope(marked=True)
        if length is not None:
            part_bytes = max(part_bytes, -(-self._stored_bytes(length) // MAX_PARTS))
        self._most_bytes = MAX_PARTS * part_bytes
        self._destination = StreamedUpload(store, location, self._metadata)
        self._pipeline = Pipeline(AsItIs(), self._destination, part_bytes)
        self._open = True

    def _stored_bytes(self, length: int) -> int:
        return length

    def _take(self, view: memoryview) -> None:
        self._pipeline.write(view)

    def _end(self) -> None:
        pass

    def write(self, data: Buffer) -> int:
        """Take plaintext and return its length in bytes; ``data`` may be changed afterwards.

        Raises:
            SettingsError: the object would be longer than was said, or than S3's number of parts allows.
            TransferError: S3 did not take what was written before.

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
        if self._stored_bytes(length) > self._most_bytes:
            raise SettingsError(
                "the object would have more parts than S3 takes",
                found=f"{length} bytes",
                expected=f"at most {self._most_bytes} stored bytes, {MAX_PARTS} parts",
                fix="say the length at the start, or choose larger parts",
            )

    def segment_index(self, after: Buffer) -> bytes:  # noqa: ARG002 - other writers need it
        """Raise ValueError: only GCM objects have a segment index."""
        raise ValueError("there is no index of this object")

    def finish(self) -> StagedUpload:
        """Send what is left and return what completes the upload. Nothing is visible yet.

        Raises:
            SettingsError: the object is shorter than was said; the writer has been aborted.
            TransferError: S3 did not take it; the writer has been aborted.
        """
        self._check_open()
        with naming(self.location), self._aborting():
            if self._length not in (None, self.plaintext_bytes):
                raise SettingsError(
                    "the object is shorter than was said",
                    found=f"{self.plaintext_bytes} bytes",
                    expected=f"{self._length} bytes",
                    fix="say the right length, or none",
                )
            self._end()
            stored_bytes = self._pipeline.position
            self._pipeline.finish()
            upload_id, parts = self._destination.finish(self._metadata)
            self._close()
        self._open = False
        return StagedUpload(self.location, upload_id, tuple(parts), self._metadata, self.plaintext_bytes, stored_bytes)

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
        self._pipeline.close()

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError("the writer is finished or aborted")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a writer belongs to its process and cannot be pickled: send what finish() returns")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self.abort()
