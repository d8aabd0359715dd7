"""Verifying a table file by file: reads everything, authenticates what can be, releases nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from s3cse.errors import PolicyError, S3CSEError
from s3cse.keyrings.base import Keyring
from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.parquet.expected import ANY, Expected
from s3cse.parquet.input import TAIL_BYTES, ParquetInput, open_whole, unreadable
from s3cse.parquet.table import DataFile
from s3cse.storage.port import ObjectStore

VERIFIED = "verified"
UNAUTHENTICATED = "unauthenticated"
FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What was seen of one file. ``rows`` were decoded one by one, not taken from the footer."""

    uri: str
    status: str
    stored_bytes: int
    envelope: str = ""
    rows: int = 0
    remark: str = ""


def verify_file(
    store: ObjectStore, keyring: Keyring | None, file: DataFile, policy: Policy, expected: Expected = ANY
) -> FileReport:
    """Read one file to its end and report; an error becomes a report, so that the others are still read.

    ``verified``: the GCM tag matched, or all frames of a message and its signature. ``unauthenticated``: readable, but
    CBC or plain, so nothing vouches for it; or under SSE-C, so that S3 does and nobody here can.
    """
    try:
        opened = _open(store, keyring, file, policy, expected)
        source = open_whole(opened)  # also what no row comes from: every byte is under the tag
        rows = _count(source)
    except S3CSEError as error:
        return FileReport(uri=file.location.uri, status=FAILED, stored_bytes=file.size, remark=str(error))
    return FileReport(
        uri=file.location.uri,
        status=VERIFIED if source.verified else UNAUTHENTICATED,
        stored_bytes=opened.stored.size,
        envelope=opened.protection,
        rows=rows,
        remark=_remark(opened, source, rows),
    )


def _open(
    store: ObjectStore, keyring: Keyring | None, file: DataFile, policy: Policy, expected: Expected
) -> OpenObject:
    # Where plain files may pass nobody looks for a message, and a sound one would be a plain file that is no Parquet.
    try:
        return expected.open(store, keyring, file.location, replace(policy, plaintext="refuse"), TAIL_BYTES)
    except PolicyError:
        if policy.plaintext == "refuse":
            raise
        return expected.open(store, keyring, file.location, policy, TAIL_BYTES)


def _count(source: ParquetInput) -> int:
    rows = 0
    try:
        for index in range(source.file.metadata.num_row_groups):
            for batch in source.file.iter_batches(row_groups=[index], use_threads=False):
                batch.validate()
                rows += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise unreadable(source.opened, source.verified, error) from error
    return rows


def _remark(opened: OpenObject, source: ParquetInput, rows: int) -> str:
    remarks = []
    if rows != source.file.metadata.num_rows:
        remarks.append(f"the footer says {source.file.metadata.num_rows} rows")
    claimed = None if opened.envelope is None else opened.envelope.claimed_length
    if claimed is not None and claimed != str(opened.plaintext_bytes):
        remarks.append(f"x-amz-unencrypted-content-length says {claimed}, the plaintext has {opened.plaintext_bytes}")
    return "; ".join(remarks)
