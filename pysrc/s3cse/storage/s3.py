"""The boto3 adapter of the storage port.

Whole requests are retried by botocore as the client is configured. A body that stops in the middle is resumed here,
because botocore retries no body once it has started; If-Match keeps the pieces those of one object.
"""

from __future__ import annotations

import copy
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.session
from botocore.config import Config

from s3cse.errors import TransferError
from s3cse.storage.port import (
    ListedObject,
    ListedPage,
    ListedPart,
    Location,
    PendingUpload,
    Receipt,
    StoredObject,
    UploadedPart,
)
from s3cse.storage.private_endpoint import check_private
from s3cse.storage.s3_answers import content_range, details, fill, stored_object, wrong_range
from s3cse.storage.s3_errors import fix_for, replaced, translated

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: A body is asked for this many times, from where it stopped, before the error reaches the caller.
BODY_ATTEMPTS = 5
_REQUESTS = 6
_SKIP_BYTES = 1 << 20  # a body this much longer than wanted costs less than another request
_CUSTOMER_KEYS = frozenset(("SSECustomerKey", "CopySourceSSECustomerKey"))
_DELETE_BATCH = 1000  # DeleteObjects takes no more keys than this
_NOT_THAT_ONE = (404, 409, 412)
#: What servers that know no condition of a write say to one.
UNKNOWN_CONDITION = 501
_BUSY = ("InternalError", "SlowDown", "ServiceUnavailable")
_ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "MD5", "SHA1", "SHA256", "SHA512", "XXHASH3", "XXHASH64", "XXHASH128")
_CHECKSUMS = tuple(f"Checksum{algorithm}" for algorithm in _ALGORITHMS)

_S = TypeVar("_S", bound="S3Store")


