"""The boto3 adapter of the storage port.

Every exception of boto3, botocore and urllib3 is translated here, in one place, into :class:`TransferError` with the
original as its cause. Whole requests are retried by botocore as the client is configured; a body that stops in the
middle is resumed here, because botocore retries no body once it has started, and If-Match keeps the pieces of one
object.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

from s3cse.errors import TransferError
from s3cse.storage.port import ListedObject, Location, PendingUpload, StoredObject, UploadedPart

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Body reads are resumed this many times before the error reaches the caller.
BODY_ATTEMPTS = 5
_READ_BYTES = 1 << 20
_DELETE_BATCH = 1000  # DeleteObjects takes no more keys than this
_CHECKSUMS = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumSHA1", "ChecksumSHA256", "ChecksumCRC64NVME")

_FIXES = {
    "NoSuchBucket": "check the bucket's name and Region",
    "NoSuchKey": "the object is gone: list the table again",
    "404": "the object is gone: list the table again",
    "PreconditionFailed": "the object was replaced while it was read: read again to get the new one whole",
    "412": "the object was replaced while it was read: read again to get the new one whole",
    "AccessDenied": "allow this identity s3:GetObject, s3:PutObject, s3:ListBucket… on the bucket",
    "403": "allow this identity s3:GetObject, s3:PutObject, s3:ListBucket… on the bucket",
    "SlowDown": "S3 is throttling: fewer parallel tasks, or try again later",
}


def s3_client(region: str | None = None, endpoint_url: str | None = None, max_connections: int = 32) -> Any:
    """Return a boto3 S3 client with the settings this package works best with.

    Args:
        region: AWS Region; None: as boto3 finds it.
        endpoint_url: for other S3 servers; None: as boto3 finds it.
        max_connections: size of the connection pool; parallel ranges and parts need one each.
    """
    config = Config(
        retries={"mode": "standard", "max_attempts": 6},
        max_pool_connections=max_connections,
        # GCM authenticates what is read; S3's own checksum would be computed a second time for nothing.
        response_checksum_validation="when_required",
    )
    return boto3.session.Session().client("s3", region_name=region, endpoint_url=endpoint_url, config=config)


class S3Store:
    """An ObjectStore on a boto3 S3 client, which the caller configures and owns.

    Args:
        client: ``boto3.client("s3")`` or the like; it is used from several threads.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_tail(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore. Answers 200 (whole object) and 416 (empty object) are understood too."""
        for attempt in range(BODY_ATTEMPTS):
            try:
                with _translated(location, "GET"):
                    answer = self._client.get_object(
                        Bucket=location.bucket, Key=location.key, Range=f"bytes=-{max(length, 1)}"
                    )
                    return _stored(location, answer), self._read_tail(location, answer, length)
            except TransferError as error:
                if error.status == 416:
                    return StoredObject(location, 0, "", {}), b""
                _resume_or_raise(error, attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _read_tail(self, location: Location, answer: Mapping[str, Any], length: int) -> bytes:
        expected = int(answer["ContentLength"])
        skip = max(expected - length, 0)  # a server that ignores Range sends everything
        buffer = bytearray(min(_READ_BYTES, max(skip, 1)))
        while skip:
            count = answer["Body"].readinto(memoryview(buffer)[: min(skip, len(buffer))])
            if not count:
                raise _cut_short(location, expected - skip, expected)
            skip -= count
        tail = bytearray(min(expected, length))
        done = _fill(answer["Body"], memoryview(tail))
        if done != len(tail):
            raise _cut_short(location, done, len(tail))
        return bytes(tail)

    def get_into(self, location: Location, start: int, out: Buffer, if_match: str) -> None:
        """See ObjectStore; resumes a body that was cut, up to BODY_ATTEMPTS times."""
        view = memoryview(out).cast("B")
        done = 0
        for attempt in range(BODY_ATTEMPTS):
            if done == len(view):
                return
            received, error = self._get_some(location, start + done, view[done:], if_match)
            done += received
            if error is not None:
                _resume_or_raise(error, attempt)

    def _get_some(
        self, location: Location, start: int, view: memoryview, if_match: str
    ) -> tuple[int, TransferError | None]:
        """Read one answer into the view: the number of bytes that came, and what stopped it early, if anything did."""
        received = 0
        try:
            with _translated(location, "GET"):
                answer = self._client.get_object(
                    Bucket=location.bucket,
                    Key=location.key,
                    Range=f"bytes={start}-{start + len(view) - 1}",
                    IfMatch=if_match,
                )
                _check_range(location, answer, start)
                while received < len(view):
                    count = answer["Body"].readinto(view[received : received + _READ_BYTES])
                    if not count:
                        return received, _cut_short(location, received, len(view))
                    received += count
        except TransferError as error:
            return received, error
        return received, None

    def head(self, location: Location) -> StoredObject | None:
        """See ObjectStore."""
        try:
            with _translated(location, "HEAD"):
                answer = self._client.head_object(Bucket=location.bucket, Key=location.key)
        except TransferError as error:
            if error.status == 404:
                return None
            raise
        return _stored(location, answer)

    def list(self, prefix: Location) -> Iterator[ListedObject]:
        """See ObjectStore; one request per 1000 objects."""
        with _translated(prefix, "list"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
            for page in pages:
                for row in page.get("Contents", ()):
                    yield ListedObject(Location(prefix.bucket, row["Key"]), row["Size"], row["ETag"])

    def put(self, location: Location, body: bytes, metadata: Mapping[str, str] | None = None) -> str:
        """See ObjectStore."""
        with _translated(location, "PUT"):
            answer = self._client.put_object(
                Bucket=location.bucket, Key=location.key, Body=body, Metadata=dict(metadata or {})
            )
        return str(answer["ETag"])

    def delete(self, locations: Sequence[Location]) -> None:
        """See ObjectStore; batches of up to 1000 keys per bucket."""
        for bucket in sorted({location.bucket for location in locations}):
            keys = [location.key for location in locations if location.bucket == bucket]
            for at in range(0, len(keys), _DELETE_BATCH):
                self._delete_batch(bucket, keys[at : at + _DELETE_BATCH])

    def _delete_batch(self, bucket: str, keys: Sequence[str]) -> None:
        with _translated(Location(bucket, keys[0]), "DELETE"):
            answer = self._client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        for failed in answer.get("Errors", ()):
            if failed.get("Code") != "NoSuchKey":
                raise TransferError(
                    "S3 did not delete the object",
                    uri=Location(bucket, failed.get("Key", "")).uri,
                    found=f"{failed.get('Code')}: {failed.get('Message')}",
                    code=failed.get("Code"),
                )

    def create_upload(self, location: Location, metadata: Mapping[str, str]) -> str:
        """See ObjectStore."""
        with _translated(location, "start an upload of"):
            answer = self._client.create_multipart_upload(
                Bucket=location.bucket, Key=location.key, Metadata=dict(metadata)
            )
        return str(answer["UploadId"])

    def upload_part(self, location: Location, upload_id: str, number: int, body: Buffer) -> UploadedPart:
        """See ObjectStore; botocore's retries send the same bytes again."""
        with _translated(location, f"upload part {number} of"):
            answer = self._client.upload_part(
                Bucket=location.bucket,
                Key=location.key,
                UploadId=upload_id,
                PartNumber=number,
                Body=_readable(body),
            )
        return UploadedPart(number, answer["ETag"], {name: answer[name] for name in _CHECKSUMS if name in answer})

    def complete_upload(self, location: Location, upload_id: str, parts: Sequence[UploadedPart]) -> str:
        """See ObjectStore."""
        rows = [{"PartNumber": part.number, "ETag": part.etag, **part.checksums} for part in parts]
        with _translated(location, "complete the upload of"):
            answer = self._client.complete_multipart_upload(
                Bucket=location.bucket, Key=location.key, UploadId=upload_id, MultipartUpload={"Parts": rows}
            )
        return str(answer["ETag"])

    def abort_upload(self, location: Location, upload_id: str) -> None:
        """See ObjectStore."""
        try:
            with _translated(location, "abort the upload of"):
                self._client.abort_multipart_upload(Bucket=location.bucket, Key=location.key, UploadId=upload_id)
        except TransferError as error:
            if error.status != 404:
                raise

    def list_uploads(self, prefix: Location) -> Iterator[PendingUpload]:
        """See ObjectStore."""
        with _translated(prefix, "list uploads of"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=prefix.bucket, Prefix=prefix.key
            )
            for page in pages:
                for row in page.get("Uploads", ()):
                    yield PendingUpload(Location(prefix.bucket, row["Key"]), row["UploadId"])


def _readable(body: Buffer) -> bytes | bytearray:
    # botocore takes bytes, bytearray or a file; a memoryview would be refused, so a slice is copied once.
    return body if isinstance(body, bytes | bytearray) else bytes(body)


def _fill(stream: Any, view: memoryview) -> int:
    done = 0
    while done < len(view):
        count = stream.readinto(view[done : done + _READ_BYTES])
        if not count:
            break
        done += count
    return done


def _check_range(location: Location, answer: Mapping[str, Any], start: int) -> None:
    """Refuse an answer whose bytes are not the ones asked for; a 200 is right only for a range from the start."""
    content_range = answer.get("ContentRange")
    first = 0 if content_range is None else int(content_range.split()[-1].split("-")[0])
    if first != start:
        raise TransferError(
            "the answer holds another range than was asked for",
            uri=location.uri,
            found=content_range or "the whole object",
            expected=f"a range from byte {start}",
            fix="the server, or a proxy before it, does not honour Range",
        )


def _stored(location: Location, answer: Mapping[str, Any]) -> StoredObject:
    content_range = answer.get("ContentRange")
    size = int(content_range.rpartition("/")[2]) if content_range else int(answer["ContentLength"])
    metadata: dict[str, str] = {}
    doubled: list[str] = []
    for name, value in answer.get("Metadata", {}).items():
        lower = name.lower()
        if lower in metadata:
            doubled.append(lower)
        metadata[lower] = value
    return StoredObject(location, size, answer["ETag"], metadata, tuple(doubled))


def _cut_short(location: Location, found: int, expected: int) -> TransferError:
    return TransferError(
        "the body ended early",
        uri=location.uri,
        found=f"{found} bytes",
        expected=f"{expected} bytes",
        fix="try again; if it stays, the object or the connection is damaged",
    )


def _resume_or_raise(error: TransferError, attempt: int) -> None:
    """Wait a little before the next attempt; raise where S3 has given its verdict or the attempts are used up."""
    if error.status is not None or attempt + 1 == BODY_ATTEMPTS:
        raise error
    time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, no secret


@contextmanager
def _translated(location: Location, action: str) -> Iterator[None]:
    """Turn the client library's errors into TransferError; the table of what to do is _FIXES."""
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        raise TransferError(
            f"S3 refused to {action} the object" if " " in action else f"S3 refused the {action}",
            uri=location.uri,
            found=f"{code}: {detail.get('Message', '')}".rstrip(": "),
            fix=_FIXES.get(code),
            status=error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
            code=code,
        ) from error
    except (HTTPClientError, IncompleteReadError) as error:
        raise TransferError("the connection to S3 broke", uri=location.uri, found=type(error).__name__) from error
    except BotoCoreError as error:
        raise TransferError("S3 could not be asked", uri=location.uri, found=str(error), status=0) from error
