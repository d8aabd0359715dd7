"""Where an object's envelope is, and how it is replaced without the object's bytes coming here.

In metadata: S3 copies the object onto itself, with other metadata; above 5 GiB in parts. In an instruction file: that
file alone is written. Both only where object or file is still the one that was looked at. Requests: a HEAD and a copy,
or a HEAD, a GET and a PUT; one more each for tags of what is copied in parts or is a file, and for grants.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from s3cse.client.copying import COPY_PART_BYTES, ONE_COPY_BYTES
from s3cse.client.parameters import Parameters
from s3cse.crypto.ciphers import GCM_TAG_BYTES
from s3cse.envelope.detect import read_envelope, wants_instruction_file
from s3cse.envelope.instruction_file import INSTRUCTION_MARKER, INSTRUCTION_SUFFIX
from s3cse.envelope.model import Envelope
from s3cse.envelope.stored_form import INSTRUCTION_FILE, METADATA, stored_form
from s3cse.errors import IntegrityError, TransferError
from s3cse.keys.rotation_kept import (
    check_not_archived,
    checksum_algorithm,
    grants,
    other_metadata,
    said_again,
    tagging,
)
from s3cse.objects.describe import describe
from s3cse.objects.destinations import MAX_PARTS, PARTS_IN_FLIGHT
from s3cse.objects.envelope_storage import fetch_instruction_file
from s3cse.objects.named_as_file import is_instruction_file
from s3cse.objects.workers import results_in_order
from s3cse.storage.port import Location, StoredObject, UploadedPart
from s3cse.storage.s3 import S3Store

_LENGTH = "x-amz-unencrypted-content-length"


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was looked at.

    Args:
        stored: its headers.
        envelope: None where it has none.
        file: headers of its instruction file, if the envelope is there.
        message: whether it is an Encryption SDK message instead, by its first bytes.
        is_instruction_file: whether the object is an instruction file itself.
    """

    stored: StoredObject
    envelope: Envelope | None
    file: StoredObject | None = None
    message: bool = False
    is_instruction_file: bool = False


