"""Reports of S3 Inventory as a source: listings of millions of objects that cost no LIST requests.

Source: Amazon S3 User Guide, "Amazon S3 Inventory list" and "Locating your inventory list". CSV files are compressed
with gzip, have no header row, and keys in them are URL-encoded; the columns are those that the report was configured
with. Parquet files have the same columns in snake case. A report is as old as its day: objects that are gone since
become rows that say so, new ones are missing.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TextIO, cast
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.errors import SettingsError, TransferError
from s3cse.keys.found import Found, FoundPage, bad_token
from s3cse.keys.object_file import ObjectFile
from s3cse.storage.port import Location, ObjectStore, StoredObject

MANIFEST = "manifest.json"
_MANIFEST_BYTES = 64 << 20
_PAGE_ROWS = 1000
#: Keys have 1024 bytes at most, which are three times as many when they are encoded.
_LINE_CHARS = 64 << 10
#: CSV's name of a column: Parquet's.
_COLUMNS = {
    "Bucket": "bucket",
    "Key": "key",
    "VersionId": "version_id",
    "IsLatest": "is_latest",
    "IsDeleteMarker": "is_delete_marker",
    "Size": "size",
    "LastModifiedDate": "last_modified_date",
    "ETag": "e_tag",
    "StorageClass": "storage_class",
    "EncryptionStatus": "encryption_status",
}
_Rows = Iterator[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says: whose objects, how the files are written, and where they are."""

    source_bucket: str
    file_format: str
    columns: tuple[str, ...]
    files: tuple[tuple[Location, int], ...]


def read_manifest(store: ObjectStore, place: Location) -> Manifest:
    """Read ``…/manifest.json`` of a report.

    Raises:
        SettingsError: it is no manifest, or of a kind of file that is not read here.
        TransferError: S3 did not send it.
    """
    _, body = store.get_tail(place, _MANIFEST_BYTES)
    try:
        said = json.loads(body)
        files = tuple((Location(place.bucket, row["key"]), int(row["size"])) for row in said["files"])
        kind, schema, bucket = str(said["fileFormat"]).upper(), str(said["fileSchema"]), str(said["sourceBucket"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            "this is no manifest of S3 Inventory",
            found=f"{place.uri}: {type(error).__name__}",
            expected="JSON with sourceBucket, fileFormat, fileSchema and files",
            fix="give the address of a report's manifest.json",
        ) from error
    if kind not in _READERS:
        raise SettingsError(
            "the report has files that are not read here",
            found=kind,
            expected=" | ".join(_READERS),
            fix="configure a report in one of these formats",
        )
    columns = tuple(name.strip() for name in schema.split(",")) if kind == "CSV" else ()
    return Manifest(bucket, kind, columns, files)


class S3InventoryReport:
    """The objects of a report; the prefix, where one is given, narrows it.

    Args:
        manifest: address of its ``manifest.json``; the files are looked for in the same bucket.
    """

    def __init__(self, store: ObjectStore, manifest: Location, prefix: str = "") -> None:
        self._store = store
        self._manifest = manifest
        self._prefix = prefix

    def pages(self, token: str | None = None) -> Iterator[FoundPage]:
        """See Source; a token names the file and how many of its rows came before."""
        manifest = read_manifest(self._store, self._manifest)
        file_at, row_at = _read_token(token)
        page: list[Found] = []
        place = token
        for number, (location, size) in enumerate(manifest.files):
            if number < file_at:
                continue
            for count, row in enumerate(self._rows(manifest, location, size), 1):
                if number == file_at and count <= row_at:
                    continue
                if row["key"].startswith(self._prefix):
                    page.append(_found(manifest.source_bucket, row, location))
                place = f"{number}:{count}"
                if len(page) == _PAGE_ROWS:
                    yield FoundPage(tuple(page), place)
                    page = []
        yield FoundPage(tuple(page), None)

    def _rows(self, manifest: Manifest, location: Location, size: int) -> _Rows:
        stored = self._store.head(location)
        if stored is None or stored.size != size:
            raise TransferError(
                "a file of the report is not the one that its manifest names",
                uri=location.uri,
                found="nothing" if stored is None else f"{stored.size} bytes",
                expected=f"{size} bytes",
                fix="use a report that is complete",
            )
        return _READERS[manifest.file_format](self._store, stored, manifest)


def _csv_rows(store: ObjectStore, stored: StoredObject, manifest: Manifest) -> _Rows:
    names = [_COLUMNS.get(name, name) for name in manifest.columns]
    raw = io.BufferedReader(ObjectFile(store, stored))
    try:
        with gzip.open(raw, "rt", encoding="utf-8", newline="") as text:
            for values in csv.reader(_lines(text)):
                if len(values) != len(names):
                    raise _malformed(stored.location, f"a row of {len(values)} columns", f"{len(names)} columns")
                row: dict[str, Any] = dict(zip(names, values, strict=True))
                row["key"] = unquote_plus(row["key"])
                yield row
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise _malformed(stored.location, type(error).__name__, "CSV, compressed with gzip") from error


def _lines(text: TextIO) -> Iterator[str]:
    """Yield lines of bounded length: a small file may unpack to one that fills the memory."""
    length = 0
    while line := text.readline(_LINE_CHARS):
        length = 0 if line.endswith(("\n", "\r")) else length + len(line)
        if length >= _LINE_CHARS:
            raise csv.Error("a line without an end")
        yield line


def _parquet_rows(store: ObjectStore, stored: StoredObject, manifest: Manifest) -> _Rows:  # noqa: ARG001 - as the other
    try:
        file = pq.ParquetFile(pa.PythonFile(ObjectFile(store, stored), mode="r"))
        names = [name for name in _COLUMNS.values() if name in file.schema_arrow.names]
        for batch in file.iter_batches(batch_size=_PAGE_ROWS, columns=names):
            yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise _malformed(stored.location, type(error).__name__, "Parquet") from error


_READERS: dict[str, Callable[[ObjectStore, StoredObject, Manifest], _Rows]] = {
    "CSV": _csv_rows,
    "PARQUET": _parquet_rows,
}


def _found(bucket: str, row: Mapping[str, Any], file: Location) -> Found:
    size, tag = row.get("size"), row.get("e_tag")
    try:
        number = int(size) if size not in (None, "") else None
        modified = _time(row.get("last_modified_date"))
    except ValueError as error:
        raise _malformed(
            file, "a row with another size or time", "numbers of bytes, and times as of ISO 8601"
        ) from error
    return Found(
        Location(bucket, row["key"]),
        number,
        f'"{tag}"' if tag else None,
        row.get("version_id") or None,
        _flag(row.get("is_latest")),
        bool(_flag(row.get("is_delete_marker"))),
        modified,
        row.get("storage_class") or None,
        row.get("encryption_status") or None,
    )


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return None if not value else value.lower() == "true"
    return None if value is None else bool(value)


def _time(value: object) -> datetime | None:
    if isinstance(value, str):
        return datetime.fromisoformat(value.replace("Z", "+00:00")) if value else None
    moment = cast("datetime | None", value)
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _read_token(token: str | None) -> tuple[int, int]:
    if token is None:
        return 0, 0
    number, colon, count = token.partition(":")
    if not (colon and number.isdigit() and count.isdigit()):
        raise bad_token(token)
    return int(number), int(count)


def _malformed(file: Location, found: str, expected: str) -> SettingsError:
    return SettingsError(f"a file of the report is not valid: {file.uri}", found=found, expected=expected)
