"""One object becomes one row of an inventory: by a HEAD, and no more requests than its envelope asks for.

What cannot be read is a row with an error, never left out: whoever decides about a key must see what nobody could look
at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_TAG_BYTES
from s3cse.envelope.detect import envelope_fields, read_envelope, wants_instruction_file
from s3cse.envelope.instruction_file import INSTRUCTION_MARKER, INSTRUCTION_SUFFIX
from s3cse.envelope.model import Envelope, Format
from s3cse.errors import EnvelopeError, KeyringError, S3CSEError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.keyrings.kms_probe import KmsProbe
from s3cse.keys import row as words
from s3cse.keys.bodies import look_inside
from s3cse.keys.evidence import take_envelope, wrapped_by_kms
from s3cse.keys.found import Found
from s3cse.keys.opening import try_to_open
from s3cse.keys.rate_limit import RateLimit
from s3cse.keys.row import Row
from s3cse.objects.envelope_storage import UPLOAD_MARK, fetch_instruction_file
from s3cse.objects.named_as_file import reads_as_file
from s3cse.storage.port import Location, ObjectStore, StoredObject
from s3cse.storage.s3 import S3Store

_BAD_REQUEST = 400
_SERVER_SIDE = {"AES256": "SSE-S3", "aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}
#: What S3 Inventory says of objects that S3 answers no HEAD for without their key.
_SSE_C = "SSE-C"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """How closely objects are looked at. Belongs to one process, as clients do.

    Args:
        suffix: what the name of an instruction file adds to that of its object.
        look_inside: read the first bytes of objects without an envelope, to find Encryption SDK messages: a GET each.
        probe: asks KMS for the keys that objects do not name: a call each.
        keyring_key: the KMS key that ``keyring`` names with every call, so that what it opens is under that key.
        kms_limit: of these calls, and of the keyring's where it is KMS.
        keyring: tries to open every object: a GET or two and a call each. Tells ``opens``, ``indexed``, exact lengths.
    """

    store: ObjectStore
    suffix: str = INSTRUCTION_SUFFIX
    look_inside: bool = False
    probe: KmsProbe | None = None
    keyring: Keyring | None = None
    keyring_key: str | None = None
    kms_limit: RateLimit = field(default_factory=RateLimit)

    def row(self, found: Found) -> Row:
        """Look at one object. Raises nothing that is about this object alone."""
        row = _row_of_listing(found)
        if found.is_delete_marker:
            row.format = words.DELETE_MARKER
            return row
        try:
            store = self._store_for(found)
            stored = store.head(found.location)
            if stored is None:
                row.note("it is gone: deleted after it was listed")
                return row
            _take_headers(row, stored)
            self._describe(store, found, stored, row)
        except TransferError as error:
            _note_refusal(row, found, error)
        except S3CSEError as error:
            row.note(str(error))
        return row

    def _store_for(self, found: Found) -> ObjectStore:
        if found.version_id is None or not isinstance(self.store, S3Store):
            return self.store
        version = {"VersionId": found.version_id}
        return self.store.sending({"head_object": version, "get_object": version}, about=found.location)

    def _describe(self, store: ObjectStore, found: Found, stored: StoredObject, row: Row) -> None:
        if found.location.key.endswith(self.suffix) and self._is_instruction_file(store, found, stored, row):
            return
        body = None
        if stored.size and wants_instruction_file(stored.metadata, stored.doubled):
            if found.is_latest is False:
                # The file of today belongs to the object of today.
                row.note(
                    "an old version without an envelope in its metadata: its instruction file's version is not known"
                )
                row.key_evidence = words.UNKNOWN
                return
            body = self._instruction_body(found, row)
        fields = envelope_fields(stored.metadata)
        if body is None and not fields and not stored.metadata.get(INSTRUCTION_MARKER):
            self._without_envelope(store, stored, row)
            return
        try:
            envelope = read_envelope(stored.metadata, stored.doubled, body)
        except EnvelopeError as error:
            row.key_evidence = words.UNKNOWN
            row.instruction_file = (
                words.MISSING if body is None and wants_instruction_file(stored.metadata) else row.instruction_file
            )
            row.note(str(error))
            return
        if envelope is not None:
            self._take(store, stored, envelope, row)

    def _instruction_body(self, found: Found, row: Row) -> bytes | None:
        file = fetch_instruction_file(self.store, Location(found.location.bucket, found.location.key + self.suffix))
        if file is None:
            return None
        row.instruction_file, row.envelope_in = words.PRESENT, words.IN_FILE
        return file[1]

    def _without_envelope(self, store: ObjectStore, stored: StoredObject, row: Row) -> None:
        if row.format == words.SSE_C:
            return
        if self.look_inside and look_inside(store, stored, row):
            return
        if UPLOAD_MARK in stored.metadata:
            # s3cse marks its uploads of objects whose envelope is elsewhere: in a file, or in a message's body.
            row.key_evidence = words.UNKNOWN
            if row.looked_inside:
                row.instruction_file = words.MISSING
                row.note("the instruction file that it was uploaded with is missing")
            else:
                row.note("its instruction file is missing, or it is an Encryption SDK message: nobody looked inside")
            return
        row.format = words.PLAIN
        row.plaintext_bytes = stored.size
        row.looked_inside = bool(row.looked_inside)

    def _take(self, store: ObjectStore, stored: StoredObject, envelope: Envelope, row: Row) -> None:
        take_envelope(row, envelope)
        row.envelope_in = row.envelope_in or words.IN_METADATA
        _take_length(row, envelope, stored.size)
        if self.probe is not None and wrapped_by_kms(envelope):
            self.kms_limit.take()
            try:
                row.key_id, row.key_evidence = self.probe.key_of(envelope), words.PROBED
            except KeyringError as error:
                row.note(str(error))
        if self.keyring is not None:
            if wrapped_by_kms(envelope):
                self.kms_limit.take()
            try_to_open(store, self.keyring, stored.location, self.suffix, envelope.claimed_length, row)
            if row.opens and self.keyring_key and wrapped_by_kms(envelope) and row.key_evidence != words.PROBED:
                row.key_id, row.key_evidence = self.keyring_key, words.PROBED

    def _is_instruction_file(self, store: ObjectStore, found: Found, stored: StoredObject, row: Row) -> bool:
        """Tell whether this is an instruction file, and whether an object needs it: a GET and a HEAD."""
        marked = INSTRUCTION_MARKER in stored.metadata
        if not marked and not reads_as_file(store, found.location):
            return False
        row.format = words.INSTRUCTION_FILE
        row.plaintext_bytes = None
        if found.is_latest is False:
            return True
        place = Location(found.location.bucket, found.location.key.removesuffix(self.suffix))
        needed = self.store.head(place) if place.key else None
        in_use = needed is not None and wants_instruction_file(needed.metadata, needed.doubled)
        row.instruction_file = words.IN_USE if in_use else words.ORPHANED
        return True


def _row_of_listing(found: Found) -> Row:
    row = Row(
        found.location.bucket,
        found.location.key,
        found.version_id,
        found.is_latest,
        found.etag,
        found.last_modified,
        found.size,
        storage_class=found.storage_class,
    )
    if found.encryption == _SSE_C:
        _take_sse_c(row)
    return row


def _take_headers(row: Row, stored: StoredObject) -> None:
    details: Mapping[str, Any] = stored.details
    row.etag, row.stored_bytes = stored.etag, stored.size
    row.last_modified = details.get("LastModified") or row.last_modified
    row.version_id = row.version_id or details.get("VersionId")
    row.storage_class = details.get("StorageClass") or row.storage_class or "STANDARD"
    kind = details.get("ServerSideEncryption")
    row.server_side_encryption = _SERVER_SIDE.get(str(kind), kind) if kind else row.server_side_encryption
    row.server_side_key_id = details.get("SSEKMSKeyId")
    if details.get("SSECustomerAlgorithm"):
        _take_sse_c(row)
        row.plaintext_bytes = stored.size


def _take_sse_c(row: Row) -> None:
    row.server_side_encryption, row.format, row.key_evidence = _SSE_C, words.SSE_C, words.UNKNOWN


def _take_length(row: Row, envelope: Envelope, size: int) -> None:
    claimed = envelope.claimed_length
    has_header = envelope.format is not Format.V3
    if envelope.authenticated:
        row.plaintext_bytes = max(size - GCM_TAG_BYTES, 0)
        if size < GCM_TAG_BYTES:
            row.note("it is shorter than its tag: no valid object")
        fits = claimed == str(row.plaintext_bytes)
        row.length_header = (words.RIGHT if fits else words.WRONG) if claimed is not None else None
    elif claimed is not None:
        # Only the last block, decrypted, says how much of it is padding: 1 to 16 bytes.
        possible = claimed.isascii() and claimed.isdigit() and size - BLOCK_BYTES <= int(claimed[:20]) < size
        row.length_header = words.POSSIBLE if possible else words.WRONG
    if claimed is None and has_header:
        row.length_header = words.ABSENT


def _note_refusal(row: Row, found: Found, error: TransferError) -> None:
    if error.status == _BAD_REQUEST and found.encryption in (None, _SSE_C):
        row.note(f"S3 tells nothing of it without its customer key, most likely (SSE-C): {error.found}")
    else:
        row.note(str(error))
