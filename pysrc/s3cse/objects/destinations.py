"""Where encrypted parts go: to S3 at once, or into a spool until the object's length is known."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Protocol

from s3cse.errors import TransferError
from s3cse.objects.workers import results_in_order
from s3cse.storage.port import Location, ObjectStore, UploadedPart
from s3cse.storage.spool import PartSpool

#: S3 takes no more parts than this for one object.
MAX_PARTS = 10_000
#: Parts of one object that are on their way to S3 at once: 565, 768 and 628 MB/s with 2, 4 and 8 on two cores
#: (`bench/transfer.py --sizes`), where the client's CPU is the limit.
PARTS_IN_FLIGHT = 4
#: Parts of one object that are encrypted and spooled at once: enough to keep two cores busy, and open files many.
PARTS_INTO_SPOOL = 2


class Destination(Protocol):
    """Takes the encrypted parts of one object, numbered from 0."""

    @property
    def parts_in_flight(self) -> int:
        """How many parts it is worth handing over at once."""

    def begin(self) -> None:
        """Get ready; called once, before the first part."""

    def put(self, index: int, part: bytearray) -> bool:
        """Take a part, in any order and from several threads.

        Returns:
            Whether the buffer is kept; if not, the caller may use it again.
        """

    def finish(self, metadata: Mapping[str, str]) -> tuple[str, list[UploadedPart]]:
        """Return the upload's id and its parts once S3 has all of them; nothing is visible yet."""

    def abort(self) -> None:
        """Drop everything, in S3 too; idempotent. No ``put`` is in progress, and none follows."""


class _Upload:
    """A multipart upload. botocore repeats a part that S3 did not take; that its bytes are the same is sure, because
    nobody writes into a part's buffer before its request is over."""

    def __init__(self, store: ObjectStore, location: Location) -> None:
        self._store = store
        self._location = location
        self.id: str | None = None

    def create(self, metadata: Mapping[str, str]) -> None:
        self.id = self._store.create_upload(self._location, metadata)

    def started(self) -> str:
        if self.id is None:
            raise ValueError("the upload has not begun, or is aborted")
        return self.id

    def send(self, index: int, body: bytearray) -> UploadedPart:
        return self._store.upload_part(self._location, self.started(), index + 1, body)

    def abort(self) -> None:
        if self.id is not None:
            with suppress(TransferError):  # it stays listed then; the error that led here matters more
                self._store.abort_upload(self._location, self.id)
            self.id = None


class StreamedUpload:
    """Each part goes to S3 as soon as it is there.

    Args:
        metadata: of the object; it names the exact plaintext length.
        parts_in_flight: at once; None: PARTS_IN_FLIGHT.
    """

    parts_in_flight = PARTS_IN_FLIGHT

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        metadata: Mapping[str, str],
        parts_in_flight: int | None = None,
    ) -> None:
        if parts_in_flight is not None:
            self.parts_in_flight = parts_in_flight
        self._upload = _Upload(store, location)
        self._metadata = metadata
        self._parts: dict[int, UploadedPart] = {}

    def begin(self) -> None:
        """See Destination."""
        self._upload.create(self._metadata)

    def put(self, index: int, part: bytearray) -> bool:
        """See Destination."""
        self._parts[index] = self._upload.send(index, part)
        return False

    def finish(self, metadata: Mapping[str, str]) -> tuple[str, list[UploadedPart]]:  # noqa: ARG002 - sent already
        """See Destination."""
        return self._upload.started(), [self._parts[index] for index in sorted(self._parts)]

    def abort(self) -> None:
        """See Destination."""
        self._upload.abort()


class SpooledUpload:
    """Parts wait in memory and on disk; they go to S3, several at once, when the length is known.

    Args:
        part_bytes: length of every part but the last.
        memory_bytes: what may wait in memory.
        directory: where the rest waits; None: the system's temporary directory.
    """

    parts_in_flight = PARTS_INTO_SPOOL

    def __init__(
        self, store: ObjectStore, location: Location, part_bytes: int, memory_bytes: int, directory: str | None
    ) -> None:
        self._upload = _Upload(store, location)
        self._spool = PartSpool(part_bytes, memory_bytes, directory)

    def begin(self) -> None:
        """See Destination."""

    def put(self, index: int, part: bytearray) -> bool:
        """See Destination."""
        return self._spool.put(index, part)

    def finish(self, metadata: Mapping[str, str]) -> tuple[str, list[UploadedPart]]:
        """See Destination."""
        self._upload.create(metadata)
        # Only CBC objects beyond 78 GiB need to join spooled parts into bigger ones.
        joined = -(-self._spool.count // MAX_PARTS)
        work = (partial(self._send, number, joined) for number in range(-(-self._spool.count // joined)))
        with closing(results_in_order(work, PARTS_IN_FLIGHT)) as results:
            parts = list(results)
        self._spool.close()
        return self._upload.started(), parts

    def _send(self, number: int, joined: int) -> UploadedPart:
        first, last = number * joined, min((number + 1) * joined, self._spool.count)
        body = self._spool.read(first)
        if last - first > 1:
            body = bytearray().join(map(self._spool.read, range(first, last)))
        return self._upload.send(number, body)

    def abort(self) -> None:
        """See Destination."""
        self._spool.close()
        self._upload.abort()
