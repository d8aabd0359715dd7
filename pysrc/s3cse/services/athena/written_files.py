"""The Parquet files that an UNLOAD, CTAS or INSERT wrote: named by Athena's manifest, decrypted, one Arrow table."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import pyarrow as pa

from s3cse.errors import EnvelopeError, SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.parquet import hive
from s3cse.parquet.input import TAIL_BYTES, open_whole
from s3cse.storage.port import Location, ObjectStore


def read_manifest(store: ObjectStore, keyring: Keyring, manifest: Location, policy: Policy) -> list[Location]:
    """Return the files that a manifest lists, one address per line.

    Raises:
        EnvelopeError: it is no list of addresses.
        S3CSEError: it does not open.
    """
    body = bytes(memoryview(read_whole(open_object(store, keyring, manifest, policy))))
    try:
        return [Location.parse(line.strip().strip('"')) for line in body.decode().splitlines() if line.strip()]
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
    names = [f"{file.bucket}/{file.key}".removeprefix(root) for file in files]
    folders = hive.discover(names, f"s3://{root}")
    values = {found.name: found.values for found in folders.files}
    tables = []
    for name, file in zip(names, files, strict=True):
        source = open_whole(open_object(store, keyring, file, policy, tail_bytes=TAIL_BYTES))
        rows = source.file.read()
        for column, value in zip(folders.schema, values.get(name, ()), strict=False):
            rows = rows.append_column(column, pa.repeat(pa.scalar(value, column.type), rows.num_rows))
        tables.append(rows.replace_schema_metadata())
    try:
        return pa.concat_tables(tables, promote_options="default")
    except pa.ArrowException as error:
        raise SettingsError("the files' columns do not go together", found=f"s3://{root}") from error


def _root(names: Sequence[str]) -> str:
    """Return the folder that holds all files and their partition folders, with a slash at its end."""
    common = posixpath.commonpath([posixpath.dirname(name) for name in names])
    segments = common.split("/")
    first = next((number for number, segment in enumerate(segments) if "=" in segment), len(segments))
    return "/".join(segments[:first]) + "/"
