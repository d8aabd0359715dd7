"""Partitions of a table in the catalog: the ones that are missing are added, a hundred per request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from s3cse.errors import SettingsError, TransferError
from s3cse.services.athena.definition import Partition
from s3cse.services.athena.names import TableName
from s3cse.services.glue.catalog import folder_of
from s3cse.services.glue.client import translated

#: What BatchGetPartition and BatchCreatePartition take.
_PER_LOOK, _PER_ADDITION = 1000, 100
_LOOKS = 10
_THERE = "AlreadyExistsException"


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
        for _ in range(_LOOKS):
            with translated("look up partitions of", name):
                answer = glue.batch_get_partition(
                    DatabaseName=name.database, TableName=name.table, PartitionsToGet=wanted
                )
            for row in answer.get("Partitions", ()):
                yield tuple(row["Values"]), str(row.get("StorageDescriptor", {}).get("Location", ""))
            wanted = answer.get("UnprocessedKeys") or []
            if not wanted:
                break
        else:
            raise TransferError(f"Glue did not look up all partitions of {name}", fix="try again later")


def add_partitions(
    glue: Any, name: TableName, partitions: Sequence[Partition], storage: Callable[[str], Mapping[str, Any]]
) -> int:
    """Add partitions and return how many; one that somebody else added meanwhile is no error.

    Args:
        storage: makes the storage descriptor of a location.

    Raises:
        TransferError: Glue refused one; those of earlier requests are there.
    """
    added = 0
    for at in range(0, len(partitions), _PER_ADDITION):
        some = partitions[at : at + _PER_ADDITION]
        rows = [{"Values": list(each.values), "StorageDescriptor": storage(each.location)} for each in some]
        with translated("add partitions to", name):
            answer = glue.batch_create_partition(
                DatabaseName=name.database, TableName=name.table, PartitionInputList=rows
            )
        errors = answer.get("Errors", ())
        for error in errors:
            detail = error.get("ErrorDetail", {})
            if detail.get("ErrorCode") != _THERE:
                raise TransferError(
                    f"Glue did not add a partition to {name}",
                    found=f"{'/'.join(error.get('PartitionValues', ()))}: {detail.get('ErrorCode')}: "
                    f"{detail.get('ErrorMessage') or ''}".rstrip(": "),
                    fix="register again: what is there already stays",
                    code=detail.get("ErrorCode"),
                )
        added += len(some) - len(errors)
    return added
