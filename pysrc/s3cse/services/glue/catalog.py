"""Tables as the catalog has them, and as it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from s3cse.errors import SettingsError, TransferError
from s3cse.services.athena.definition import Column, TableDefinition, folder_uri
from s3cse.services.athena.encryption import TableEncryption, encryption_of
from s3cse.services.athena.names import TableName
from s3cse.services.glue.client import translated
from s3cse.storage.port import Location

_PACKAGE = "org.apache.hadoop.hive.ql.io.parquet"
_FORMAT = {
    "InputFormat": f"{_PACKAGE}.MapredParquetInputFormat",
    "OutputFormat": f"{_PACKAGE}.MapredParquetOutputFormat",
}
_SERDE = {
    "SerializationLibrary": f"{_PACKAGE}.serde.ParquetHiveSerDe",
    "Parameters": {"serialization.format": "1"},
}


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as Glue describes it. ``columns`` and ``partition_columns`` are Hive types by name, in order."""

    name: TableName
    location: str
    columns: Mapping[str, str]
    partition_columns: Mapping[str, str]
    properties: Mapping[str, str]
    described: Mapping[str, Any] = field(repr=False)

    @property
    def encryption(self) -> TableEncryption | None:
        """What its properties say; None: nothing of client-side encryption.

        Raises:
            SettingsError: they contradict each other.
        """
        return encryption_of(self.properties, str(self.name))

    @property
    def parquet(self) -> bool:
        """Whether it is a table of Parquet files: not a view, and not one that Iceberg or another format keeps."""
        storage = self.described.get("StorageDescriptor", {})
        return storage.get("InputFormat") == _FORMAT["InputFormat"] and "table_type" not in self.properties


def find_table(glue: Any, name: TableName) -> CatalogTable | None:
    """Return a table of the catalog, None where there is none: one GetTable request.

    Raises:
        TransferError: Glue refused; an unknown database is no error here.
    """
    try:
        with translated("describe", name):
            described = glue.get_table(DatabaseName=name.database, Name=name.table)["Table"]
    except TransferError as error:
        if error.code == "EntityNotFoundException":
            return None
        raise
    storage = described.get("StorageDescriptor", {})
    return CatalogTable(
        name,
        folder_of(storage.get("Location", "")),
        {column["Name"]: column.get("Type", "") for column in storage.get("Columns", ())},
        {column["Name"]: column.get("Type", "") for column in described.get("PartitionKeys", ())},
        described.get("Parameters", {}),
        described,
    )


def require_database(glue: Any, name: TableName) -> None:
    """Refuse a database that is not there: one GetDatabase request.

    Raises:
        SettingsError: it is not there.
        TransferError: Glue refused.
    """
    try:
        with translated("describe", name.database):
            glue.get_database(Name=name.database)
    except TransferError as error:
        if error.code != "EntityNotFoundException":
            raise
        raise SettingsError(
            "the catalog has no such database",
            found=name.database,
            fix=f"create it first: aws glue create-database --database-input Name={name.database}",
        ) from error


def folder_of(uri: str) -> str:
    """Return a location as definitions write it; what is no S3 address stays as it is."""
    try:
        return folder_uri(Location.parse(uri))
    except SettingsError:
        return uri


def storage_of(location: str, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the storage descriptor of a Parquet table or partition."""
    return {
        "Columns": list(columns),
        "Location": location,
        **_FORMAT,
        "SerdeInfo": _SERDE,
        "Compressed": False,
        "NumberOfBuckets": -1,
        "StoredAsSubDirectories": False,
    }


def glue_columns(columns: Sequence[Column]) -> list[dict[str, str]]:
    """Return columns as Glue takes them."""
    return [{"Name": column.name, "Type": column.type} for column in columns]


def table_input(definition: TableDefinition) -> dict[str, Any]:
    """Return what CreateTable wants to know."""
    return {
        "Name": definition.name.table,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **definition.properties},
        "PartitionKeys": glue_columns(definition.partition_columns),
        "StorageDescriptor": storage_of(definition.location, glue_columns(definition.columns)),
    }
