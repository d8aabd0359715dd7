"""Writing an object whose length nothing depends on: parts go to S3 as they fill up, and nothing is spooled.

The plain ones are encrypted by S3, or by nobody. Memory, whatever the length, ``part_bytes`` being P:
(``parts_in_flight`` + 1) × P, and as much again where the S3 client copies what it sends (boto3 does over https).
Copies: each byte once, into its part.
"""

from __future__ import annotations

from s3cse.envelope.profiles import CustomerKeyProfile
from s3cse.errors import SettingsError
from s3cse.objects.body import AsItIs
from s3cse.objects.destinations import MAX_PARTS, StreamedUpload
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.naming import naming
from s3cse.objects.pipeline import Pipeline
from s3cse.objects.staged import StagedUpload
from s3cse.objects.writer import Writer
from s3cse.storage.port import Location, ObjectStore


class PlainWriter(Writer):
    """One object on its way to S3 as it is; see Writer for what is not said here.

    Its metadata holds a mark, by which a lost answer to its completion is settled.

    Args:
        location: where it will be.
        length: of the plaintext in bytes, where it is known; where it is not, an object has at most MAX_PARTS ×
            ``part_bytes`` bytes.
        storage: the user's own metadata.
        part_bytes: at least 5 MiB on real S3.
        parts_in_flight: how many are on their way at once; None: PARTS_IN_FLIGHT.

    Raises:
        SettingsError: storage in an instruction file, or metadata that does not fit.
    """

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        *,
        length: int | None,
        storage: EnvelopeStorage,
        part_bytes: int,
        parts_in_flight: int | None = None,
    ) -> None:
        if part_bytes <= 0:
            raise ValueError("part_bytes must be positive")
        with naming(location):
            storage.check(CustomerKeyProfile())  # there is no envelope, so no file for it
            self._metadata = storage.without_envelope(marked=True)
        if length is not None:
            part_bytes = max(part_bytes, -(-self._stored_bytes(length) // MAX_PARTS))
        self._most_bytes = MAX_PARTS * part_bytes
        destination = StreamedUpload(store, location, self._metadata, parts_in_flight)
        super().__init__(location, length, destination, Pipeline(AsItIs(), destination, part_bytes))

    def _stored_bytes(self, length: int) -> int:
        return length

    def _check_limit(self, length: int) -> None:
        if self._stored_bytes(length) > self._most_bytes:
            raise SettingsError(
                "the object would have more parts than S3 takes",
                found=f"{length} bytes",
                expected=f"at most {self._most_bytes} stored bytes, {MAX_PARTS} parts",
                fix="say the length at the start, or choose larger parts",
            )

    def _stage(self) -> StagedUpload:
        self._end()
        stored_bytes = self._pipeline.position
        self._pipeline.finish()
        upload_id, parts = self._destination.finish(self._metadata)
        return StagedUpload(self.location, upload_id, tuple(parts), self._metadata, self.plaintext_bytes, stored_bytes)

    def _end(self) -> None:
        """Write what an object ends with."""
