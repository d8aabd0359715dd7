"""Which objects an inventory is about, page by page: of a folder, a table, or a folder with all versions.

A report of S3 Inventory is a source of its own: :mod:`s3cse.keys.s3_inventory`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from s3cse.errors import SettingsError
from s3cse.parquet.table import list_table
from s3cse.storage.port import Location, ObjectStore
from s3cse.storage.s3 import S3Store

_PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """One object of a listing, and what the listing said of it; ``encryption`` in S3 Inventory's words (``SSE-C``)."""

    location: Location
    size: int | None = None
    etag: str | None = None
    version_id: str | None = None
    is_latest: bool | None = None
    is_delete_marker: bool = False
    last_modified: datetime | None = None
    storage_class: str | None = None
    encryption: str | None = None


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Some objects, and where to go on: ``token`` None after the last page. A token may be kept and used later."""

    objects: tuple[Found, ...]
    token: str | None


class Source(Protocol):
    """Where objects are listed."""

    def pages(self, token: str | None = None) -> Iterator[FoundPage]:
        """List, from the start or behind the page that gave ``token``.

        Raises:
            TransferError: S3 refused.
        """


class Prefix:
    """What is in a folder, with or without its last ``/``: ``s3://bucket/a`` says nothing of ``a2``. Or one object."""

    def __init__(self, store: ObjectStore, place: Location) -> None:
        self._store = store
        self._place = place

    def pages(self, token: str | None = None) -> Iterator[FoundPage]:
        """See Source; one request per 1000 objects."""
        while True:
            page = self._store.list_page(self._place, token)
            rows = (
                Found(row.location, row.size, row.etag, last_modified=row.last_modified)
                for row in page.objects
                if is_in(self._place, row.location.key)
            )
            token = page.token
            yield FoundPage(tuple(rows), token)
            if token is None:
                return


def is_in(place: Location, key: str) -> bool:
    """Whether a key is the place itself or in the folder of that name."""
    folder = place.key if place.key.endswith("/") or not place.key else f"{place.key}/"
    return key == place.key or key.startswith(folder)


class Table:
    """The data files of a table: hidden names, and what an unfinished overwrite replaced, are left out."""

    def __init__(self, store: ObjectStore, place: Location) -> None:
        self._store = store
        self._place = Location(place.bucket, place.key.rstrip("/"))

    def pages(self, token: str | None = None) -> Iterator[FoundPage]:
        """See Source; the table is listed as a whole."""
        files = list_table(self._store, self._place).files
        rows = [Found(file.location, file.size, file.etag) for file in files]
        yield from in_pages(rows, token)


class Versions:
    """All versions of what is in a folder (as Prefix), and the delete markers among them; for S3 itself only."""

    def __init__(self, store: S3Store, place: Location) -> None:
        self._store = store
        self._place = place

    def pages(self, token: str | None = None) -> Iterator[FoundPage]:
        """See Source; one request per 1000 versions."""
        marks: dict[str, str] = {} if token is None else _read_token(token)
        while True:
            page = self._store.ask(
                self._place,
                "list_object_versions",
                "list what is under",
                Bucket=self._place.bucket,
                Prefix=self._place.key,
                **marks,
            )
            found = [_version(self._place.bucket, row) for row in page.get("Versions", ())]
            found += [_version(self._place.bucket, row, marker=True) for row in page.get("DeleteMarkers", ())]
            rows = [each for each in found if is_in(self._place, each.location.key)]
            more = bool(page.get("IsTruncated"))
            marks = {"KeyMarker": page.get("NextKeyMarker", ""), "VersionIdMarker": page.get("NextVersionIdMarker", "")}
            marks = {name: value for name, value in marks.items() if value}
            yield FoundPage(tuple(rows), json.dumps(marks) if more else None)
            if not more:
                return


def _version(bucket: str, row: Mapping[str, Any], *, marker: bool = False) -> Found:
    return Found(
        Location(bucket, row["Key"]),
        row.get("Size"),
        row.get("ETag"),
        row["VersionId"],
        bool(row.get("IsLatest")),
        marker,
        row.get("LastModified"),
        row.get("StorageClass"),
    )


def in_pages(rows: list[Found], token: str | None) -> Iterator[FoundPage]:
    """Yield rows that are all known as pages; the token is how many came before."""
    at = 0 if token is None else _row_number(token)
    while True:
        end = at + _PAGE_ROWS
        yield FoundPage(tuple(rows[at:end]), str(end) if end < len(rows) else None)
        at = end
        if at >= len(rows):
            return


def _row_number(token: str) -> int:
    if not (token.isascii() and token.isdigit()):
        raise bad_token(token)
    return int(token)


def _read_token(token: str) -> dict[str, str]:
    try:
        marks = json.loads(token)
    except ValueError:
        marks = None
    if not isinstance(marks, dict) or not marks.keys() <= {"KeyMarker", "VersionIdMarker"}:
        raise bad_token(token)
    return {name: str(value) for name, value in marks.items()}


def bad_token(token: str) -> SettingsError:
    """Return the error for a place to go on from that is not this source's."""
    return SettingsError(
        "the inventory that is to be continued was made of another source",
        found=f"the mark {token[:100]!r}",
        expected="a mark of the same kind of source",
        fix="continue with the flags it was begun with, or write a new one",
    )
