"""Partitions of a table in the catalog: looked up, listed, added and updated, as many per request as Glue takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from s3cse.errors import SettingsError, TransferError
from s3cse.services.athena.definition import Partition
from s3cse.services.athena.names import TableName
from s3cse.services.glue.catalog import folder_of
from s3cse.services.glue.client import translated

#: What BatchGetPartition takes, and what BatchCreatePartition and BatchUpdatePartition do.
_PER_LOOK, _PER_CHANGE = 1000, 100
#: So many answers in a row without any partition: Glue does not go on.
_IDLE_LOOKS = 5
_THERE = "AlreadyExistsException"
#: What GetPartitions says and BatchUpdatePartition takes, beside the storage; the rest is Glue's own.
_KEPT = ("Values", "LastAccessTime", "Parameters", "LastAnalyzedTime")
_Row = TypeVar("_Row")


def missing_partitions(glue: Any, name: TableName, partitions: Sequence[Partition]) -> list[Partition]:
    """Return those that the catalog does not have: one request per thousand.

    Raises:
        SettingsError: one is there, at another location.
        TransferError: Glue refused.
    """
    known = dict(_known(glue, name, partitions))
    for partition in partitions:
        found = known.get(partition.values)
        if found is not None and folder_of(found) != partition.location:
            raise SettingsError(
                f"a partition of {name} is in the catalog at another location",
                found=f"{'/'.join(partition.values)} at {found}",
                expected=partition.location,
                fix="drop that partition in the catalog first (its files stay)",
            )
    return [partition for partition in partitions if partition.values not in known]


def _known(glue: Any, name: TableName, partitions: Sequence[Partition]) -> Iterator[tuple[tuple[str, ...], str]]:
    for at in range(0, len(partitions), _PER_LOOK):
        wanted = [{"Values": list(partition.values)} for partition in partitions[at : at + _PER_LOOK]]
        idle = 0
        while wanted:
            with translated("look up partitions of", name):
                answer = glue.batch_get_partition(
                    DatabaseName=name.database, TableName=name.table, PartitionsToGet=wanted
                )
            for row in answer.get("Partitions", ()):
                yield tuple(row["Values"]), str(row.get("StorageDescriptor", {}).get("Location", ""))
            left = answer.get("UnprocessedKeys") or []
            idle = idle + 1 if len(left) >= len(wanted) else 0
            if idle == _IDLE_LOOKS:
                raise TransferError(f"Glue did not look up all partitions of {name}", fix="try again later")
            wanted = left


def add_partitions(
    glue: Any, name: TableName, partitions: Sequence[Partition], storage: Callable[[str], Mapping[str, Any]]
) -> int:
    """Add partitions and return how many; one that somebody else added meanwhile, at the same place, is no error.

    Args:
        storage: makes the storage descriptor of a location.

    Raises:
        SettingsError: somebody else added one meanwhile, at another place.
        TransferError: Glue refused one; those of earlier requests are there.
    """
    added = 0
    for some in _batches(partitions):
        rows = [{"Values": list(each.values), "StorageDescriptor": storage(each.location)} for each in some]
        with translated("add partitions to", name):
            answer = glue.batch_create_partition(
                DatabaseName=name.database, TableName=name.table, PartitionInputList=rows
            )
        errors = answer.get("Errors", ())
        for error in errors:
            if error.get("ErrorDetail", {}).get("ErrorCode") != _THERE:
                raise _refusal("add a partition to", name, error, "register again: what is there already stays")
        there = {tuple(error.get("PartitionValues", ())) for error in errors}
        missing_partitions(glue, name, [each for each in some if each.values in there])
        added += len(some) - len(errors)
    return added


def update_columns(glue: Any, name: TableName, columns: Sequence[Mapping[str, Any]]) -> int:
    """Give every registered partition these columns and return how many had others; all else of them stays.

    Athena compares each partition's types with the table's, and fails where they do not go together.

    Raises:
        TransferError: Glue refused one; those of earlier requests have the columns.
    """
    entries = [_entry(row, columns) for row in registered(glue, name) if _columns_of(row) != list(columns)]
    for some in _batches(entries):
        with translated("update partitions of", name):
            answer = glue.batch_update_partition(DatabaseName=name.database, TableName=name.table, Entries=list(some))
        for error in answer.get("Errors", ()):
            raise _refusal("update a partition of", name, error, "register again with replace")
    return len(entries)


def registered(glue: Any, name: TableName, *, columns: bool = True) -> Iterator[Mapping[str, Any]]:
    """Yield every registered partition as Glue describes it: one request per thousand or so.

    Args:
        columns: with the columns of each.

    Raises:
        TransferError: Glue refused.
    """
    pages = iter(
        glue.get_paginator("get_partitions").paginate(
            DatabaseName=name.database, TableName=name.table, ExcludeColumnSchema=not columns
        )
    )
    while True:
        with translated("list the partitions of", name):
            page = next(pages, None)
        if page is None:
            return
        yield from page["Partitions"]


def _columns_of(row: Mapping[str, Any]) -> list[Any]:
    return list(row.get("StorageDescriptor", {}).get("Columns", ()))


def _entry(row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what BatchUpdatePartition is to be told of a partition."""
    kept = {name: row[name] for name in _KEPT if name in row}
    storage = {**row.get("StorageDescriptor", {}), "Columns": list(columns)}
    return {"PartitionValueList": row["Values"], "PartitionInput": {**kept, "StorageDescriptor": storage}}


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    for at in range(0, len(rows), _PER_CHANGE):
        yield rows[at : at + _PER_CHANGE]


def _refusal(action: str, name: TableName, error: Mapping[str, Any], fix: str) -> TransferError:
    detail = error.get("ErrorDetail", {})
    values = error.get("PartitionValues") or error.get("PartitionValueList") or ()
    return TransferError(
        f"Glue did not {action} {name}",
        found=f"{'/'.join(values)}: {detail.get('ErrorCode')}: {detail.get('ErrorMessage') or ''}".rstrip(": "),
        fix=fix,
        code=detail.get("ErrorCode"),
    )
