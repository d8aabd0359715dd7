"""A public in-memory fake of the storage port: what tests and examples run on where no server is wanted."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass
class _Upload:
    location: Location
    metadata: dict[str, str]
    initiated: datetime
    parts: dict[int, bytes] = field(default_factory=dict)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class MemoryStore:
    """An ObjectStore in a dictionary. ``log`` lists (method, key) of every request, in order.

    Args:
        clock: tells when an upload is started.
        page_rows: rows of a page of a listing.
    """

    def __init__(self, clock: Callable[[], datetime] = _utc_now, page_rows: int = 1000) -> None:
        self._clock = clock
        self._page_rows = page_rows
        self._objects: dict[Location, tuple[bytes, dict[str, str]]] = {}
        self._uploads: dict[str, _Upload] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self.log: list[tuple[str, str]] = []

    def _find(self, method: str, location: Location) -> tuple[bytes, dict[str, str]]:
        self.log.append((method, location.key))
        try:
            return self._objects[location]
        except KeyError:
            raise TransferError("no such object", uri=location.uri, status=404, code="NoSuchKey") from None

    def _stored(self, location: Location, body: bytes, metadata: Mapping[str, str]) -> StoredObject:
        lower = {name.lower(): value for name, value in metadata.items()}
        names = [name.lower() for name in metadata]
        doubled = tuple(sorted({name for name in names if names.count(name) > 1}))
        return StoredObject(location, len(body), _etag(body), lower, doubled)

    def get_tail(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore."""
        body, metadata = self._find("GET", location)
        return self._stored(location, body, metadata), body[max(len(body) - length, 0) :]

    def get_front(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """See ObjectStore."""
        body, metadata = self._find("GET", location)
        return self._stored(location, body, metadata), body[:length]

    def get_into(self, location: Location, start: int, out: Buffer, if_match: str) -> None:
        """See ObjectStore."""
        body, _ = self._find("GET", location)
        if _etag(body) != if_match:
            raise TransferError("the object was replaced", uri=location.uri, status=412, code="PreconditionFailed")
        view = memoryview(out).cast("B")
        piece = body[start : start + len(view)]
        if len(piece) != len(view):
            raise TransferError(
                "the body ended early", uri=location.uri, found=f"{len(piece)} bytes", expected=f"{len(view)} bytes"
            )
        view[:] = piece

    def head(self, location: Location) -> StoredObject | None:
        """See ObjectStore."""
        self.log.append(("HEAD", location.key))
        found = self._objects.get(location)
        return None if found is None else self._stored(location, *found)

    def list(self, prefix: Location) -> Iterator[ListedObject]:
        """See ObjectStore."""
        self.log.append(("LIST", prefix.key))
        for location, (body, _) in sorted(self._objects.items()):
            if location.bucket == prefix.bucket and location.key.startswith(prefix.key):
                yield ListedObject(location, len(body), _etag(body))

    def list_page(self, prefix: Location, token: str | None = None, *, folders: bool = False) -> ListedPage:
        """See ObjectStore; a token is the last key or folder that was told."""
        self.log.append(("LIST", prefix.key))
        rows: dict[str, ListedObject | None] = {}  # None: a folder
        for location, (body, _) in sorted(self._objects.items()):
            if location.bucket == prefix.bucket and location.key.startswith(prefix.key):
                below = location.key.removeprefix(prefix.key)
                if folders and "/" in below:
                    rows[prefix.key + below.partition("/")[0] + "/"] = None
                else:
                    rows[location.key] = ListedObject(location, len(body), _etag(body))
        keys = [key for key in rows if token is None or key > token]
        told = keys[: self._page_rows]
        return ListedPage(
            tuple(row for row in map(rows.get, told) if row is not None),
            tuple(Location(prefix.bucket, key) for key in told if rows[key] is None),
            told[-1] if len(keys) > len(told) else None,
        )

    def put(self, location: Location, body: Buffer, metadata: Mapping[str, str] | None = None) -> Receipt:
        """See ObjectStore."""
        self.log.append(("PUT", location.key))
        kept = bytes(body)
        self._objects[location] = (kept, dict(metadata or {}))
        return Receipt(_etag(kept))

    def put_if(
        self, location: Location, body: Buffer, metadata: Mapping[str, str] | None = None, *, etag: str | None
    ) -> Receipt:
        """See ObjectStore."""
        if self._etag_of(location) == etag:
            return self.put(location, body, metadata)
        self.log.append(("PUT", location.key))
        raise TransferError("another object is there", uri=location.uri, status=412, code="PreconditionFailed")

    def _etag_of(self, location: Location) -> str | None:
        found = self._objects.get(location)
        return None if found is None else _etag(found[0])

    def delete(self, locations: Sequence[Location]) -> None:
        """See ObjectStore."""
        for location in locations:
            self.log.append(("DELETE", location.key))
            self._objects.pop(location, None)

    def delete_if(self, location: Location, etag: str) -> bool:
        """See ObjectStore."""
        if self._etag_of(location) == etag:
            self.delete([location])
            return True
        self.log.append(("DELETE", location.key))
        return False

    def create_upload(self, location: Location, metadata: Mapping[str, str]) -> str:
        """See ObjectStore."""
        self.log.append(("CREATE", location.key))
        upload_id = f"upload-{next(self._ids)}"
        self._uploads[upload_id] = _Upload(location, dict(metadata), self._clock())
        return upload_id

    def _upload(self, location: Location, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.location != location:
            raise TransferError("no such upload", uri=location.uri, status=404, code="NoSuchUpload")
        return upload

    def upload_part(self, location: Location, upload_id: str, number: int, body: Buffer) -> UploadedPart:
        """See ObjectStore."""
        with self._lock:
            self.log.append(("PART", location.key))
            self._upload(location, upload_id).parts[number] = bytes(body)
        return UploadedPart(number, _etag(bytes(body)))

    def complete_upload(self, location: Location, upload_id: str, parts: Sequence[UploadedPart]) -> Receipt:
        """See ObjectStore; refuses parts that are missing, out of order or of another ETag, as S3 does."""
        self.log.append(("COMPLETE", location.key))
        upload = self._upload(location, upload_id)
        numbers = [part.number for part in parts]
        if not parts or numbers != sorted(set(numbers)):
            raise TransferError("parts out of order", uri=location.uri, status=400, code="InvalidPartOrder")
        for part in parts:
            if part.number not in upload.parts or _etag(upload.parts[part.number]) != part.etag:
                raise TransferError("no such part", uri=location.uri, status=400, code="InvalidPart")
        body = b"".join(upload.parts[number] for number in numbers)
        self._objects[location] = (body, upload.metadata)
        del self._uploads[upload_id]
        return Receipt(_etag(body))

    def abort_upload(self, location: Location, upload_id: str) -> None:
        """See ObjectStore."""
        self.log.append(("ABORT", location.key))
        self._uploads.pop(upload_id, None)

    def list_uploads(self, prefix: Location) -> Iterator[PendingUpload]:
        """See ObjectStore."""
        self.log.append(("UPLOADS", prefix.key))
        for upload_id, upload in list(self._uploads.items()):
            if upload.location.bucket == prefix.bucket and upload.location.key.startswith(prefix.key):
                yield PendingUpload(upload.location, upload_id, upload.initiated)

    def list_parts(self, location: Location, upload_id: str) -> Iterator[ListedPart]:
        """See ObjectStore."""
        self.log.append(("PARTS", location.key))
        for number, body in sorted(self._upload(location, upload_id).parts.items()):
            yield ListedPart(number, len(body))
