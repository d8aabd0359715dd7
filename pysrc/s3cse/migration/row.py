"""One row of a migration's report: what became of one object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

#: What became of an object.
MIGRATED, ALREADY, WOULD = "migrated", "already", "would be migrated"
GONE, REFUSED, FAILED = "gone", "refused", "failed"
#: Outcomes after which an object is not what it should be.
NOT_DONE = (REFUSED, FAILED)

#: The columns of the report, a row per object.
SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        ("target", pa.string()),
        pa.field("outcome", pa.string(), nullable=False),
        ("was", pa.string()),
        ("becomes", pa.string()),
        ("plaintext_bytes", pa.int64()),
        ("stored_bytes_before", pa.int64()),
        ("stored_bytes_after", pa.int64()),
        ("etag_before", pa.string()),
        ("etag_after", pa.string()),
        ("indexed", pa.bool_()),
        ("attempts", pa.int32()),
        ("error", pa.string()),
    ]
)


@dataclass(slots=True, kw_only=True)
class MigrationRow:
    """What became of one object: see docs/migration.md for the columns. Holds no key and nothing of the plaintext."""

    uri: str
    target: str | None = None
    outcome: str = FAILED
    was: str | None = None
    becomes: str | None = None
    plaintext_bytes: int | None = None
    stored_bytes_before: int | None = None
    stored_bytes_after: int | None = None
    etag_before: str | None = None
    etag_after: str | None = None
    indexed: bool | None = None
    attempts: int = 0
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name."""
        return asdict(self)
