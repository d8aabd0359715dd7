"""Manifests: the list of files that COPY loads and that UNLOAD wrote.

Sources, below https://docs.aws.amazon.com/redshift/latest/dg/: loading-data-files-using-manifest.html,
r_UNLOAD_command_examples.html (MANIFEST VERBOSE). The latter prints dimensions without names; ``max_length``,
``precision`` and ``scale`` are what is seen in manifests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s3cse.errors import EnvelopeError, SettingsError
from s3cse.services.redshift.types import arrow_type
from s3cse.storage.port import Location

#: Longer manifests are not read: this is some hundred thousand files.
MAX_MANIFEST_BYTES = 32 << 20
_EXPECTED = 'a JSON object with "entries", each with the "url" of a file'


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of a manifest; ``records`` counts its lines, HEADER's included; None: the manifest does not say."""

    location: Location
    records: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says; ``columns`` are the elements of a VERBOSE one's schema, not looked at yet."""

    files: tuple[ManifestFile, ...]
    columns: tuple[Any, ...] | None = None

    def schema(self, uri: str) -> pa.Schema | None:
        """Return the columns' names and types, None where the manifest is not a VERBOSE one.

        Args:
            uri: of the manifest, for messages.

        Raises:
            EnvelopeError: an element that is none.
            SettingsError: a type that is not known, or a NUMERIC without dimensions.
        """
        return None if self.columns is None else pa.schema([_column(element, uri) for element in self.columns])


def manifest_body(files: Iterable[tuple[Location, int, int]]) -> bytes:
    """Return a manifest for COPY: every file mandatory, so that a load is of all of them or fails.

    Args:
        files: location, stored bytes and rows of each.
    """
    entries = [
        {
            "url": location.uri,
            "mandatory": True,
            "meta": {"content_length": stored_bytes, "record_count": rows},
        }
        for location, stored_bytes, rows in files
    ]
    return json.dumps({"entries": entries}, indent=1).encode()


def read_manifest(body: bytes, uri: str) -> Manifest:
    """Read a manifest of COPY or UNLOAD.

    Args:
        uri: of the manifest, for messages.

    Raises:
        EnvelopeError: no JSON, no entries, an entry that names no file, or one file twice.
    """
    if len(body) > MAX_MANIFEST_BYTES:
        raise too_long(uri, len(body))
    try:
        found = json.loads(body.decode())
    except RecursionError:
        raise _invalid(uri, "JSON in JSON without end") from None
    except ValueError as error:  # of UTF-8, too; the parser's own text would show some of the file
        reason = f"a parse error at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "no UTF-8"
        raise _invalid(uri, f"{len(body)} bytes with {reason}") from None
    entries = found.get("entries") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise _invalid(uri, "JSON of another shape")
    if not entries:
        raise _invalid(uri, "no entry")
    files = tuple(_file(number, entry, uri) for number, entry in enumerate(entries))
    _refuse_repeated(files, uri)
    return Manifest(files, _elements(found))


def _file(number: int, entry: Any, uri: str) -> ManifestFile:
    url = entry.get("url") if isinstance(entry, dict) else None
    if not isinstance(url, str):
        raise _invalid(uri, f"entry {number} without a url")
    try:
        location = Location.parse(url)
    except SettingsError:
        location = None
    if location is None or not location.key or location.key.endswith("/"):
        raise _invalid(uri, f"entry {number}, whose url is no file in S3")
    meta = entry.get("meta")
    records = meta.get("record_count") if isinstance(meta, dict) else None
    return ManifestFile(location, records if isinstance(records, int) and records >= 0 else None)


def _refuse_repeated(files: tuple[ManifestFile, ...], uri: str) -> None:
    seen: set[Location] = set()
    for file in files:
        if file.location in seen:
            raise _invalid(uri, f"{file.location.uri} twice")
        seen.add(file.location)


def _elements(found: Mapping[str, Any]) -> tuple[Any, ...] | None:
    schema = found.get("schema")
    elements = schema.get("elements") if isinstance(schema, dict) else None
    return tuple(elements) if isinstance(elements, list) and elements else None


def _column(element: Any, uri: str) -> pa.Field:
    name = element.get("name") if isinstance(element, dict) else None
    type_ = element.get("type") if isinstance(element, dict) else None
    base = type_.get("base") if isinstance(type_, dict) else None
    if not isinstance(name, str) or not isinstance(type_, dict) or not isinstance(base, str):
        raise _invalid(uri, "a schema element without a name or a type")
    try:
        return pa.field(name, arrow_type(base, type_.get("precision"), type_.get("scale")))
    except SettingsError as error:
        error.fix = f"give the columns yourself; this is about column {name!r}"
        raise error.at(uri) from None


def too_long(uri: str, size: int) -> EnvelopeError:
    """Return the error for a manifest that is none, by its length alone."""
    return EnvelopeError(
        "the manifest is too long",
        uri=uri,
        found=f"{size} bytes",
        expected=f"at most {MAX_MANIFEST_BYTES} bytes",
        fix="check that it is the manifest, and not a data file",
    )


def _invalid(uri: str, found: str) -> EnvelopeError:
    return EnvelopeError(
        "this is no manifest",
        uri=uri,
        found=found,
        expected=_EXPECTED,
        fix="check that it is the manifest, and not a data file",
    )
