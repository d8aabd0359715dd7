"""One row of a rotation's report: what became of one object."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from s3cse.envelope.model import Envelope
from s3cse.keyrings.base import WRAPS_OF_KIND
from s3cse.keys.rotation_place import Found
from s3cse.keys.rotation_wrap import Rewrapped

#: What became of an object.
ROTATED, ALREADY, ADDED = "rotated", "already", "added"
WOULD = "would be rotated"
PLAIN, GONE, REFUSED, FAILED = "plain", "gone", "refused", "failed"
#: Outcomes after which an object is not under the new key although it should be.
NOT_DONE = (REFUSED, FAILED)
#: The columns of the report, a row per object.
SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        ("stored_bytes", pa.int64()),
        ("etag_before", pa.string()),
        ("etag_after", pa.string()),
        ("format", pa.string()),
        ("content_algorithm", pa.string()),
        ("envelope_in", pa.string()),
        ("wrap_before", pa.string()),
        ("wrap_after", pa.string()),
        ("context_before", pa.string()),
        ("context_after", pa.string()),
        ("key_after", pa.string()),
        ("attempts", pa.int32()),
        ("note", pa.string()),
        ("error", pa.string()),
    ]
)


@dataclass(slots=True, kw_only=True)
class RotationRow:
    """What became of one object: see docs/keys.md for the columns. Holds no key, and of a description only KMS's."""

    uri: str
    outcome: str = FAILED
    stored_bytes: int | None = None
    etag_before: str | None = None
    etag_after: str | None = None
    format: str | None = None
    content_algorithm: str | None = None
    envelope_in: str | None = None
    wrap_before: str | None = None
    wrap_after: str | None = None
    context_before: str | None = None
    context_after: str | None = None
    key_after: str | None = None
    attempts: int = 0
    note: str | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name."""
        return asdict(self)


def describe(row: RotationRow, found: Found) -> None:
    """Say in the row what was found."""
    row.stored_bytes, row.etag_before = found.stored.size, found.stored.etag
    envelope = found.envelope
    if envelope is None:
        return
    row.format, row.content_algorithm = envelope.format.value, envelope.content_algorithm.value
    row.envelope_in = "metadata" if found.file is None else "instruction-file"
    row.wrap_before, row.context_before = envelope.wrap_algorithm, _context(envelope)
    if not envelope.authenticated:
        row.note = "the body is AES-CBC, which nothing verifies: s3cse migrate gives it one that is authenticated"


def say(row: RotationRow, made: Rewrapped) -> None:
    """Say in the row what the new envelope is."""
    row.wrap_after, row.context_after = made.envelope.wrap_algorithm, _context(made.envelope)
    row.key_after = made.key


def _context(envelope: Envelope) -> str | None:
    """Return the encryption context of KMS; of a raw key's description nothing, which may say more than it should."""
    if envelope.wrap_algorithm not in WRAPS_OF_KIND["kms"]:
        return None
    return json.dumps(dict(envelope.materials_description or {}), sort_keys=True)
