"""Planning a scan: the table's schema, and which task reads which files or row groups.

The planner opens as little as it can: one file for the schema (all of them with ``merge``), and the tail of each file
that is larger than a split. Such a file goes to several tasks where it may be read in pieces: under ``strict`` that
needs its segment index; a file without one is authenticated as a whole, in one task.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.parquet.expected import ANY, Expected
from s3cse.parquet.input import ParquetInput, open_in_ranges, open_parquet, opening_bytes
from s3cse.parquet.scan import FileTask
from s3cse.parquet.splits import SplitFile, pack
from s3cse.parquet.table import DataFile, TableFiles
from s3cse.storage.port import ObjectStore

#: A task that reads less than this mostly pays for being a task.
SMALLEST_SPLIT_BYTES = 4 << 20


def file_schema(
    store: ObjectStore,
    keyring: Keyring | None,
    files: Sequence[DataFile],
    policy: Policy,
    *,
    merge: bool = False,
    expected: Expected = ANY,
) -> pa.Schema:
    """Return the Arrow schema of the data files, without partition columns.

    Args:
        keyring: None under SSE-C.
        merge: read every file's schema and unite them; otherwise the smallest file speaks for all.

    Raises:
        SettingsError: the files' schemas do not go together.
    """
    if not merge:
        smallest = min(files, key=lambda file: (file.size, file.location))
        return _open(store, keyring, smallest, policy, expected).schema
    schemas = [_open(store, keyring, file, policy, expected).schema.remove_metadata() for file in files]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise SettingsError("the files' schemas do not go together", found=str(error)) from error


def plan_splits(
    store: ObjectStore,
    keyring: Keyring | None,
    table: TableFiles,
    policy: Policy,
    split_bytes: int,
    parallelism: int | None = None,
    *,
    cut: bool = True,
    expected: Expected = ANY,
) -> list[list[FileTask]]:
    """Distribute a table's files over tasks of about ``split_bytes`` stored bytes each.

    Args:
        split_bytes: what a task should read at most.
        parallelism: tasks that run at the same time; the number of splits becomes a multiple of it, so that the last
            round keeps all of them busy.
        cut: spread a file that is larger than a split over several; else no file is opened and each stays whole.
        expected: how files are opened.

    Returns:
        One list of file tasks per split; every row group of every file in exactly one of them.
    """
    split_bytes = _even(sum(file.size for file in table.files), split_bytes, parallelism)
    candidates = [
        SplitFile(index, file.size)
        if file.size <= split_bytes or not cut
        else _large(index, file, open_in_ranges(_tail(store, keyring, file, policy, expected), policy))
        for index, file in enumerate(table.files)
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


def _large(index: int, file: DataFile, source: ParquetInput | None) -> SplitFile:
    """Return a file with the sizes of its row groups, where it may be read in pieces."""
    if source is None:
        return SplitFile(index, file.size)
    metadata = source.file.metadata
    sizes = [_stored_bytes(metadata.row_group(group)) for group in range(metadata.num_row_groups)]
    return SplitFile(index, file.size, tuple(sizes))


def _stored_bytes(group: pa.parquet.RowGroupMetaData) -> int:
    return sum(group.column(index).total_compressed_size for index in range(group.num_columns))


def _open(
    store: ObjectStore, keyring: Keyring | None, file: DataFile, policy: Policy, expected: Expected
) -> ParquetInput:
    return open_parquet(_tail(store, keyring, file, policy, expected), policy)


def _tail(
    store: ObjectStore, keyring: Keyring | None, file: DataFile, policy: Policy, expected: Expected
) -> OpenObject:
    return expected.open(store, keyring, file.location, policy, opening_bytes(file.size, policy, whole=False))
