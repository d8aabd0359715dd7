"""Writing an encrypted object as a multipart upload that stays invisible until somebody completes it.

Plaintext goes in by ``write``, is encrypted straight into part buffers and leaves the process as ciphertext only. The
exact plaintext length must be in the metadata that *starts* an upload: where it is not known beforehand the ciphertext
is spooled and the upload begins at the end. A part's ciphertext is kept until S3 has it, so that a retry sends the same
bytes: other bytes under the same key, IV and counters would be a two-time pad.

Memory: ``memory_bytes`` (spool) + (PARTS_IN_FLIGHT + 1) × ``part_bytes``, whatever the object's size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.randomness import random_bytes
from s3cse.envelope import v2
from s3cse.envelope.model import ContentAlgorithm, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import S3CSEError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.objects.workers import pool
from s3cse.storage.port import Location, ObjectStore, UploadedPart
from s3cse.storage.spool import PartSpool

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: 8 MiB parts reach the 64 GiB that GCM allows within S3's 10,000 parts.
PART_BYTES = 8 << 20
MAX_PARTS = 10_000
#: Ciphertext kept in memory before the spool uses the disk.
SPOOL_MEMORY_BYTES = 32 << 20
PARTS_IN_FLIGHT = 4
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class StagedUpload:
    """An upload whose parts are all in S3 and that only needs completing. Holds no secret; it may be pickled."""

    location: Location
    upload_id: str
    parts: tuple[UploadedPart, ...]
    metadata: Mapping[str, str]
    plaintext_bytes: int
    stored_bytes: int


class ObjectWriter:
    """One object on its way to S3.

    Args:
        location: where it will be.
        keyring: gives the object's own, fresh data key.
        profile: what is written.
        part_bytes: a multiple of 16, at least 5 MiB on real S3.
        memory_bytes: how much ciphertext may wait in memory.
        spool_directory: where the rest waits; None: the system's temporary directory.

    Raises:
        KeyringError: no data key can be had.
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
        if part_bytes <= 0 or part_bytes % _BLOCK:
            raise ValueError("part_bytes must be a positive multiple of 16")
        self._store = store
        self.location = location
        self._algorithm = profile.content_algorithm
        try:
            data_key = keyring.new_data_key(profile)
        except S3CSEError as error:
            raise error.at(location.uri) from error.__cause__
        self._envelope = Envelope(
            format=profile.format,
            content_algorithm=profile.content_algorithm,
            wrap_algorithm=profile.wrap_algorithm,
            encrypted_data_key=data_key.encrypted,
            iv=random_bytes(profile.content_algorithm.iv_bytes),
            encryption_context=data_key.encryption_context,
        )
        backend = backend or default_backend()
        self._gcm = self._cbc = None
        if self._algorithm is ContentAlgorithm.AES_GCM:
            self._gcm = backend.gcm_encryptor(data_key.plaintext.view(), self._envelope.iv)
        else:
            self._cbc = backend.cbc_encryptor(data_key.plaintext.view(), self._envelope.iv)
        self._part_bytes = part_bytes
        self._spool = PartSpool(part_bytes, memory_bytes, spool_directory)
        self._part = bytearray(part_bytes)
        self._filled = 0
        self.plaintext_bytes = 0
        self._upload_id: str | None = None
        self._open = True

    def write(self, data: Buffer) -> int:
        """Encrypt ``data`` and return its length in bytes."""
        self._check_open()
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            piece = view[done : done + self._room()]
            target = memoryview(self._part)[self._filled :]
            written = (self._gcm or self._cbc).update_into(piece, target)  # type: ignore[union-attr]
            target.release()  # the buffer is resized when the spool takes it
            self.plaintext_bytes += len(piece)
            self._filled += written
            done += len(piece)
            self._turn_over_if_full()
        return done

    def _room(self) -> int:
        """Return how many plaintext bytes fill the part exactly; CBC holds up to 15 bytes of the last block back."""
        held = self.plaintext_bytes % _BLOCK if self._cbc else 0
        return self._part_bytes - self._filled - held

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

    def finish(self) -> StagedUpload:
        """End the message, upload all parts in parallel and return what completes them. Nothing is visible yet.

        Raises:
            TransferError: S3 did not take it; the upload has been aborted.
        """
        self._check_open()
        self._open = False
        if self._gcm is not None:
            self._append_end(self._gcm.finalize())
        elif self._cbc is not None:
            block = bytearray(_BLOCK)
            self._append_end(bytes(block[: self._cbc.finalize_into(block)]))
        if self._filled:
            self._spool.take(self._part, self._filled)
        self._part = bytearray()
        try:
            metadata = v2.write(self._envelope, self.plaintext_bytes)
            self._upload_id = self._store.create_upload(self.location, metadata)
            parts = self._send(self._upload_id)
        except BaseException:
            self.abort()
            raise
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
        """Drop everything, in S3 too; idempotent. Where S3 does not abort, nothing is raised: the upload stays listed."""
        self._open = False
        self._release()
        if self._upload_id is not None:
            with suppress(TransferError):
                self._store.abort_upload(self.location, self._upload_id)
            self._upload_id = None

    def _release(self) -> None:
        self._spool.close()
        for cipher in (self._gcm, self._cbc):
            if cipher is not None:
                cipher.close()

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


def complete(store: ObjectStore, staged: StagedUpload) -> None:
    """Make a staged upload visible; safe to repeat.

    A lost answer (time-out, NoSuchUpload, an error after the fact) is settled by a HEAD: our wrapped key and IV in the
    object's metadata mean that it is done.

    Raises:
        TransferError: S3 did not complete it.
    """
    try:
        store.complete_upload(staged.location, staged.upload_id, staged.parts)
    except TransferError:
        if not is_complete(store, staged):
            raise


def is_complete(store: ObjectStore, staged: StagedUpload) -> bool:
    """Whether the object at the staged upload's place is the staged one."""
    stored = store.head(staged.location)
    return (
        stored is not None
        and stored.size == staged.stored_bytes
        and all(stored.metadata.get(name) == staged.metadata[name] for name in ("x-amz-key-v2", "x-amz-iv"))
    )


def put_object(
    store: ObjectStore, location: Location, keyring: Keyring, profile: Profile, plaintext: Buffer
) -> StagedUpload:
    """Encrypt and store one object that is in memory; it is visible on return."""
    with ObjectWriter(store, location, keyring, profile) as writer:
        writer.write(plaintext)
        staged = writer.finish()
    complete(store, staged)
    return staged
