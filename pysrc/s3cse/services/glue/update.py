"""What becomes of a table that the catalog has already: what is new is added, what contradicts is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3cse.errors import SettingsError
from s3cse.services.athena.definition import TableDefinition
from s3cse.services.athena.encryption import PROPERTIES
from s3cse.services.glue.catalog import CatalogTable, glue_columns, storage_of, table_input

#: What GetTable says and UpdateTable takes; the rest is Glue's own.
_KEPT = (
    "Name",
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "TableType",
    "Parameters",
    "TargetTable",
)
_PROJECTION = ("projection.", "storage.location.template")


def updated_input(known: CatalogTable, definition: TableDefinition, *, replace: bool) -> dict[str, Any] | None:
    """Return what UpdateTable is to be told; None where the table is as it should be.

    Columns that are new come after those that are there; description, owner and other properties stay.

    Args:
        replace: columns, key and projection become the definition's, in place of an error where they contradict.

    Raises:
        SettingsError: the table is elsewhere, is no Parquet table, is partitioned otherwise, or says another key or
            another type of a column.
    """
    _refuse_another_table(known, definition)
    if not replace:
        _refuse_other_key(known, definition)
        _refuse_other_types(known, definition)
    before = {name: known.described[name] for name in _KEPT if name in known.described}
    wanted = table_input(definition)
    columns = wanted["StorageDescriptor"]["Columns"]
    if not replace:
        columns = _columns(known, definition)
    storage = {**before.get("StorageDescriptor", {}), "Columns": columns}
    after = {**before, "StorageDescriptor": storage, "Parameters": _parameters(known, definition, replace=replace)}
    return None if after == before else after


def _refuse_another_table(known: CatalogTable, definition: TableDefinition) -> None:
    if not known.parquet:
        raise SettingsError(
            f"{known.name} is in the catalog, and is no table of Parquet files",
            found=known.properties.get("table_type") or str(known.described.get("TableType")),
            fix="choose another name",
        )
    if known.location != definition.location:
        raise SettingsError(
            f"{known.name} is in the catalog at another location",
            found=known.location,
            expected=definition.location,
            fix="choose another name, or drop the table in the catalog first (its files stay)",
        )
    wanted = {column.name: column.type for column in definition.partition_columns}
    if list(known.partition_columns.items()) != list(wanted.items()):
        raise SettingsError(
            f"{known.name} is in the catalog with other partition columns",
            found=_listed(known.partition_columns),
            expected=_listed(wanted),
            fix="give the types that the catalog has, or drop the table in the catalog first (its files stay)",
        )


def _refuse_other_key(known: CatalogTable, definition: TableDefinition) -> None:
    encryption = known.encryption
    if encryption is not None and encryption != definition.encryption:
        raise SettingsError(
            f"{known.name} is in the catalog with another key or mode of encryption",
            found=str(encryption),
            expected=str(definition.encryption),
            fix="Athena opens all files of a table with one key: write with that key, or rotate the old files to the "
            "new one and register with replace",
        )


def _refuse_other_types(known: CatalogTable, definition: TableDefinition) -> None:
    wanted = {column.name: column.type for column in definition.columns}
    other = [name for name, found in known.columns.items() if name in wanted and wanted[name] != found]
    if other:
        raise SettingsError(
            f"{known.name} is in the catalog with other types",
            found=_listed({name: known.columns[name] for name in other}),
            expected=_listed({name: wanted[name] for name in other}),
            fix="cast the columns, or register with replace if all files have the new types",
        )


def _columns(known: CatalogTable, definition: TableDefinition) -> list[Mapping[str, Any]]:
    before = known.described.get("StorageDescriptor", {}).get("Columns", [])
    return [*before, *(new for new in glue_columns(definition.columns) if new["Name"] not in known.columns)]


def _parameters(known: CatalogTable, definition: TableDefinition, *, replace: bool) -> dict[str, str]:
    stale = PROPERTIES if replace else ()
    drops = _PROJECTION if replace or definition.projection else ()
    kept = {
        name: value
        for name, value in known.properties.items()
        if name not in stale and not name.startswith(tuple(drops))
    }
    return {**kept, **definition.properties}


def _listed(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {found}" for name, found in columns.items()) or "none"


def partition_storage(known: CatalogTable | None, definition: TableDefinition, location: str) -> dict[str, Any]:
    """Return the storage descriptor of a partition: the columns of the table as it is now, at the partition's place."""
    columns = glue_columns(definition.columns) if known is None else _columns(known, definition)
    return storage_of(location, columns)
