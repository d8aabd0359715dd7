"""Planning a scan: the table's schema, and which task reads which files or row groups.

The planner opens as little as it can: one file for the schema (all of them with ``merge``), and, where files may be
read in pieces, the tail of each file that is larger than a split. Under ``strict`` a file is authenticated as a whole,
so it goes to one task and only the smallest is opened here.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.parquet.input import WHOLE, ParquetInput, open_parquet, opening_bytes
from s3cse.parquet.scan import FileTask
from s3cse.parquet.splits import SplitFile, pack
from s3cse.parquet.table import DataFile, TableFiles
from s3cse.storage.port import ObjectStore

#: A task that reads less than this mostly pays for being a task.
SMALLEST_SPLIT_BYTES = 4 << 20


def file_schema(
    store: ObjectStore, keyring: Keyring, files: Sequence[DataFile], policy: Policy, *, merge: bool = False
) -> pa.Schema:
    """Return the Arrow schema of the data files, without partition columns.

    Args:
        merge: read every file's schema and unite them; otherwise the smallest file speaks for all.

    Raises:
        SettingsError: the files' schemas do not go together.
    """
    if not merge:
        smallest = min(files, key=lambda file: (file.size, file.location))
        return _open(store, keyring, smallest, policy).schema
    schemas = [_open(store, keyring, file, policy).schema.remove_metadata() for file in files]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise SettingsError("the files' schemas do not go together", found=str(error)) from error


def plan_splits(
    store: ObjectStore,
    keyring: Keyring,
    table: TableFiles,
    policy: Policy,
    split_bytes: int,
    parallelism: int | None = None,
) -> list[list[FileTask]]:
    """Distribute a table's files over tasks of about ``split_bytes`` stored bytes each.

    Args:
        split_bytes: what a task should read at most.
        parallelism: tasks that run at the same time; the number of splits becomes a multiple of it, so that the last
            round keeps all of them busy.

    Returns:
        One list of file tasks per split; every row group of every file in exactly one of them.
    """
    split_bytes = _even(sum(file.size for file in table.files), split_bytes, parallelism)
    candidates = [
        _candidate(store, keyring, index, file, policy, split_bytes) for index, file in enumerate(table.files)
    ]
    return [
        [FileTask(table.files[piece.file], piece.row_groups) for piece in split]
        for split in pack(candidates, split_bytes)
    ]


def _even(total: int, split_bytes: int, parallelism: int | None) -> int:
    """Return a split size, at most the given one, that gives a multiple of ``parallelism`` splits."""
    if not parallelism or not total:
        return split_bytes
    rounds = -(-total // (split_bytes * parallelism))
    return max(-(-total // (rounds * parallelism)), min(split_bytes, SMALLEST_SPLIT_BYTES))


def _candidate(
    store: ObjectStore, keyring: Keyring, index: int, file: DataFile, policy: Policy, split_bytes: int
) -> SplitFile:
    if policy.integrity in WHOLE or file.size <= split_bytes:
        return SplitFile(index, file.size)
    metadata = _open(store, keyring, file, policy).file.metadata
    sizes = [_stored_bytes(metadata.row_group(group)) for group in range(metadata.num_row_groups)]
    return SplitFile(index, file.size, tuple(sizes))


def _stored_bytes(group: pa.parquet.RowGroupMetaData) -> int:
    return sum(group.column(index).total_compressed_size for index in range(group.num_columns))


def _open(store: ObjectStore, keyring: Keyring, file: DataFile, policy: Policy) -> ParquetInput:
    return open_parquet(
        open_object(store, keyring, file.location, policy, tail_bytes=opening_bytes(file.size, policy)), policy
    )
