"""The Parquet files that an UNLOAD, CTAS or INSERT wrote: named by Athena's manifest, decrypted, one Arrow table."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from s3cse.errors import EnvelopeError, SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.parquet import hive
from s3cse.parquet.input import TAIL_BYTES, open_whole, unreadable
from s3cse.storage.port import Location, ObjectStore

_WORKERS = 4
#: A manifest holds addresses only, and is let in plain: the files that it names are not.
_MANIFEST = Policy(legacy="allow", plaintext="pass")


def read_manifest(store: ObjectStore, keyring: Keyring, manifest: Location) -> list[Location]:
    """Return the files that a manifest lists, one address per line.

    Raises:
        EnvelopeError: it is no list of addresses.
        S3CSEError: it does not open.
    """
    body = bytes(memoryview(read_whole(open_object(store, keyring, manifest, _MANIFEST))))
    try:
        # Not splitlines(): a key may hold what Unicode takes for the end of a line.
        lines = [line.rstrip("\r") for line in body.decode().split("\n")]
        return [Location.parse(line.strip('"')) for line in lines if line.strip()]
    except (UnicodeDecodeError, SettingsError) as error:
        raise EnvelopeError(
            "the manifest is no list of S3 addresses", uri=manifest.uri, fix="give the manifest of an UNLOAD or a CTAS"
        ) from error


def read_files(store: ObjectStore, keyring: Keyring, files: Sequence[Location], policy: Policy) -> pa.Table:
    """Return the rows of Parquet files, with the columns of their partition folders.

    Each is fetched whole and, where its format has a tag, verified first.

    Raises:
        EnvelopeError: a file is no Parquet (UNLOAD also writes ORC, JSON, Avro and text).
        SettingsError: the files' columns do not go together.
        S3CSEError: a file does not open.
    """
    if not files:
        return pa.table({})
    root = _root([f"{file.bucket}/{file.key}" for file in files])
    by_name = {f"{file.bucket}/{file.key}".removeprefix(root): file for file in files}
    folders = hive.discover(by_name, f"s3://{root}")
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="s3cse-results") as pool:
        read = pool.map(lambda found: _rows(store, keyring, by_name[found.name], policy), folders.files)
        pairs = zip(folders.files, read, strict=True)
        tables = [_with_folders(rows, folders.schema, found.values) for found, rows in pairs]
    try:
        return pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException as error:
        raise SettingsError("the files' columns do not go together", found=f"s3://{root}") from error


def _rows(store: ObjectStore, keyring: Keyring, file: Location, policy: Policy) -> pa.Table:
    opened = open_object(store, keyring, file, policy, tail_bytes=TAIL_BYTES)
    source = open_whole(opened)
    try:
        return source.file.read(use_threads=False).replace_schema_metadata()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(opened, source.verified, error) from error


def _with_folders(rows: pa.Table, columns: pa.Schema, values: Sequence[Any]) -> pa.Table:
    """Add a file's partition values as columns."""
    for column, value in zip(columns, values, strict=True):
        rows = rows.append_column(column, pa.repeat(pa.scalar(value, column.type), rows.num_rows))
    return rows


def _root(names: Sequence[str]) -> str:
    """Return the folder that holds all files and their partition folders, with a slash at its end."""
    common = posixpath.commonpath([posixpath.dirname(name) for name in names])
    segments = common.split("/")
    first = next((number for number, segment in enumerate(segments) if "=" in segment), len(segments))
    return "/".join(segments[:first]) + "/"
