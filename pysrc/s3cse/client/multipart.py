"""Uploads in parts that the caller cuts: create_multipart_upload, upload_part, complete, abort.

The plaintext's length and the parts' are said at the start, so each part has its offset and may come in any order, from
any thread (GCM). The last one carries the tag of all, so it comes when the others are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from s3cse.client.answers import done, written
from s3cse.client.parameters import NOT_ON_WRITING
from s3cse.client.part_seals import PartSealer, check_numbers, part_sealer
from s3cse.client.setup import Setup
from s3cse.client.sources import in_memory, read_up_to
from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.envelope.profiles import Profile
from s3cse.errors import SettingsError, TransferError
from s3cse.objects.content_key import new_envelope
from s3cse.objects.instruction_swap import InstructionSwap
from s3cse.objects.naming import naming
from s3cse.objects.settlement import seen
from s3cse.objects.staged import StagedUpload, complete, is_complete
from s3cse.objects.upload import MAX_PARTS, check_length
from s3cse.objects.wiping import wipe
from s3cse.storage.port import Location, UploadedPart
from s3cse.storage.s3 import S3Store

#: What S3 takes for a part that is not the last; the last one also holds the tag.
MIN_PART_BYTES = 5 << 20
MAX_PART_BYTES = (5 << 30) - BLOCK_BYTES
#: What becomes of the object of an upload that is aborted: it does not come any more, so one answer is enough.
_ABORTED = TransferError("the upload is aborted", sent=False)


class Upload:
    """One upload in parts, of one process. Methods may be called from several threads.

    Args:
        length: of the plaintext in bytes.
        part_bytes: of every part but the last, a multiple of 16.
    """

    def __init__(
        self,
        setup: Setup,
        store: S3Store,
        location: Location,
        metadata: Mapping[str, str],
        length: int,
        part_bytes: int,
    ) -> None:
        self._store = store
        self._location = location
        self._length = length
        self._part_bytes = part_bytes
        self.count = max(-(-length // part_bytes), 1)
        self._lock = Lock()
        self._parts: dict[int, UploadedPart] = {}
        self._turns: dict[int, Lock] = {}
        storage = setup.envelope_storage(metadata)
        keyring, profile = setup.wrapping(location)
        if keyring is None or not isinstance(profile, Profile):
            raise _no_parts(profile.name)
        storage.check(profile)
        check_length(profile.content_algorithm, length)
        self._stored_bytes = profile.content_algorithm.stored_bytes(length)
        data_key = keyring.new_data_key(profile)  # what can be refused without a call of the key service has been
        envelope, key = new_envelope(profile, data_key)
        self._form = storage.form(envelope, length)
        self._swap = InstructionSwap(storage.file(location, self._form))
        self._sealer: PartSealer = part_sealer(default_backend(), envelope, key)
        key.wipe()
        data_key.plaintext.wipe()
        self.id = ""

    def begin(self) -> str:
        """Start the upload and return its id."""
        try:
            self.id = self._store.create_upload(self._location, self._form.metadata)
        except BaseException:
            self._sealer.close()
            raise
        return self.id

    def part_length(self, number: object) -> int:
        """Return how long a part's plaintext is.

        Raises:
            SettingsError: there is no such part.
        """
        if not isinstance(number, int) or not 1 <= number <= self.count:
            raise SettingsError("no such part", found=f"PartNumber {number!r}", expected=f"1 to {self.count}")
        return self._part_bytes if number < self.count else self._length - (self.count - 1) * self._part_bytes

    def send(self, number: int, plaintext: memoryview, store: S3Store) -> UploadedPart:
        """Encrypt one part and send it. The same part waits for its turn: what S3 took last is what it keeps.

        Copies: the plaintext once, into the buffer in which it is encrypted; boto3 copies what it sends once more.
        """
        self._check_last(number)
        # Under SSE-KMS the same bytes get another ETag each time: of two answers the later one must be the one noted.
        with self._turn(number):
            sent = store.upload_part(self._location, self.id, number, self._sealed(number, plaintext))
            with self._lock:
                self._parts[number] = sent
        return sent

    def _turn(self, number: int) -> Lock:
        with self._lock:
            return self._turns.setdefault(number, Lock())

    def _sealed(self, number: int, plaintext: memoryview) -> bytearray:
        part = bytearray(plaintext)
        seal = self._sealer.seal_last if number == self.count else self._sealer.seal
        try:
            seal(number, (number - 1) * self._part_bytes, part)
        except BaseException:
            wipe(part)
            raise
        return part

    def _check_last(self, number: int) -> None:
        with self._lock:
            missing = [other for other in range(1, self.count) if other not in self._parts]
        if number == self.count and missing:
            raise SettingsError(
                "the last part carries the tag of all parts, so it comes when the others are in",
                found=f"{len(missing)} parts that are not, the first of them part {missing[0]}",
                expected=f"parts 1 to {self.count - 1} uploaded",
                fix="upload them first, and wait for their answers",
            )

    def complete(self, listed: Mapping[int, str] | None, store: S3Store) -> dict[str, Any]:
        """Make the object visible; safe to repeat after an error."""
        with self._lock:
            parts = [self._parts[number] for number in sorted(self._parts)]
        if len(parts) < self.count:
            missing = next(number for number in range(1, self.count + 1) if number not in self._parts)
            raise SettingsError("parts are missing", found=f"no part {missing}", expected=f"parts 1 to {self.count}")
        if listed is not None:
            check_numbers(listed, {part.number: part.etag for part in parts})
        receipt = complete(store, self._staged(parts), self._swap)
        self._sealer.close()
        place = {"Bucket": self._location.bucket, "Key": self._location.key}
        return {**place, **written(receipt, None if receipt else store.head(self._location))}

    def _staged(self, parts: Iterable[UploadedPart] = ()) -> StagedUpload:
        return StagedUpload(
            location=self._location,
            upload_id=self.id,
            parts=tuple(parts),
            metadata=self._form.metadata,
            plaintext_bytes=self._length,
            stored_bytes=self._stored_bytes,
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


class Uploads:
    """The uploads in parts of one client."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._lock = Lock()
        self._open: dict[tuple[Location, str], tuple[Upload, dict[str, Any]]] = {}

    def create(
        self, location: Location, length: object, part_bytes: object, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See Client.create_multipart_upload."""
        further = dict(given)
        metadata = further.pop("Metadata", None) or {}
        store = self._setup.writing(location, "create_multipart_upload", further, "create_multipart_upload")
        with naming(location):
            upload = Upload(self._setup, store, location, metadata, *_checked_sizes(length, part_bytes))
            upload_id = upload.begin()
        with self._lock:
            self._open[location, upload_id] = upload, further
        return done(Bucket=location.bucket, Key=location.key, UploadId=upload_id)

    def send(
        self, location: Location, upload_id: str, number: Any, body: object, given: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See Client.upload_part."""
        further = dict(given)
        said = further.pop("ContentLength", None)
        upload, store = self._find(location, upload_id, "upload_part", further)
        with naming(location):
            expected = upload.part_length(number)
            memory = in_memory(body)
            # One byte more than it may have tells a body that is too long.
            plaintext = memoryview(read_up_to(body, expected + 1) if memory is None else memory).cast("B")
            if len(plaintext) != expected or said not in (None, expected):
                raise SettingsError(
                    f"part {number} has the wrong length, and was not sent",
                    found=f"{len(plaintext)} bytes" if len(plaintext) != expected else f"ContentLength {said}",
                    expected=f"{expected} bytes, by the PlaintextLength and PartSize of the upload",
                    fix="cut the plaintext as create_multipart_upload was told",
                )
            sent = upload.send(number, plaintext, store)
        return done(ETag=sent.etag, **sent.checksums)

    def complete(self, location: Location, upload_id: str, listed: object, given: Mapping[str, Any]) -> dict[str, Any]:
        """See Client.complete_multipart_upload."""
        upload, store = self._find(location, upload_id, "complete_multipart_upload", given)
        with naming(location):
            answer = upload.complete(None if listed is None else _etags(listed), store)
        self._forget(location, upload_id)
        return answer

    def abort(self, location: Location, upload_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """See Client.abort_multipart_upload."""
        self._setup.parameters.check("abort_multipart_upload", given, "abort_multipart_upload", {})
        upload, said = self._known(location, upload_id)
        if upload is not None:
            upload.close()
        own, shared = self._setup.parameters.writing({**said, **given})
        store = self._setup.store.sending(shared).sending(own, about=location)
        place = {"Bucket": location.bucket, "Key": location.key}
        try:
            answer = store.ask(location, "abort_multipart_upload", "abort the upload of", UploadId=upload_id, **place)
        except TransferError as error:
            # An upload of this client that is not there any more: aborted before, perhaps, and the answer was lost.
            if upload is None or error.status != 404:
                raise
            answer = done()
        if upload is not None:
            upload.take_back(store)
        self._forget(location, upload_id)
        return dict(answer)

    def _find(
        self, location: Location, upload_id: str, method: str, given: Mapping[str, Any]
    ) -> tuple[Upload, S3Store]:
        """Return an upload and the store that says what it was begun with, and what is said now."""
        upload, said = self._known(location, upload_id)
        if upload is None:
            raise SettingsError(
                "this client has not begun this upload, or has ended it",
                uri=location.uri,
                found=f"UploadId {upload_id!r}",
                expected="an upload of this client and process: its key exists nowhere else",
                fix="begin another upload; abort_multipart_upload drops what is left of this one",
            )
        self._setup.parameters.check(method, given, method, NOT_ON_WRITING)
        own, shared = self._setup.parameters.writing({**said, **given})
        return upload, self._setup.store.sending(shared).sending(own, about=location)

    def _known(self, location: Location, upload_id: str) -> tuple[Upload | None, dict[str, Any]]:
        with self._lock:
            return self._open.get((location, upload_id), (None, {}))

    def _forget(self, location: Location, upload_id: str) -> None:
        with self._lock:
            self._open.pop((location, upload_id), None)


def _checked_sizes(length: object, part_bytes: object) -> tuple[int, int]:
    if not isinstance(length, int) or length < 0:
        raise SettingsError(
            "an encrypted upload in parts needs its PlaintextLength",
            found=repr(length),
            expected="the length of the whole plaintext in bytes",
            fix="say it, or use upload_fileobj, which needs none",
        )
    if not isinstance(part_bytes, int) or part_bytes <= 0 or part_bytes % BLOCK_BYTES:
        raise SettingsError(
            "an encrypted upload in parts needs its PartSize",
            found=repr(part_bytes),
            expected="a multiple of 16 bytes",
        )
    if part_bytes > MAX_PART_BYTES or (length > part_bytes and part_bytes < MIN_PART_BYTES):
        raise SettingsError(
            "S3 does not take parts of this size",
            found=f"{part_bytes} bytes",
            expected=f"{MIN_PART_BYTES} to {MAX_PART_BYTES} bytes, apart from the last part",
            fix="choose another PartSize",
        )
    if length > MAX_PARTS * part_bytes:
        raise SettingsError(
            "the upload would have too many parts",
            found=f"{-(-length // part_bytes)} parts",
            expected=f"at most {MAX_PARTS}",
            fix="choose a larger PartSize",
        )
    return length, part_bytes


def _etags(listed: object) -> dict[int, str]:
    rows = listed.get("Parts") if isinstance(listed, Mapping) else None
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise SettingsError("MultipartUpload lists no parts", expected="{'Parts': [{'PartNumber': 1, 'ETag': …}, …]}")
    return {row.get("PartNumber", 0): str(row.get("ETag")) for row in rows}


def _no_parts(profile: str) -> SettingsError:
    return SettingsError(
        f"profile {profile!r} knows no uploads in parts that the caller cuts",
        expected="one of the S3 client-side formats",
        fix="use upload_fileobj, which needs no length and cuts parts by itself",
    )
