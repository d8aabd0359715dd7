"""Writing an encrypted object as a multipart upload that stays invisible until somebody completes it.

Plaintext goes in by ``write``, is encrypted straight into part buffers and leaves the process as ciphertext only. The
exact plaintext length must be in the metadata that *starts* an upload, and nobody knows it beforehand: so ciphertext is
spooled and the upload begins at the end. A part's ciphertext is kept until S3 has it, so that a retry sends the same
bytes: other bytes under the same key, IV and counters would be a two-time pad.

Memory: ``memory_bytes`` (spool) + (PARTS_IN_FLIGHT + 1) × ``part_bytes``, whatever the object's size, with the
copy that boto3 makes of a part in flight. CBC objects of more than MAX_PARTS parts send larger ones.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import BLOCK_BYTES, Backend
from s3cse.crypto.randomness import random_bytes
from s3cse.envelope import v2
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import SettingsError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.objects.body import body_encryptor
from s3cse.objects.naming import naming
from s3cse.objects.staged import StagedUpload, complete, is_complete
from s3cse.objects.workers import pool
from s3cse.storage.port import Location, ObjectStore, UploadedPart
from s3cse.storage.spool import PartSpool

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "MAX_PARTS",
    "PARTS_IN_FLIGHT",
    "PART_BYTES",
    "SPOOL_MEMORY_BYTES",
    "ObjectWriter",
    "StagedUpload",
    "complete",
    "is_complete",
    "put_object",
]

#: 8 MiB parts reach the 64 GiB that GCM allows within S3's 10,000 parts.
PART_BYTES = 8 << 20
MAX_PARTS = 10_000
#: Ciphertext kept in memory before the spool uses the disk.
SPOOL_MEMORY_BYTES = 32 << 20
PARTS_IN_FLIGHT = 4


class ObjectWriter:
    """One object on its way to S3. After any error it is aborted: half an object cannot be finished by accident.

    Args:
        location: where it will be.
        keyring: gives the object's own, fresh data key.
        profile: what is written.
        part_bytes: a multiple of 16, at least 5 MiB on real S3.
        memory_bytes: how much ciphertext may wait in memory; at least one part does.
        spool_directory: where the rest waits; None: the system's temporary directory.

    Raises:
        KeyringError: no data key can be had.
        SettingsError: the envelope does not fit into the object's metadata.
    """

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        keyring: Keyring,
        profile: Profile,
        *,
        part_bytes: int = PART_BYTES,
        memory_bytes: int = SPOOL_MEMORY_BYTES,
        spool_directory: str | None = None,
        backend: Backend | None = None,
    ) -> None:
        if part_bytes <= 0 or part_bytes % BLOCK_BYTES:
            raise ValueError("part_bytes must be a positive multiple of 16")
        self._store = store
        self.location = location
        self._algorithm = profile.content_algorithm
        with naming(location):
            data_key = keyring.new_data_key(profile)
            self._envelope = Envelope(
                format=profile.format,
                content_algorithm=profile.content_algorithm,
                wrap_algorithm=profile.wrap_algorithm,
                encrypted_data_key=data_key.encrypted,
                iv=random_bytes(profile.content_algorithm.iv_bytes),
                encryption_context=data_key.encryption_context,
            )
            # Now and not after hours of work: does the envelope fit, however long the object gets?
            v2.write(self._envelope, self._algorithm.max_plaintext_bytes)
        self._cipher = body_encryptor(
            backend or default_backend(), self._algorithm, data_key.plaintext.view(), self._envelope.iv
        )
        self._part_bytes = part_bytes
        self._spool = PartSpool(part_bytes, memory_bytes, spool_directory)
        self._part = bytearray(part_bytes)
        self._filled = 0
        self.plaintext_bytes = 0
        self._upload_id: str | None = None
        self._open = True

    def __reduce__(self) -> NoReturn:
        raise TypeError("a writer holds a key and cannot be pickled: send what finish() returns")

    def write(self, data: Buffer) -> int:
        """Encrypt ``data`` and return its length in bytes.

        Raises:
            SettingsError: the object would be longer than its format allows; the writer is aborted.
            TransferError: the local disk has no room for the ciphertext; the writer is aborted.
        """
        self._check_open()
        view = memoryview(data).cast("B")
        with naming(self.location):
            try:
                self._check_length(len(view))
                self._encrypt(view)
            except BaseException:
                self.abort()
                raise
        return len(view)

    def _check_length(self, more: int) -> None:
        most = self._algorithm.max_plaintext_bytes
        if self.plaintext_bytes + more > most:
            raise SettingsError(
                f"the object would be longer than {self._algorithm.value} allows",
                found=f"{self.plaintext_bytes + more} bytes",
                expected=f"at most {most} bytes",
                fix="write several objects",
            )

    def _encrypt(self, view: memoryview) -> None:
        done = 0
        while done < len(view):
            piece = view[done : done + self._part_bytes - self._filled]
            # Released at once: the spool may resize the part.
            with memoryview(self._part)[self._filled :] as target:
                self._filled += self._cipher.update_into(piece, target)
            self.plaintext_bytes += len(piece)
            done += len(piece)
            self._turn_over_if_full()

    def _turn_over_if_full(self) -> None:
        if self._filled == self._part_bytes:
            self._part = self._spool.take(self._part, self._filled)
            self._filled = 0

    def _append_end(self, end: bytes) -> None:
        """Put the tag or the padded block behind the body; a tag may straddle two parts."""
        for at in range(len(end)):
            self._part[self._filled] = end[at]
            self._filled += 1
            self._turn_over_if_full()
        if self._filled:
            self._spool.take(self._part, self._filled)
        self._part = bytearray()

    def finish(self) -> StagedUpload:
        """End the message, upload all parts in parallel and return what completes them. Nothing is visible yet.

        Raises:
            TransferError: S3 did not take it; the upload has been aborted.
        """
        self._check_open()
        self._open = False
        with naming(self.location):
            try:
                return self._finish()
            except BaseException:
                self.abort()
                raise

    def _finish(self) -> StagedUpload:
        self._append_end(self._cipher.end())
        metadata = v2.write(self._envelope, self.plaintext_bytes)
        self._upload_id = self._store.create_upload(self.location, metadata)
        parts = self._send(self._upload_id)
        self._release()
        return StagedUpload(
            location=self.location,
            upload_id=self._upload_id,
            parts=tuple(parts),
            metadata=metadata,
            plaintext_bytes=self.plaintext_bytes,
            stored_bytes=self._algorithm.stored_bytes(self.plaintext_bytes),
        )

    def _send(self, upload_id: str) -> list[UploadedPart]:
        # Only CBC objects beyond 78 GiB need to join spooled parts into bigger ones.
        joined = -(-self._spool.count // MAX_PARTS)
        numbers = range(-(-self._spool.count // joined))
        waiting: deque[Future[UploadedPart]] = deque()
        sent: list[UploadedPart] = []
        try:
            for number in numbers:
                if len(waiting) == PARTS_IN_FLIGHT:
                    sent.append(waiting.popleft().result())
                waiting.append(pool().submit(self._send_part, upload_id, number, joined))
            sent.extend(future.result() for future in waiting)
        finally:
            for future in waiting:
                if not future.cancel():
                    with suppress(Exception):
                        future.result()
        return sent

    def _send_part(self, upload_id: str, number: int, joined: int) -> UploadedPart:
        first, last = number * joined, min((number + 1) * joined, self._spool.count)
        body = self._spool.read(first) if last - first == 1 else b"".join(map(self._spool.read, range(first, last)))
        return self._store.upload_part(self.location, upload_id, number + 1, body)

    def abort(self) -> None:
        """Drop everything, in S3 too; idempotent. If S3 does not abort, the upload stays listed."""
        self._open = False
        self._release()
        if self._upload_id is not None:
            with suppress(TransferError):
                self._store.abort_upload(self.location, self._upload_id)
            self._upload_id = None

    def _release(self) -> None:
        self._cipher.close()
        self._spool.close()
        self._part = bytearray()

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError("the writer is finished or aborted")

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self.abort()


def put_object(
    store: ObjectStore, location: Location, keyring: Keyring, profile: Profile, plaintext: Buffer
) -> StagedUpload:
    """Encrypt and store one object that is in memory; it is visible on return."""
    with ObjectWriter(store, location, keyring, profile) as writer:
        writer.write(plaintext)
        staged = writer.finish()
    try:
        complete(store, staged)
    except BaseException:
        with suppress(TransferError):
            store.abort_upload(location, staged.upload_id)
        raise
    return staged
