"""Folders against the catalog: of a partition that is not registered no query sees the rows, and nothing says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from s3cse.services.athena.definition import Partition
from s3cse.services.athena.findings import Finding
from s3cse.services.athena.projected import is_projected, unreached
from s3cse.services.athena.table_survey import partition_folders
from s3cse.services.glue.catalog import CatalogTable, folder_of
from s3cse.services.glue.partitions import registered
from s3cse.storage.port import Location

_SHOWN = 3


def registered_partitions(glue: Any, table: CatalogTable) -> dict[tuple[str, ...], str]:
    """Return the location of every registered partition by its values: one request per thousand or so.

    Raises:
        TransferError: Glue refused.
    """
    return {
        tuple(row["Values"]): folder_of(str(row.get("StorageDescriptor", {}).get("Location", "")))
        for row in registered(glue, table.name, columns=False)
    }


def partition_findings(glue: Any, table: CatalogTable, files: Sequence[Location]) -> Iterator[Finding]:
    """Yield where the catalog's partitions, registered or projected, are not the table's folders.

    Args:
        files: the table's data files.

    Raises:
        TransferError: Glue refused.
    """
    if not table.partition_columns:
        return
    folders = partition_folders(Location.parse(table.location), (file.key for file in files))
    if is_projected(table.properties):
        yield from _projection_findings(table, folders)
        return
    known = registered_partitions(glue, table)
    there = {each.values: each for each in folders}
    missing = [each for values, each in there.items() if values not in known]
    if missing:
        yield Finding(
            "error",
            "partitions",
            f"{len(missing)} folders are not registered: {_some(missing)}",
            "no query sees their rows: register the table again (jobs/register_table.py)",
        )
    elsewhere = [each for values, each in there.items() if known.get(values, each.location) != each.location]
    if elsewhere:
        yield Finding(
            "error",
            "partitions",
            f"{len(elsewhere)} partitions are registered at another place: {_some(elsewhere)}",
            "drop them in the catalog (their files stay), and register the table again",
        )
    gone = len(known.keys() - there.keys())
    if gone:
        yield Finding(
            "note", "partitions", f"{gone} registered partitions have no files here", "they are empty, or elsewhere"
        )


def _projection_findings(table: CatalogTable, folders: Sequence[Partition]) -> Iterator[Finding]:
    missing = list(unreached(table.properties, list(table.partition_columns), folders, table.location))
    if missing:
        yield Finding(
            "error",
            "partitions",
            f"{len(missing)} folders are not among the projected partitions: {_some(missing)}",
            "no query sees their rows: register with a projection that has them, or without one (--replace)",
        )


def _some(partitions: Sequence[Partition]) -> str:
    shown = ", ".join(each.location for each in partitions[:_SHOWN])
    return shown + (", …" if len(partitions) > _SHOWN else "")
