"""Uploads in parts that the caller cuts: create_multipart_upload, upload_part, complete, abort.

The plaintext's length and the parts' are said at the start, so each part has its offset and may come in any order, from
any thread (GCM, messages). The last one of a GCM object carries the tag of all, so it comes when the others are in.
Under SSE-C nothing needs to be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from s3cse.client.answers import done
from s3cse.client.parameters import NOT_ON_WRITING
from s3cse.client.part_uploads import Upload
from s3cse.client.setup import Setup
from s3cse.client.sources import chunks, in_memory, read_up_to
from s3cse.client.upload_plans import plan_upload
from s3cse.errors import SettingsError, TransferError
from s3cse.objects.naming import naming
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store


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
            upload = Upload(store, location, plan_upload(self._setup, location, metadata, length, part_bytes))
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
            plaintext = memoryview(_read(body, expected) if memory is None else memory).cast("B")
            expected = len(plaintext) if expected is None else expected
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
        self._setup.parameters.check(method, given, method, self._setup.refused(NOT_ON_WRITING))
        own, shared = self._setup.parameters.writing({**said, **given})
        return upload, self._setup.store.sending(shared).sending(own, about=location)

    def _known(self, location: Location, upload_id: str) -> tuple[Upload | None, dict[str, Any]]:
        with self._lock:
            return self._open.get((location, upload_id), (None, {}))

    def _forget(self, location: Location, upload_id: str) -> None:
        with self._lock:
            self._open.pop((location, upload_id), None)


def _read(body: object, expected: int | None) -> bytes:
    return b"".join(chunks(body)) if expected is None else read_up_to(body, expected + 1)


def _etags(listed: object) -> dict[int, str]:
    rows = listed.get("Parts") if isinstance(listed, Mapping) else None
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise SettingsError("MultipartUpload lists no parts", expected="{'Parts': [{'PartNumber': 1, 'ETag': …}, …]}")
    return {row.get("PartNumber", 0): str(row.get("ETag")) for row in rows}
