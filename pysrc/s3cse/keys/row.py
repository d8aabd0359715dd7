"""One row of an inventory: what is known of one object and its key, and how it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import pyarrow as pa

#: ``format``: a client-side format, a message of the AWS Encryption SDK, or what the object is instead.
MESSAGE, SSE_C, PLAIN = "encryption-sdk", "sse-c", "plain"
INSTRUCTION_FILE, DELETE_MARKER = "instruction-file", "delete-marker"

#: ``key_evidence``: the object says so; a key service said so when it was asked; nobody said.
STORED, PROBED, UNKNOWN = "stored", "probed", "unknown"

#: ``envelope_in``: where the envelope is.
IN_METADATA, IN_FILE, IN_BODY = "metadata", "instruction-file", "body"

#: ``instruction_file``: of an object, whether its file is there; of a file, whether an object needs it.
PRESENT, MISSING, IN_USE, ORPHANED = "present", "missing", "in-use", "orphaned"

#: ``length_header``: right; wrong; possible (a CBC object's exact length needs its key); absent although its format has
#: one.
RIGHT, WRONG, POSSIBLE, ABSENT = "right", "wrong", "possible", "absent"

#: The columns. Null means: not known, or does not apply.
SCHEMA = pa.schema(
    [
        pa.field("bucket", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        ("version_id", pa.string()),
        ("is_latest", pa.bool_()),
        ("etag", pa.string()),
        ("last_modified", pa.timestamp("ms", tz="UTC")),
        ("stored_bytes", pa.int64()),
        ("plaintext_bytes", pa.int64()),
        ("storage_class", pa.string()),
        ("format", pa.string()),
        ("content_algorithm", pa.string()),
        ("wrap_algorithm", pa.string()),
        ("authenticated", pa.bool_()),
        ("legacy", pa.bool_()),
        ("key_id", pa.string()),
        ("key_evidence", pa.string()),
        ("other_key_ids", pa.list_(pa.string())),
        ("description_fingerprint", pa.string()),
        ("wrapped_key_fingerprint", pa.string()),
        ("encryption_context", pa.map_(pa.string(), pa.string())),
        ("opens", pa.bool_()),
        ("indexed", pa.bool_()),
        ("length_header", pa.string()),
        ("envelope_in", pa.string()),
        ("instruction_file", pa.string()),
        ("server_side_encryption", pa.string()),
        ("server_side_key_id", pa.string()),
        ("looked_inside", pa.bool_()),
        ("error", pa.string()),
    ]
)


@dataclass(slots=True)
class Row:
    """See docs/keys.md for the columns. Holds no key and no plaintext.

    ``stored_bytes`` and ``plaintext_bytes`` are lengths; ``key_id`` is a KMS key as it was named (an ARN where KMS
    named it), or provider and name of a message's raw key; ``other_key_ids`` are further keys, each of which opens the
    message, too. ``encryption_context`` is KMS's; of a raw key's materials description there is a fingerprint only.
    ``wrapped_key_fingerprint`` tells whether an object has another wrapped key by now, which its ETag does not.
    ``opens`` says whether the inventory's own keyring opens the object, ``looked_inside`` whether its first bytes were
    read. ``error`` is why something is not known.
    """

    bucket: str
    key: str
    version_id: str | None = None
    is_latest: bool | None = None
    etag: str | None = None
    last_modified: datetime | None = None
    stored_bytes: int | None = None
    plaintext_bytes: int | None = None
    storage_class: str | None = None
    format: str | None = None
    content_algorithm: str | None = None
    wrap_algorithm: str | None = None
    authenticated: bool | None = None
    legacy: bool | None = None
    key_id: str | None = None
    key_evidence: str | None = None
    other_key_ids: Sequence[str] = field(default_factory=tuple)
    description_fingerprint: str | None = None
    wrapped_key_fingerprint: str | None = None
    encryption_context: Mapping[str, str] | None = None
    opens: bool | None = None
    indexed: bool | None = None
    length_header: str | None = None
    envelope_in: str | None = None
    instruction_file: str | None = None
    server_side_encryption: str | None = None
    server_side_key_id: str | None = None
    looked_inside: bool | None = None
    error: str | None = None

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    def note(self, problem: str) -> None:
        """Add a reason why something of the object is not known."""
        self.error = problem if self.error is None else f"{self.error}; {problem}"


_NAMES = tuple(each.name for each in fields(Row))


def to_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Return rows as Arrow, with SCHEMA."""
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in _NAMES}
    columns["encryption_context"] = [
        None if each is None else [*each.items()] for each in columns["encryption_context"]
    ]
    arrays = [_array(columns[each.name], each.type) for each in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Return a column; most columns of most inventories are null, which need not be told value by value."""
    return pa.nulls(len(values), kind) if values.count(None) == len(values) else pa.array(values, kind)