class EnvelopePlaces:
    """Reads and replaces envelopes; several threads share it.

    Args:
        store: reaches S3.
        client: the boto3 client of the store, which is asked what it knows to send.
        suffix: what the name of an instruction file adds to the object's.
        further_suffix: of other instruction files beside the same objects.
        keep_acl: keep grants too; one request more for each object.
    """

    def __init__(
        self,
        store: S3Store,
        client: Any,
        *,
        suffix: str = INSTRUCTION_SUFFIX,
        further_suffix: str | None = None,
        keep_acl: bool = False,
    ) -> None:
        self._parameters = Parameters(client)
        self._store = store.sending({"head_object": {"ChecksumMode": "ENABLED"}})
        self._suffix = suffix
        self._suffixes = tuple(filter(None, (suffix, further_suffix)))
        self._keep_acl = keep_acl

    def look(self, location: Location) -> Found | None:
        """Return what is there, None where nothing is.

        Raises:
            EnvelopeError: the envelope is not valid.
            TransferError: S3 did not say.
        """
        stored = self._store.head(location)
        if stored is None:
            return None
        if is_instruction_file(self._store, stored, self._suffixes):
            return Found(stored, None, is_instruction_file=True)
        file, body = None, None
        if stored.size and wants_instruction_file(stored.metadata, stored.doubled):
            file, body = fetch_instruction_file(self._store, self.file_of(location)) or (None, None)
        envelope = read_envelope(stored.metadata, stored.doubled, body)
        if envelope is None and stored.size:
            # Two requests more, of objects that a rotation has nothing to do with.
            described = describe(self._store, stored, self._suffix, look=True)
            return Found(stored, described.envelope, None, described.message is not None)
        return Found(stored, envelope, file)

    def file_of(self, location: Location, suffix: str | None = None) -> Location:
        """Return where an object's instruction file is, if it has one."""
        return Location(location.bucket, location.key + (suffix or self._suffix))

    def look_at_file(self, found: Found, suffix: str) -> Envelope | None:
        """Return what another instruction file of the object says, None where there is none.

        Raises:
            EnvelopeError, TransferError: as look.
        """
        other = fetch_instruction_file(self._store, self.file_of(found.stored.location, suffix))
        return None if other is None else read_envelope(found.stored.metadata, found.stored.doubled, other[1])

    def replace(self, found: Found, envelope: Envelope) -> str:
        """Put the envelope in the place of the one that was found; return the object's ETag.

        Raises:
            TransferError: S3 did not do it; status 412 or 409 where the object or the file is another one by now.
            SettingsError: the metadata cannot stay as they are, or the envelope does not fit.
        """
        if found.file is not None:
            self._put_file(found.file, _file_body(envelope))
            return found.stored.etag
        check_not_archived(found.stored)
        others = other_metadata(found.stored)
        metadata = {**others, **_fields(found, envelope, others)}
        if found.stored.size > ONE_COPY_BYTES:
            return self._copy_in_parts(found.stored, metadata)
        return self._copy(found.stored, metadata)

    def add_file(self, found: Found, envelope: Envelope, suffix: str) -> None:
        """Write a further instruction file beside the one that was found, if there is none of that name.

        Raises:
            TransferError: S3 did not do it; status 412 or 409 where there is one.
        """
        place = self.file_of(found.stored.location, suffix)
        kept = said_again(found.file) if found.file is not None else {}
        store = self._store.sending({"put_object": {**kept, "IfNoneMatch": "*"}}, about=place)
        store.put(place, _file_body(envelope), {INSTRUCTION_MARKER: ""})

    def _put_file(self, file: StoredObject, body: bytes) -> None:
        kept = {**said_again(file), **self._grants(file), **tagging(self._store, file), "IfMatch": file.etag}
        store = self._store.sending({"put_object": kept}, about=file.location)
        store.put(file.location, body, file.metadata)

    def _copy(self, stored: StoredObject, metadata: Mapping[str, str]) -> str:
        arguments = {
            **said_again(stored),
            **checksum_algorithm(stored),
            **self._grants(stored),
            **self._conditions(stored, "copy_object"),
            "Bucket": stored.location.bucket,
            "Key": stored.location.key,
            "CopySource": _source(stored),
            "MetadataDirective": "REPLACE",
            "Metadata": dict(metadata),
        }
        answer = self._store.ask(stored.location, "copy_object", "replace the envelope of", **arguments)
        return str(answer.get("CopyObjectResult", {}).get("ETag", ""))

    def _copy_in_parts(self, stored: StoredObject, metadata: Mapping[str, str]) -> str:
        kept = {
            **said_again(stored),
            **checksum_algorithm(stored),
            **self._grants(stored),
            **tagging(self._store, stored),
        }
        further = {
            "create_multipart_upload": kept,
            "upload_part_copy": self._conditions(stored, "upload_part_copy"),
            "complete_multipart_upload": self._conditions(stored, "complete_multipart_upload"),
        }
        store = self._store.sending(further, about=stored.location)
        upload_id = store.create_upload(stored.location, metadata)
        try:
            return store.complete_upload(stored.location, upload_id, _parts(store, stored, upload_id)).etag
        except BaseException:
            with suppress(TransferError):  # it stays listed then; the error that led here matters more
                store.abort_upload(stored.location, upload_id)
            raise

    def _conditions(self, stored: StoredObject, method: str) -> dict[str, Any]:
        """Return what keeps S3 from another object than the one looked at, as far as this boto3 can say it."""
        return self._parameters.taken({"CopySourceIfMatch": stored.etag, "IfMatch": stored.etag}, method)

    def _grants(self, stored: StoredObject) -> dict[str, str]:
        return grants(self._store, stored) if self._keep_acl else {}


def _parts(store: S3Store, stored: StoredObject, upload_id: str) -> tuple[UploadedPart, ...]:
    size = stored.size
    part_bytes = max(COPY_PART_BYTES, -(-size // MAX_PARTS))
    work = (
        partial(
            store.copy_part, stored.location, upload_id, number, _source(stored), at, min(at + part_bytes, size) - 1
        )
        for number, at in enumerate(range(0, size, part_bytes), start=1)
    )
    with closing(results_in_order(work, PARTS_IN_FLIGHT)) as parts:
        return tuple(parts)


def _source(stored: StoredObject) -> dict[str, str]:
    return {"Bucket": stored.location.bucket, "Key": stored.location.key}


def _file_body(envelope: Envelope) -> bytes:
    return stored_form(envelope, 0, INSTRUCTION_FILE).instruction or b""


def _fields(found: Found, envelope: Envelope, others: Mapping[str, str]) -> dict[str, str]:
    """Return the envelope as metadata, with the plaintext length where it is known without a look into the body."""
    length: int | None = None
    if envelope.authenticated:
        length = found.stored.size - GCM_TAG_BYTES
        if length < 0:
            raise IntegrityError(
                "no AES/GCM object has this length", found=f"{found.stored.size} bytes", expected="at least 16 bytes"
            )
    fields = stored_form(envelope, length or 0, METADATA, other_metadata=others).metadata
    if length is None:
        fields.pop(_LENGTH, None)
        if envelope.claimed_length is not None:
            fields[_LENGTH] = envelope.claimed_length
    return fields
