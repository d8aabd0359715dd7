"""Arrow rows into files that COPY loads, and the statement that loads them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s3cse.keyrings.base import Keyring
from s3cse.services.redshift.data_files import FILE_BYTES, DataFiles
from s3cse.services.redshift.encryption import Encryption, ServerSide
from s3cse.services.redshift.layout import CopyLayout
from s3cse.services.redshift.publishing import Published, check_free, file_place, folder, publish, take_back
from s3cse.services.redshift.root_key import RootKey
from s3cse.services.redshift.statements import Statement, copy_statement
from s3cse.storage.port import Location, ObjectStore
from s3cse.storage.s3 import S3Store, s3_client

_DEFAULT_LAYOUT = CopyLayout()


@dataclass(frozen=True, slots=True)
class Export:
    """Files that COPY loads. Holds no key.

    ``columns`` are named in the files' order; ``stored_bytes`` is the sum of the files', as S3 has them.
    """

    manifest: Location
    files: tuple[Location, ...]
    rows: int
    stored_bytes: int
    columns: tuple[str, ...]
    layout: CopyLayout

    def copy_statement(
        self,
        table: str,
        *,
        encryption: Encryption,
        iam_role: str,
        schema: str | None = None,
        region: str | None = None,
    ) -> Statement:
        """Return the COPY statement that loads this; it shows no key but through ``reveal()``.

        Args:
            encryption: as the files were written.
            iam_role: ARN of a role that the cluster may assume, or ``default``.
            schema: of the table in Redshift; None: as the session finds it.
            region: of the bucket, where it is not the cluster's.

        Raises:
            SettingsError: a name or a text that cannot stand in a statement.
        """
        return copy_statement(
            table,
            self.manifest,
            encryption=encryption,
            iam_role=iam_role,
            layout=self.layout,
            columns=self.columns,
            schema=schema,
            region=region,
        )


def exported(published: Published, columns: Sequence[str], layout: CopyLayout) -> Export:
    """Return what was published, with what a statement needs."""
    return Export(published.manifest, published.files, published.rows, published.stored_bytes, tuple(columns), layout)


def keyring_of(encryption: Encryption) -> Keyring | None:
    """Return the keyring that writes an export's files, None where S3 encrypts."""
    return encryption.keyring() if isinstance(encryption, RootKey) else None


def store_for(client: Any, encryption: Encryption) -> S3Store:
    """Return a store that tells S3 what it is to do."""
    return S3Store(client, encryption.arguments() if isinstance(encryption, ServerSide) else None)


def export(
    rows: pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch],
    target: str,
    *,
    encryption: Encryption,
    s3: Any = None,
    layout: CopyLayout = _DEFAULT_LAYOUT,
    slices: int = 1,
    file_bytes: int = FILE_BYTES,
) -> Export:
    """Write rows as files for COPY, and their manifest when all of them are there.

    Args:
        rows: batches of one schema, at least one of them if it is not a table or a reader.
        target: ``s3://bucket/folder/``, of this export's own.
        encryption: a RootKey (format V1, profile ``redshift``), or ServerSide.
        s3: a boto3 S3 client; None: as boto3 finds it.
        layout: format, compression, NULL.
        slices: files written at a time, all of about one size: a multiple of the cluster's slices loads fastest.
        file_bytes: compressed bytes of a file after which another begins.

    Raises:
        SettingsError: a column or a value that Redshift cannot hold (names column and row), or the folder has an
            export.
        KeyringError, TransferError: nothing of this export is left, and there is no manifest.
    """
    store = store_for(s3_client() if s3 is None else s3, encryption)
    return export_to(
        store, folder(target), rows, keyring_of(encryption), layout=layout, slices=slices, file_bytes=file_bytes
    )


def export_to(
    store: ObjectStore,
    target: Location,
    rows: pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch],
    keyring: Keyring | None,
    *,
    layout: CopyLayout,
    slices: int = 1,
    file_bytes: int = FILE_BYTES,
) -> Export:
    """As export, on the storage port."""
    schema, batches = _batches(rows)
    check_free(store, target)
    job = uuid.uuid4().hex
    files = DataFiles(
        store,
        keyring,
        schema,
        layout,
        lambda count: file_place(target, job, 0, 0, count, layout.ending),
        slices=slices,
        file_bytes=file_bytes,
    )
    try:
        for batch in batches:
            files.write(batch)
        staged = files.finish(at_least_one=True)
    except BaseException:
        files.abort()
        take_back(store, target, job)
        raise
    return exported(publish(store, target, job, staged), schema.names, layout)


def _batches(
    rows: pa.Table | pa.RecordBatchReader | Iterable[pa.RecordBatch],
) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    if isinstance(rows, pa.Table):
        return rows.schema, rows.to_batches()
    if isinstance(rows, pa.RecordBatch):
        return rows.schema, [rows]
    if isinstance(rows, pa.RecordBatchReader):
        return rows.schema, rows
    found = iter(rows)
    first = next(found, None)
    if first is None:
        raise ValueError("rows without a batch have no schema: give a table or a RecordBatchReader")
    return first.schema, _chained(first, found)


def _chained(first: pa.RecordBatch, others: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    yield first
    yield from others
