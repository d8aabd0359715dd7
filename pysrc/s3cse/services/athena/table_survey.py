"""What a table that is there tells of itself: columns from its own encrypted footers, partitions from folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.objects.policy import Policy
from s3cse.parquet.hive_names import NULL_PARTITION, unescape_name
from s3cse.parquet.plan import file_schema
from s3cse.parquet.table import list_table
from s3cse.services.athena.definition import Partition, TableDefinition, define, folder_uri
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.names import TableName
from s3cse.services.athena.projected import unreached
from s3cse.services.athena.projection import Projection
from s3cse.storage.port import Location, ObjectStore

_DEFAULT_POLICY = Policy()


def survey(
    store: ObjectStore,
    keyring: Keyring,
    table: Location,
    name: TableName | str,
    encryption: TableEncryption,
    *,
    policy: Policy = _DEFAULT_POLICY,
    partition_types: pa.Schema | None = None,
    merge: bool = False,
    projection: Mapping[str, Projection] | None = None,
) -> tuple[TableDefinition, tuple[Partition, ...]]:
    """Return the definition of an encrypted table, and its partitions.

    Args:
        table: its folder.
        policy: for the footers that are read; CBC files need ``legacy="allow"``.
        partition_types: of partition columns, where the catalog should have others than their values look like.
        merge: unite the schemas of all files; else the smallest file speaks for all.
        projection: how Athena computes the partitions; None: they are registered.

    Raises:
        SettingsError: no data files, folders that contradict each other or that the projection leaves out, or what
            Athena cannot have.
        S3CSEError: a file does not open.
    """
    listed = list_table(store, table, partition_types)
    stored = file_schema(store, keyring, listed.files, policy, merge=merge)
    split = listed.partition_schema.names
    lower = {column.lower() for column in split}
    columns = [column for column in stored if column.name.lower() not in lower]
    definition = define(
        name,
        pa.schema([*columns, *listed.partition_schema]),
        table,
        encryption,
        partition_columns=split,
        projection=projection,
    )
    partitions = partitions_of(table, (file.location.key for file in listed.files)) if split else ()
    if definition.projection:
        _refuse_unreached(definition, partitions)
    return definition, partitions


def _refuse_unreached(definition: TableDefinition, partitions: Sequence[Partition]) -> None:
    columns = [column.name for column in definition.partition_columns]
    missing = list(unreached(definition.projection, columns, partitions, definition.location))
    if missing:
        raise SettingsError(
            f"the projection leaves out {len(missing)} of the table's folders: no query would see their rows",
            found=missing[0].location,
            expected=", ".join(f"{name}={value}" for name, value in definition.projection.items()),
            fix="widen the projection, or register the partitions one by one",
        )


def partitions_of(table: Location, keys: Iterable[str]) -> tuple[Partition, ...]:
    """Return the partitions that these data files lie in, each once, in order.

    Args:
        keys: of objects in folders ``column=value/…`` below the table.

    Raises:
        SettingsError: two folders are one partition to the catalog, which has one place for each.
    """
    found: dict[tuple[str, ...], Partition] = {}
    for partition in partition_folders(table, keys):
        other = found.setdefault(partition.values, partition)
        if other is not partition:
            raise SettingsError(
                "two folders are one partition, and the catalog has one place for each",
                found=f"{other.location} and {partition.location}",
                expected="one spelling of each value in folders' names",
                fix="move the files of one into the other: Athena would not see them",
            )
    return tuple(found.values())


def partition_folders(table: Location, keys: Iterable[str]) -> tuple[Partition, ...]:
    """Return the folders that these data files lie in, in order, as partitions; as :func:`partitions_of` otherwise."""
    root = folder_uri(table).removeprefix(f"s3://{table.bucket}/")
    folders = sorted({key.removeprefix(root).rpartition("/")[0] for key in keys})
    return tuple(
        Partition(tuple(map(_value, folder.split("/"))), f"{folder_uri(table)}{folder}/") for folder in folders
    )


def _value(folder: str) -> str:
    """Return a folder's value as MSCK REPAIR TABLE would register it."""
    raw = folder.partition("=")[2]
    return raw if raw == NULL_PARTITION else unescape_name(raw)
