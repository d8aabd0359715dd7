"""The seam between s3cse and an object store: what is asked of S3, and in what words it answers.

Adapters translate the store's errors into :class:`TransferError` (``status`` and ``code`` set). Bodies land in buffers
that the caller owns. Metadata names come back lower-cased, without ``x-amz-meta-``; two names that differ only in case
are both reported by :class:`StoredObject.doubled`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from s3cse.errors import SettingsError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SCHEMES = ("s3", "s3a", "s3n")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # older buckets have capitals and underscores


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A bucket and a key (or key prefix)."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Read ``s3://bucket/key``; ``s3a`` and ``s3n`` are taken as the same. The key is taken as it stands.

        Raises:
            SettingsError: another scheme, or no valid bucket.
        """
        scheme, _, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme.lower() not in _SCHEMES or not _BUCKET.fullmatch(bucket):
            # Hadoop once allowed s3n://ACCESS-KEY:SECRET@bucket: no message may repeat that.
            shown = "credentials in the address" if "@" in bucket else repr(uri)
            raise SettingsError(
                "not an S3 address",
                found=shown,
                expected="s3://bucket/path",
                fix="give the bucket's plain name, and credentials the way boto3 finds them",
            )
        return cls(bucket, key)

    def child(self, name: str) -> Location:
        """Return the location of ``name`` under this prefix."""
        return Location(self.bucket, f"{self.key.rstrip('/')}/{name}" if self.key else name)

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    def __str__(self) -> str:
        return self.uri


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One row of a listing; ``size`` is the stored length in bytes, ``last_modified`` has a zone, where it is told."""

    location: Location
    size: int
    etag: str
    last_modified: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ListedPage:
    """One answer to a listing; ``token`` asks for what follows, None: there is nothing more.

    ``folders`` are prefixes that end in ``/`` and stand for all that is under them, where folders were asked for.
    """

    objects: tuple[ListedObject, ...]
    folders: tuple[Location, ...] = ()
    token: str | None = None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the headers of a GET or HEAD say. ``size`` is the stored length of the whole object in bytes."""

    location: Location
    size: int
    etag: str
    metadata: Mapping[str, str]
    #: Metadata names that came more than once (in different letter case).
    doubled: tuple[str, ...] = ()
    #: What else the store said, under its own names: ContentType, VersionId, …
    details: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the store says of an object that it has just taken; ``details`` as in StoredObject."""

    etag: str
    details: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """A multipart upload that is neither completed nor aborted; ``initiated`` is when it was started, with a zone."""

    location: Location
    upload_id: str
    initiated: datetime


@dataclass(frozen=True, slots=True)
class ListedPart:
    """One part that an unfinished upload has; ``size`` in bytes."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """What Complete needs to know about one part: its number (from 1), ETag and checksums by S3's parameter name."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


class ObjectStore(Protocol):
    """The whole seam. Methods raise TransferError and nothing else; all are safe to call from several threads."""

    def get_tail(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """Return the object's headers and its last ``length`` bytes (all of it if it is shorter) in one request."""

    def get_front(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """Return the object's headers and its first ``length`` bytes (all of it if it is shorter) in one request."""

    def get_into(self, location: Location, start: int, out: Buffer, if_match: str) -> None:
        """Fill ``out`` with the stored bytes from offset ``start`` on.

        Raises:
            TransferError: fewer bytes came than asked for; status 412 when the object is no longer the one with the
                ETag ``if_match``.
        """

    def head(self, location: Location) -> StoredObject | None:
        """Return the headers, or None where there is no such object."""

    def list(self, prefix: Location) -> Iterator[ListedObject]:
        """List all objects whose key starts with the prefix, in key order."""

    def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
        """Return one page of a listing (up to 1000 rows) in one request.

        Args:
            prefix: what keys start with; it need not end in ``/``.
            token: the one of the page before, None for the first.
            folders: name what has a ``/`` behind the prefix by its folder only.
        """

    def put(self, location: Location, body: Buffer, metadata: Mapping[str, str] | None = None) -> Receipt:
        """Store an object in one request. A buffer other than bytes or bytearray may be copied."""

    def put_if(
        self, location: Location, body: Buffer, metadata: Mapping[str, str] | None = None, *, etag: str | None
    ) -> Receipt:
        """Store an object in one request, in the place of the one with this ETag; None: where there is none.

        A store that knows no such condition puts it there whatever is there: look shortly before.

        Raises:
            TransferError: status 412, or 409, or code ``NoSuchKey``, where something else, or nothing, is there by now.
        """

    def delete(self, locations: Sequence[Location]) -> None:
        """Delete the objects; ones that do not exist are no error."""

    def delete_if(self, location: Location, etag: str) -> bool:
        """Delete the object if it still has this ETag; return False where nothing, or another one, is there by now.

        A store that knows no such condition deletes whatever is there: look shortly before.
        """

    def create_upload(self, location: Location, metadata: Mapping[str, str]) -> str:
        """Start a multipart upload and return its id."""

    def upload_part(self, location: Location, upload_id: str, number: int, body: Buffer) -> UploadedPart:
        """Send one part (numbers from 1); the same number sent again replaces it."""

    def complete_upload(self, location: Location, upload_id: str, parts: Sequence[UploadedPart]) -> Receipt:
        """Make the upload visible."""

    def abort_upload(self, location: Location, upload_id: str) -> None:
        """Drop an upload and its parts; one that is gone is no error."""

    def list_uploads(self, prefix: Location) -> Iterator[PendingUpload]:
        """List the unfinished multipart uploads whose key starts with the prefix."""

    def list_parts(self, location: Location, upload_id: str) -> Iterator[ListedPart]:
        """List the parts that an unfinished upload has by now; status 404 where there is no such upload."""
