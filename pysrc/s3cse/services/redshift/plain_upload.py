"""An object that S3 encrypts, written in parts as ObjectWriter writes encrypted ones: invisible until completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.objects.destinations import StreamedUpload
from s3cse.objects.envelope_storage import upload_mark
from s3cse.objects.naming import naming
from s3cse.objects.staged import StagedUpload
from s3cse.objects.upload import PART_BYTES
from s3cse.storage.port import Location, ObjectStore

if TYPE_CHECKING:
    from typing_extensions import Buffer


class PlainWriter:
    """One plain object on its way to S3; used by one thread. Memory: one part. After an error: ``abort``.

    Its metadata holds a mark, by which a lost answer to its completion is settled.
    """

    def __init__(self, store: ObjectStore, location: Location, *, part_bytes: int = PART_BYTES) -> None:
        self._location = location
        self._metadata = upload_mark()
        self._destination = StreamedUpload(store, location, self._metadata)
        self._part_bytes = part_bytes
        self._part = bytearray()
        self._parts = 0
        self._written = 0

    def write(self, data: Buffer) -> int:
        """Take bytes and return their number."""
        with memoryview(data) as view:
            length = view.nbytes
            self._part += view
        self._written += length
        while len(self._part) >= self._part_bytes:
            self._send(self._part_bytes)
        return length

    def _send(self, length: int) -> None:
        with naming(self._location):
            if not self._parts:
                self._destination.begin()
            self._destination.put(self._parts, self._part[:length])
        del self._part[:length]
        self._parts += 1

    def finish(self) -> StagedUpload:
        """Send what is left and return what completes the upload."""
        if self._part or not self._parts:
            self._send(len(self._part))
        with naming(self._location):
            upload_id, parts = self._destination.finish(self._metadata)
        return StagedUpload(self._location, upload_id, tuple(parts), self._metadata, self._written, self._written)

    def abort(self) -> None:
        """Drop everything, in S3 too; idempotent."""
        self._destination.abort()