def s3_client(region: str | None = None, endpoint_url: str | None = None, max_connections: int = 32) -> Any:
    """Return an S3 client with the settings this package works best with: up to 6 requests where S3 is busy.

    It is boto3's without what that adds (``upload_file`` and the like): s3transfer takes as long to import as botocore.

    Args:
        region: AWS Region; None: as boto3 finds it.
        endpoint_url: for other S3 servers; None: as boto3 finds it.
        max_connections: size of the connection pool; parallel ranges and parts need one each.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _REQUESTS},
        max_pool_connections=max_connections,
        # GCM authenticates what is read; S3's own checksum would be computed a second time for nothing.
        response_checksum_validation="when_required",
    )
    return botocore.session.Session().create_client("s3", region_name=region, endpoint_url=endpoint_url, config=config)


class S3Store:
    """An ObjectStore on a boto3 S3 client, which the caller configures and owns.

    It belongs to the process that made it: a forked child would read its parent's answers from the shared connections.
    A customer key (SSE-C) among the arguments goes only where :mod:`s3cse.storage.private_endpoint` lets it.

    Args:
        client: ``boto3.client("s3")`` or the like; it is used from several threads.
        extra: further arguments by the name of boto3's method (``get_object``), sent with each of its calls: what a
            caller wants S3 to be told beside the object (SSE, storage class, ``RequestPayer`` …).
    """

    def __init__(self, client: Any, extra: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._boto = client
        self._extra = extra or {}
        self._own: Mapping[Location, Mapping[str, Mapping[str, Any]]] = {}
        self._process = os.getpid()
        self._may_send_keys = False  # not asked yet

    def sending(self: _S, extra: Mapping[str, Mapping[str, Any]], *, about: Location | None = None) -> _S:
        """Return a store on the same client, and of the same process, that sends these further arguments too.

        Args:
            extra: arguments by the name of boto3's method.
            about: send them in requests about this object only: what a caller says of an object (its version, its
                content type, conditions) is not true of the instruction file beside it.
        """
        store = copy.copy(self)  # of the same class: one that sends more with every request goes on doing so
        if about is None:
            store._extra = _merged(self._extra, extra)
        else:
            store._own = {**self._own, about: _merged(self._own.get(about, {}), extra)}
        return store

    def ask(self, location: Location, method: str, action: str, **arguments: Any) -> Mapping[str, Any]:
        """Call a method of boto3's that the port has no word for.

        Args:
            location: what it is about.
            method: boto3's name.
            action: a verb that fits "S3 did not … the object".
            arguments: boto3's; those of ``sending`` come along.

        Raises:
            SettingsError: a customer key is among them, and others could read it on its way. Nothing was sent.
        """
        own = self._own.get(location, {}).get(method, {})
        sent = {**self._extra.get(method, {}), **own, **arguments}
        client = self._client(location)
        if not (self._may_send_keys or _CUSTOMER_KEYS.isdisjoint(sent)):
            check_private(client)
            self._may_send_keys = True
        with translated(location, action):
            answer: Mapping[str, Any] = getattr(client, method)(**sent)
        return answer

    def _call(self, location: Location, method: str, action: str, **arguments: Any) -> Mapping[str, Any]:
        return self.ask(location, method, action, Bucket=location.bucket, Key=location.key, **arguments)

    def _client(self, location: Location) -> Any:
        if os.getpid() != self._process:
            raise TransferError(
                "the S3 client was made in another process",
                uri=location.uri,
                found=f"process {self._process}",
                expected=f"process {os.getpid()}",
                fix="make the client and the store after the fork",
            )
        return self._boto

    def _get(self, location: Location, **arguments: str) -> Mapping[str, Any]:
        return self._call(location, "get_object", "send", **arguments)

    def get_tail(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore.

        One request, except where a server does not know suffix ranges: it answers 416 (some for empty objects only),
        or 200 with everything, of which a long body is not read to its end.
        """
        length = max(length, 1)  # "the last 0 bytes" is no range
        for attempt in range(BODY_ATTEMPTS):
            try:
                answer = self._get(location, Range=f"bytes=-{length}")
            except TransferError as error:
                if error.status != 416:
                    raise
                return self._tail_by_position(self._existing(location), length)
            with closing(answer["Body"]) as body:
                stored = stored_object(location, answer)
                first, start = _first_byte_of_tail(answer, stored, length)
                if start - first > _SKIP_BYTES:
                    break
                tail = bytearray(stored.size - first)
                _, error_in_body = fill(location, body, memoryview(tail))
            if error_in_body is None:
                return stored, bytes(memoryview(tail)[start - first :])
            _pause_or_raise(error_in_body, attempt)
        return self._tail_by_position(stored, length)

    def _tail_by_position(self, stored: StoredObject, length: int) -> tuple[StoredObject, bytes]:
        tail = bytearray(min(length, stored.size))
        self.get_into(stored.location, stored.size - len(tail), tail, stored.etag)
        return stored, bytes(tail)

    def _existing(self, location: Location) -> StoredObject:
        stored = self.head(location)
        if stored is None:
            raise TransferError(
                "there is no such object",
                uri=location.uri,
                found="nothing",
                expected="an object",
                fix=fix_for("404"),
                status=404,
                code="NoSuchKey",
            )
        return stored

    def get_front(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore. One request, except of an empty object, which has no first byte to ask for."""
        wanted = f"bytes=0-{max(length, 1) - 1}"
        try:
            answer = self._get(location, Range=wanted)
        except TransferError as error:
            if error.status != 416:
                raise
            return self._existing(location), b""
        with closing(answer["Body"]) as body:
            stored = stored_object(location, answer)
            first, end, _ = content_range(location, answer)
            if first != 0:
                raise wrong_range(location, f"bytes from {first} to {end}", wanted)
            front = bytearray(min(length, stored.size))
            done, error_in_body = fill(location, body, memoryview(front))
        if error_in_body is not None:
            self.get_into(location, done, memoryview(front)[done:], stored.etag)
        return stored, bytes(front)

    def get_into(self, location: Location, start: int, out: Buffer, if_match: str) -> None:
        """See ObjectStore; resumes a body that was cut, up to BODY_ATTEMPTS times."""
        view = memoryview(out).cast("B")
        done = attempt = 0
        while done < len(view):
            received, error = self._get_some(location, start + done, view[done:], if_match)
            done += received
            if error is not None:
                _pause_or_raise(error, attempt)
                attempt += 1

    def _get_some(
        self, location: Location, start: int, view: memoryview, if_match: str
    ) -> tuple[int, TransferError | None]:
        """Read one answer into the view; return how many bytes came and what stopped the body early, if anything."""
        wanted = f"bytes={start}-{start + len(view) - 1}"
        answer = self._get(location, Range=wanted, IfMatch=if_match)
        with closing(answer["Body"]) as body:
            stored = stored_object(location, answer)
            if stored.etag != if_match:
                raise replaced(location, stored.etag, if_match)
            first, end, _ = content_range(location, answer)
            if first != start:
                raise wrong_range(location, f"bytes from {first} to {end}", wanted)
            return fill(location, body, view)

    def head(self, location: Location) -> StoredObject | None:
        """See ObjectStore."""
        try:
            answer = self._call(location, "head_object", "describe")
        except TransferError as error:
            if error.status == 404:
                return None
            raise
        return stored_object(location, answer)

    def list(self, prefix: Location) -> Iterator[ListedObject]:
        """See ObjectStore; one request per 1000 objects."""
        for page in self._pages("list_objects_v2", prefix, "list what is under", Prefix=prefix.key):
            yield from _listed_objects(prefix, page)

    def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
        """See ObjectStore."""
        arguments = {"Bucket": prefix.bucket, "Prefix": prefix.key}
        if folders:
            arguments["Delimiter"] = "/"
        if token is not None:
            arguments["ContinuationToken"] = token
        page = self.ask(prefix, "list_objects_v2", "list what is under", **arguments)
        return ListedPage(
            tuple(_listed_objects(prefix, page)),
            tuple(Location(prefix.bucket, row["Prefix"]) for row in page.get("CommonPrefixes", ())),
            page.get("NextContinuationToken"),
        )

    def _pages(self, operation: str, location: Location, action: str, **arguments: str) -> Iterator[Mapping[str, Any]]:
        client = self._client(location)
        pages = iter(client.get_paginator(operation).paginate(Bucket=location.bucket, **arguments))
        while True:
            with translated(location, action):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def put(self, location: Location, body: Buffer, metadata: Mapping[str, str] | None = None) -> Receipt:
        """See ObjectStore."""
        return self._put(location, body, metadata, {})

    def put_if(
        self, location: Location, body: Buffer, metadata: Mapping[str, str] | None = None, *, etag: str | None
    ) -> Receipt:
        """See ObjectStore. A server that says 501 to the condition is asked again without."""
        try:
            return self._put(location, body, metadata, {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag})
        except TransferError as error:
            if error.status != UNKNOWN_CONDITION:
                raise
        return self.put(location, body, metadata)

    def _put(
        self, location: Location, body: Buffer, metadata: Mapping[str, str] | None, condition: Mapping[str, str]
    ) -> Receipt:
        answer = self._call(
            location, "put_object", "store", Body=_readable(body), Metadata=dict(metadata or {}), **condition
        )
        return Receipt(str(answer["ETag"]), details(answer))

    def delete(self, locations: Sequence[Location]) -> None:
        """See ObjectStore; batches of up to 1000 keys per bucket."""
        for bucket in sorted({location.bucket for location in locations}):
            keys = [location.key for location in locations if location.bucket == bucket]
            for at in range(0, len(keys), _DELETE_BATCH):
                self._delete_batch(bucket, keys[at : at + _DELETE_BATCH])

    def delete_if(self, location: Location, etag: str) -> bool:
        """See ObjectStore. A server that says 501 to the condition is asked again without."""
        try:
            self._call(location, "delete_object", "delete", IfMatch=etag)
        except TransferError as error:
            if error.status in _NOT_THAT_ONE:
                return False
            if error.status != UNKNOWN_CONDITION:
                raise
            self._call(location, "delete_object", "delete")
        return True

    def _delete_batch(self, bucket: str, keys: Sequence[str]) -> None:
        # Single keys may fail inside an answer of status 200, which botocore does not repeat.
        for attempt in range(BODY_ATTEMPTS):
            failed = self._delete_once(bucket, keys)
            if not failed:
                return
            first = next((row for row in failed if row.get("Code") not in _BUSY), failed[0])
            code = str(first.get("Code"))
            error = TransferError(
                "S3 did not delete the object",
                uri=Location(bucket, str(first.get("Key", ""))).uri,
                found=f"{code}: {first.get('Message') or ''}".rstrip(": "),
                expected="no error",
                fix=fix_for(code),
                code=code,
            )
            if code not in _BUSY:
                raise error
            _pause_or_raise(error, attempt)
            keys = [row["Key"] for row in failed]

    def _delete_once(self, bucket: str, keys: Sequence[str]) -> Sequence[Mapping[str, str]]:
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = self.ask(Location(bucket, keys[0]), "delete_objects", "delete", Bucket=bucket, Delete=wanted)
        return [row for row in answer.get("Errors", ()) if row.get("Code") != "NoSuchKey"]

    def create_upload(self, location: Location, metadata: Mapping[str, str]) -> str:
        """See ObjectStore."""
        answer = self._call(location, "create_multipart_upload", "start an upload of", Metadata=dict(metadata))
        return str(answer["UploadId"])

    def upload_part(self, location: Location, upload_id: str, number: int, body: Buffer) -> UploadedPart:
        """See ObjectStore; botocore's retries send the same bytes again. A bytearray is copied once by boto3."""
        answer = self._call(
            location,
            "upload_part",
            f"take part {number} of",
            UploadId=upload_id,
            PartNumber=number,
            Body=_readable(body),
        )
        return _uploaded_part(number, answer)

    def copy_part(
        self, location: Location, upload_id: str, number: int, source: Mapping[str, str], first: int, last: int
    ) -> UploadedPart:
        """Let S3 make one part of an upload of the bytes from ``first`` to ``last``, both included, of another object.

        Args:
            source: the other object as boto3's CopySource.
        """
        answer = self._call(
            location,
            "upload_part_copy",
            f"copy part {number} of",
            UploadId=upload_id,
            PartNumber=number,
            CopySource=dict(source),
            CopySourceRange=f"bytes={first}-{last}",
        )
        return _uploaded_part(number, answer["CopyPartResult"])

    def complete_upload(self, location: Location, upload_id: str, parts: Sequence[UploadedPart]) -> Receipt:
        """See ObjectStore."""
        rows = [{"PartNumber": part.number, "ETag": part.etag, **part.checksums} for part in parts]
        answer = self._call(
            location,
            "complete_multipart_upload",
            "complete the upload of",
            UploadId=upload_id,
            MultipartUpload={"Parts": rows},
        )
        return Receipt(str(answer.get("ETag", "")), details(answer))

    def abort_upload(self, location: Location, upload_id: str) -> None:
        """See ObjectStore."""
        try:
            self._call(location, "abort_multipart_upload", "abort the upload of", UploadId=upload_id)
        except TransferError as error:
            if error.status != 404:
                raise

    def list_uploads(self, prefix: Location) -> Iterator[PendingUpload]:
        """See ObjectStore."""
        for page in self._pages("list_multipart_uploads", prefix, "list what is under", Prefix=prefix.key):
            for row in page.get("Uploads", ()):
                yield PendingUpload(Location(prefix.bucket, row["Key"]), row["UploadId"], row["Initiated"])

    def list_parts(self, location: Location, upload_id: str) -> Iterator[ListedPart]:
        """See ObjectStore; one request per 1000 parts."""
        pages = self._pages("list_parts", location, "list the parts of", Key=location.key, UploadId=upload_id)
        for page in pages:
            for row in page.get("Parts", ()):
                yield ListedPart(row["PartNumber"], row["Size"])


def _listed_objects(prefix: Location, page: Mapping[str, Any]) -> Iterator[ListedObject]:
    for row in page.get("Contents", ()):
        yield ListedObject(Location(prefix.bucket, row["Key"]), row["Size"], row["ETag"], row.get("LastModified"))


def _first_byte_of_tail(answer: Mapping[str, Any], stored: StoredObject, length: int) -> tuple[int, int]:
    """Return where the answer's body begins and where the wanted tail does; all of the object is more than enough."""
    first, end, size = content_range(stored.location, answer)
    start = max(size - length, 0)
    if end != size or first not in (0, start):
        raise wrong_range(stored.location, f"bytes from {first} to {end} of {size}", f"the last {length}")
    return first, start


def _merged(
    first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    return {name: {**first.get(name, {}), **second.get(name, {})} for name in {*first, *second}}


def _uploaded_part(number: int, answer: Mapping[str, Any]) -> UploadedPart:
    return UploadedPart(number, answer["ETag"], {name: answer[name] for name in _CHECKSUMS if name in answer})


def _readable(body: Buffer) -> bytes | bytearray:
    # botocore takes bytes, bytearray or a file; a memoryview would be refused, so a slice is copied once.
    return body if isinstance(body, bytes | bytearray) else bytes(body)


def _pause_or_raise(error: TransferError, attempt: int) -> None:
    """Wait a little before the next attempt; raise where the attempts are used up."""
    if attempt + 1 >= BODY_ATTEMPTS:
        raise error
    time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, no secret
