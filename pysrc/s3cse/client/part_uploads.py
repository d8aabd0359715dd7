"""One upload in parts that the caller cuts: from its beginning to its completion, or its end without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from s3cse.client.answers import written
from s3cse.client.part_seals import check_numbers
from s3cse.client.upload_plans import UploadPlan
from s3cse.crypto.memory import wipe
from s3cse.errors import SettingsError, TransferError
from s3cse.objects.destinations import MAX_PARTS
from s3cse.objects.instruction_swap import InstructionSwap
from s3cse.objects.settlement import seen
from s3cse.objects.staged import StagedUpload, complete, is_complete
from s3cse.storage.port import Location, UploadedPart
from s3cse.storage.s3 import S3Store

#: What becomes of the object of an upload that is aborted: it does not come any more, so one answer is enough.
_ABORTED = TransferError("the upload is aborted", sent=False)


class Upload:
    """One upload in parts, of one process. Methods may be called from several threads."""

    def __init__(self, store: S3Store, location: Location, plan: UploadPlan) -> None:
        self._store = store
        self._location = location
        self._plan = plan
        #: How many parts there will be; None: nobody said.
        self.count = None
        if plan.length is not None and plan.part_bytes is not None:
            self.count = max(-(-plan.length // plan.part_bytes), 1)
        self._lock = Lock()
        self._parts: dict[int, tuple[UploadedPart, int]] = {}
        self._turns: dict[int, Lock] = {}
        self._swap = InstructionSwap(plan.file)
        self._sealer = plan.sealer
        self.id = ""

    def begin(self) -> str:
        """Start the upload and return its id."""
        try:
            self.id = self._store.create_upload(self._location, self._plan.metadata)
        except BaseException:
            self._sealer.close()
            raise
        return self.id

    def part_length(self, number: object) -> int | None:
        """Return how long a part's plaintext is, None where nobody said.

        Raises:
            SettingsError: there is no such part.
        """
        most = MAX_PARTS if self.count is None else self.count
        if not isinstance(number, int) or not 1 <= number <= most:
            raise SettingsError("no such part", found=f"PartNumber {number!r}", expected=f"1 to {most}")
        if self._plan.length is None or self._plan.part_bytes is None:
            return None
        return min(self._plan.part_bytes, self._plan.length - (number - 1) * self._plan.part_bytes)

    def send(self, number: int, plaintext: memoryview, store: S3Store) -> UploadedPart:
        """Encrypt one part and send it. The same part waits for its turn: what S3 took last is what it keeps.

        Copies: the plaintext once, into the buffer in which it is encrypted; boto3 copies what it sends once more.
        """
        self._check_last(number)
        # Under SSE-KMS the same bytes get another ETag each time: of two answers the later one must be the one noted.
        with self._turn(number):
            sealed = self._sealed(number, plaintext)
            sent = store.upload_part(self._location, self.id, number, sealed)
            with self._lock:
                self._parts[number] = sent, len(sealed)
        return sent

    def _turn(self, number: int) -> Lock:
        with self._lock:
            return self._turns.setdefault(number, Lock())

    def _sealed(self, number: int, plaintext: memoryview) -> bytearray:
        part = bytearray(plaintext)
        seal = self._sealer.seal_last if number == self.count else self._sealer.seal
        try:
            seal(number, (number - 1) * (self._plan.part_bytes or 0), part)
        except BaseException:
            wipe(part)
            raise
        return part

    def _check_last(self, number: int) -> None:
        if number != self.count or not self._sealer.last_waits:
            return
        with self._lock:
            missing = [other for other in range(1, number) if other not in self._parts]
        if missing:
            raise SettingsError(
                "the last part carries the tag of all parts, so it comes when the others are in",
                found=f"{len(missing)} parts that are not, the first of them part {missing[0]}",
                expected=f"parts 1 to {number - 1} uploaded",
                fix="upload them first, and wait for their answers",
            )

    def complete(self, listed: Mapping[int, str] | None, store: S3Store) -> dict[str, Any]:
        """Make the object visible; safe to repeat after an error."""
        with self._lock:
            parts = [self._parts[number] for number in sorted(self._parts)]
        count = max(self._parts, default=1) if self.count is None else self.count
        if len(parts) < count:
            missing = next(number for number in range(1, count + 1) if number not in self._parts)
            raise SettingsError("parts are missing", found=f"no part {missing}", expected=f"parts 1 to {count}")
        if listed is not None:
            check_numbers(listed, {part.number: part.etag for part, _ in parts})
        receipt = complete(store, self._staged(parts), self._swap)
        self._sealer.close()
        place = {"Bucket": self._location.bucket, "Key": self._location.key}
        return {**place, **written(receipt, None if receipt else store.head(self._location))}

    def _staged(self, parts: Sequence[tuple[UploadedPart, int]] = ()) -> StagedUpload:
        sent = sum(size for _, size in parts)
        return StagedUpload(
            location=self._location,
            upload_id=self.id,
            parts=tuple(part for part, _ in parts),
            metadata=self._plan.metadata,
            plaintext_bytes=sent if self._plan.length is None else self._plan.length,
            stored_bytes=sent if self._plan.stored_bytes is None else self._plan.stored_bytes,
            instruction=self._swap.file,
        )

    def close(self) -> None:
        """Wipe the keys."""
        self._sealer.close()

    def take_back(self, store: S3Store) -> None:
        """Put back the instruction file that an unsettled completion has replaced, after the upload was aborted.

        Raises:
            TransferError: the file is not back. This may be repeated.
        """
        if not self._swap.placed or seen(lambda: is_complete(store, self._staged()), _ABORTED):
            return
        self._swap.take_back(store)
        if self._swap.placed:
            raise TransferError(
                "the upload is aborted, but the instruction file of the object that it was to replace is not back",
                uri=self._location.uri,
                expected="an answer of S3 to the requests that put it back",
                fix="abort it again",
            )
