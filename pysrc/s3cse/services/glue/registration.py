"""Registering a table with its partitions: safe to repeat, and to do by two writers at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from s3cse.errors import TransferError
from s3cse.services.athena.definition import Partition, TableDefinition
from s3cse.services.athena.names import TableName
from s3cse.services.glue.catalog import CatalogTable, find_table, glue_columns, require_database, table_input
from s3cse.services.glue.client import translated
from s3cse.services.glue.partitions import add_partitions, missing_partitions, update_columns
from s3cse.services.glue.update import partition_storage, updated_input

_ATTEMPTS = 3
_MEANWHILE = ("AlreadyExistsException", "ConcurrentModificationException")


@dataclass(frozen=True, slots=True)
class Registration:
    """What was done: to the table, and how many partitions were added to those that are wanted."""

    name: TableName
    table: Literal["created", "updated", "unchanged"]
    partitions_added: int
    partitions: int

    def __str__(self) -> str:
        return f"{self.name}: {self.table}; {self.partitions_added} of {self.partitions} partitions added"


def check_registration(glue: Any, definition: TableDefinition, *, replace: bool = False) -> None:
    """Refuse now what :func:`register` would refuse later; changes nothing. One or two requests.

    Raises:
        SettingsError, TransferError: as :func:`register`.
    """
    known = find_table(glue, definition.name)
    if known is None:
        require_database(glue, definition.name)
    else:
        updated_input(known, definition, replace=replace)


def register(
    glue: Any,
    definition: TableDefinition,
    partitions: Sequence[Partition] = (),
    *,
    replace: bool = False,
    skip_archive: bool = True,
) -> Registration:
    """Make the catalog know the table and these partitions.

    Args:
        glue: a boto3 Glue client.
        partitions: all or some of the table's; none are registered where the definition projects them.
        replace: where the table is known with other columns, another key or another projection, put the definition's
            in their place; its partitions get the columns too.
        skip_archive: keep no version of the table as it was before.

    Raises:
        SettingsError: no such database, or the catalog knows something else under this name: at another location,
            under another key, with other types or partition columns.
        TransferError: Glue refused.
    """
    known, done = _put_table(glue, definition, replace=replace, skip_archive=skip_archive)
    wanted = () if definition.projection else tuple(partitions)
    missing = missing_partitions(glue, definition.name, wanted)
    columns_of = None if replace else known
    if replace and known is not None and definition.partition_columns:
        update_columns(glue, definition.name, glue_columns(definition.columns))
    added = add_partitions(
        glue, definition.name, missing, lambda place: partition_storage(columns_of, definition, place)
    )
    return Registration(definition.name, done, added, len(wanted))


def _put_table(
    glue: Any, definition: TableDefinition, *, replace: bool, skip_archive: bool
) -> tuple[CatalogTable | None, Literal["created", "updated", "unchanged"]]:
    """Create or update the table; another writer's change in between is looked at again."""
    for attempt in range(_ATTEMPTS):
        try:
            known = find_table(glue, definition.name)
            if known is None:
                _create(glue, definition)
                return None, "created"
            wanted = updated_input(known, definition, replace=replace)
            if wanted is None:
                return known, "unchanged"
            _update(glue, known, wanted, skip_archive=skip_archive)
            return known, "updated"
        except TransferError as error:
            if error.code not in _MEANWHILE or attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _create(glue: Any, definition: TableDefinition) -> None:
    require_database(glue, definition.name)
    with translated("create", definition.name):
        glue.create_table(DatabaseName=definition.name.database, TableInput=table_input(definition))


def _update(glue: Any, known: CatalogTable, wanted: dict[str, Any], *, skip_archive: bool) -> None:
    version = known.described.get("VersionId")
    with translated("update", known.name):
        glue.update_table(
            DatabaseName=known.name.database,
            TableInput=wanted,
            SkipArchive=skip_archive,
            # Refused where somebody changed the table since it was looked at.
            **({} if version is None else {"VersionId": version}),
        )
