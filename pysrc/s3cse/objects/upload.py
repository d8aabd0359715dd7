"""Writing an encrypted object as a multipart upload that stays invisible until somebody completes it.

``write`` copies plaintext into a part buffer, the only copy on this path, and returns; the process's workers encrypt
full parts in place, GCM parts in any order and several at once, and take them on their way. Where the length is known
from the start, or no metadata names it (format V3), each part goes to S3 as soon as it is encrypted.
Else ciphertext is spooled, because the exact plaintext length must be in the metadata that *starts* an upload. A part's
ciphertext is kept until S3 has it, so that a retry
sends the same bytes: other bytes under the same key, IV and counters would be a two-time pad.

Memory of one object, whatever its size, ``part_bytes`` being P:

- streamed: (PARTS_IN_FLIGHT + 1) × P, and PARTS_IN_FLIGHT + 1 times as much again where the S3 client copies what
  it sends (boto3 does over https). CBC objects of more than MAX_PARTS parts have a larger P.
- spooled: ``memory_bytes`` + (PARTS_INTO_SPOOL + 1) × P while it is written, ``memory_bytes`` + PARTS_IN_FLIGHT
  × 2 × P while it is sent. CBC objects of more than MAX_PARTS parts join several to send larger ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import BLOCK_BYTES, Backend
from s3cse.crypto.index import IndexKeys
from s3cse.envelope.model import ContentAlgorithm
from s3cse.envelope.profiles import Profile
from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.objects.body import GcmEncryptor, body_encryptor
from s3cse.objects.content_key import index_salt, new_envelope
from s3cse.objects.destinations import (
    MAX_PARTS,
    PARTS_IN_FLIGHT,
    PARTS_INTO_SPOOL,
    Destination,
    SpooledUpload,
    StreamedUpload,
)
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.naming import naming
from s3cse.objects.pipeline import Pipeline
from s3cse.objects.staged import StagedUpload, complete, is_complete
from s3cse.objects.writer import Writer
from s3cse.objects.written_segments import WrittenSegments
from s3cse.storage.port import Location, ObjectStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "MAX_PARTS",
    "PARTS_INTO_SPOOL",
    "PARTS_IN_FLIGHT",
    "PART_BYTES",
    "SPOOL_MEMORY_BYTES",
    "ObjectWriter",
    "StagedUpload",
    "complete",
    "is_complete",
]

#: 8 MiB parts reach the 64 GiB that GCM allows within S3's 10,000 parts. Smaller ones are slower, larger no faster:
#: 574, 768 and 539 MB/s with 5, 8 and 16 MiB, 4 in flight (`bench/transfer.py --sizes`).
PART_BYTES = 8 << 20
#: Ciphertext kept in memory before the spool uses the disk.
SPOOL_MEMORY_BYTES = 32 << 20


class ObjectWriter(Writer):
    """One object of an S3 format on its way to S3; see Writer for what is not said here.

    Args:
        location: where it will be.
        keyring: gives the object's own, fresh data key.
        profile: what is written.
        length: of the plaintext in bytes, where it is known: nothing is spooled then.
        storage: where the envelope goes, and the user's own metadata.
        part_bytes: a multiple of 16, at least 5 MiB on real S3; the last part may be 16 bytes longer.
        memory_bytes: how much ciphertext may wait in memory where the length is not known; at least one part does.
        spool_directory: where the rest waits; None: the system's temporary directory.
        segment_bytes: of the segments that ``segment_index`` will list; ``part_bytes`` is a multiple of it. None, or
            where the format has no tag: there is no index.

    Raises:
        KeyringError: no data key can be had.
        SettingsError: the envelope does not fit into the object's metadata, or the length into the format.
    """

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        keyring: Keyring,
        profile: Profile,
        *,
        length: int | None = None,
        storage: EnvelopeStorage | None = None,
        part_bytes: int = PART_BYTES,
        memory_bytes: int = SPOOL_MEMORY_BYTES,
        spool_directory: str | None = None,
        segment_bytes: int | None = None,
        backend: Backend | None = None,
    ) -> None:
        if part_bytes <= 0 or part_bytes % (segment_bytes or BLOCK_BYTES):
            raise ValueError(f"part_bytes must be a positive multiple of {segment_bytes or BLOCK_BYTES}")
        self._algorithm = profile.content_algorithm
        self._storage = storage or EnvelopeStorage()
        with naming(location):
            self._storage.check(profile)
            if length is not None:
                check_length(self._algorithm, length)
            data_key = keyring.new_data_key(profile)
            self._envelope, key = new_envelope(profile, data_key)
            # Now and not after hours of work: does the envelope fit, however long the object gets?
            form = self._storage.form(self._envelope, self._algorithm.max_plaintext_bytes if length is None else length)
            body = body_encryptor(
                backend or default_backend(), self._algorithm, key.view(), self._envelope.iv, segment_bytes
            )
        self._segments: WrittenSegments | None = None
        if segment_bytes is not None and isinstance(body, GcmEncryptor):
            self._segments = WrittenSegments(IndexKeys(key.view(), index_salt(self._envelope)), segment_bytes, body)
        if length is not None:
            part_bytes = max(part_bytes, _least_part_bytes(self._algorithm.stored_bytes(length), segment_bytes))
        if length is not None or self._may_stream(part_bytes):
            destination: Destination = StreamedUpload(store, location, form.metadata)
        else:
            destination = SpooledUpload(store, location, part_bytes, memory_bytes, spool_directory)
        super().__init__(location, length, destination, Pipeline(body, destination, part_bytes))

    def _may_stream(self, part_bytes: int) -> bool:
        """Whether nothing that starts the upload depends on the length, and S3's number of parts is always enough."""
        longest = self._algorithm.stored_bytes(self._algorithm.max_plaintext_bytes)
        return self._algorithm.commits and longest <= MAX_PARTS * part_bytes

    def _check_limit(self, length: int) -> None:
        most = self._algorithm.max_plaintext_bytes
        if length > most:
            raise SettingsError(
                f"the object would be longer than {self._algorithm.value} allows",
                found=f"{length} bytes",
                expected=f"at most {most} bytes",
                fix="write several objects",
            )

    @property
    def indexed(self) -> bool:
        """See Writer."""
        return self._segments is not None

    def segment_index(self, after: Buffer) -> bytes:
        """Encrypt what was written, a multiple of 16 bytes, and return its segment index (SEGMENTS.md section 2).

        The caller writes it next, and after it exactly ``after``, which the index authenticates, and finishes.

        Raises:
            ValueError: this writer has no index, or what was written does not end with a block.
            TransferError: S3 or the local disk did not take what was written before; the writer has been aborted.
        """
        self._check_open()
        if self._segments is None or self.plaintext_bytes % BLOCK_BYTES:
            raise ValueError("there is no index of this object, or not at this place")
        with naming(self.location), self._aborting():
            self._pipeline.seal_begun()
            return self._segments.index(after)

    def _stage(self) -> StagedUpload:
        self._pipeline.finish()
        form = self._storage.form(self._envelope, self.plaintext_bytes)
        upload_id, parts = self._destination.finish(form.metadata)
        return StagedUpload(
            location=self.location,
            upload_id=upload_id,
            parts=tuple(parts),
            metadata=form.metadata,
            plaintext_bytes=self.plaintext_bytes,
            stored_bytes=self._algorithm.stored_bytes(self.plaintext_bytes),
            instruction=self._storage.file(self.location, form),
        )

    def _close(self) -> None:
        super()._close()
        if self._segments is not None:
            self._segments.wipe()


def check_length(algorithm: ContentAlgorithm, length: int) -> None:
    if not 0 <= length <= algorithm.max_plaintext_bytes:
        raise SettingsError(
            f"no {algorithm.value} object has this length",
            found=f"{length} bytes",
            expected=f"0 to {algorithm.max_plaintext_bytes} bytes",
            fix="write several objects",
        )


def _least_part_bytes(stored: int, segment_bytes: int | None) -> int:
    """Return the part size that brings an object of this many stored bytes within S3's number of parts."""
    step = segment_bytes or BLOCK_BYTES
    return -(-stored // (MAX_PARTS * step)) * step
