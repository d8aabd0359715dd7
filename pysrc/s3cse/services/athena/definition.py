"""A table as the catalog will know it: columns in Hive's types, partitions, its folder, the key of its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.services.athena.encryption import PROPERTIES, TableEncryption
from s3cse.services.athena.hive_types import hive_type
from s3cse.services.athena.names import TableName, column_name, refuse_repeated
from s3cse.services.athena.projection import Projection, projection_properties
from s3cse.storage.port import Location

_OWN = ("classification", *PROPERTIES)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in lower case, its type as the catalog and as a statement write it."""

    name: str
    type: str
    ddl_type: str


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: the values as texts, in the order of the partition columns, and its folder, ``s3://…/``.

    A value is the folder's text unescaped, as MSCK REPAIR TABLE would register it; for null
    ``__HIVE_DEFAULT_PARTITION__``.
    """

    values: tuple[str, ...]
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDefinition:
    """Everything that makes a Parquet table of encrypted files known to Athena; made by :func:`define`."""

    name: TableName
    columns: tuple[Column, ...]
    partition_columns: tuple[Column, ...]
    location: str
    encryption: TableEncryption
    projection: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def properties(self) -> dict[str, str]:
        """All table properties."""
        return {"classification": "parquet", **self.encryption.properties, **self.projection, **self.more}


def define(
    name: TableName | str,
    schema: pa.Schema,
    location: Location | str,
    encryption: TableEncryption,
    *,
    partition_columns: Sequence[str] = (),
    projection: Mapping[str, Projection] | None = None,
    properties: Mapping[str, str] | None = None,
) -> TableDefinition:
    """Return the definition of a table.

    Args:
        name: ``database.table``.
        schema: of all columns, those that partition the table included.
        location: the table's folder.
        encryption: the key of its files.
        partition_columns: in the order of the folders.
        projection: how Athena computes the partitions; None: they are registered.
        properties: further table properties.

    Raises:
        SettingsError: a name or type that Athena does not have, columns that differ in case only, a partition column
            that is none of the table's, no column left for the files, or a property that is set otherwise.
    """
    place = Location.parse(location) if isinstance(location, str) else location
    name = TableName.parse(name) if isinstance(name, str) else name
    columns = [_column(found) for found in schema]
    refuse_repeated(schema.names)
    split = [column_name(each) for each in partition_columns]
    by_name = {column.name: column for column in columns}
    missing = [each for each in split if each not in by_name]
    if missing or len(split) == len(columns):
        raise SettingsError(
            "these columns cannot partition the table",
            found=", ".join(split) or "none, and no other column",
            expected=f"some of {', '.join(by_name) or 'no columns'}, and one at least left for the files",
        )
    taken = sorted(set(properties or {}).intersection(_OWN))
    if taken:
        raise SettingsError("these table properties are made from other arguments", found=", ".join(taken))
    uri = folder_uri(place)
    partitions = tuple(by_name[each] for each in split)
    types = {column.name: column.type for column in partitions}
    computed = {column_name(each): how for each, how in (projection or {}).items()}
    return TableDefinition(
        name=name,
        columns=tuple(column for column in columns if column.name not in split),
        partition_columns=partitions,
        location=uri,
        encryption=encryption,
        projection=projection_properties(computed, types, uri, partition_columns),
        more=dict(properties or {}),
    )


def folder_uri(place: Location) -> str:
    """Return a folder's address with exactly one slash at its end."""
    key = place.key.strip("/")
    return f"s3://{place.bucket}/{key}/" if key else f"s3://{place.bucket}/"


def _column(found: pa.Field) -> Column:
    return Column(
        column_name(found.name), hive_type(found.type, found.name), hive_type(found.type, found.name, in_ddl=True)
    )
