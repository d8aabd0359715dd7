"""The layout of partitioned tables: from object names to data files with partition values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from s3cse.errors import SettingsError
from s3cse.parquet.hive_names import NULL_PARTITION, partition_path, unescape_name
from s3cse.parquet.hive_types import infer_column, typed_value

__all__ = ["NULL_PARTITION", "PartitionedFile", "PartitionedTable", "discover", "is_hidden", "partition_path"]

_FOLDER_MARKERS = ("/", "_$folder$")


@dataclass(frozen=True, slots=True)
class PartitionedFile:
    """A data file by its name below the table, with one Python value per partition column."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """The data files of a table and its partition columns, outermost first, all nullable."""

    files: tuple[PartitionedFile, ...]
    schema: pa.Schema


def is_hidden(name: str) -> bool:
    """Whether Spark skips a name below a table: any segment starts with ``.``, or with ``_`` and has no ``=``."""
    return any(
        segment.startswith(".") or (segment.startswith("_") and "=" not in segment) or segment.endswith("._COPYING_")
        for segment in name.split("/")
    )


def _is_data(name: str) -> bool:
    return not name.endswith(_FOLDER_MARKERS) and not is_hidden(name)


def _folder(segment: str, name: str, table: str) -> tuple[str, str]:
    """Split ``name=value``; the name is unescaped, the value is not."""
    column, equals, raw = segment.partition("=")
    if not equals or not column or not raw:
        raise SettingsError(
            "a folder of the table is not a partition",
            uri=table,
            found=name,
            expected="folders named column=value only",
            fix="load that folder itself, or move it elsewhere",
        )
    return unescape_name(column), raw


def _folders(name: str, table: str) -> tuple[tuple[str, str], ...]:
    return tuple(_folder(segment, name, table) for segment in name.split("/")[:-1])


def _columns(found: Sequence[tuple[str, tuple[tuple[str, str], ...]]], table: str) -> tuple[str, ...]:
    """Return the partition columns that all files agree on."""
    if not found:
        return ()
    first_name, first_folders = found[0]
    columns = tuple(column for column, _ in first_folders)
    for name, folders in found:
        if tuple(column for column, _ in folders) != columns:
            raise SettingsError(
                "the table's files are partitioned in different ways",
                uri=table,
                found=f"{first_name!r} and {name!r}",
                expected="the same partition columns in the same order for every file",
                fix="load one of the folders, or move what does not belong to the table",
            )
    if len({column.lower() for column in columns}) < len(columns):
        raise SettingsError("a partition column occurs twice", uri=table, found=repr(first_name))
    return columns


def _given(types: pa.Schema | None, column: str) -> Any:
    matches = [field.type for field in types or () if field.name.lower() == column.lower()]
    return matches[0] if len(matches) == 1 else None


def _typed_column(
    column: str, names: Sequence[str], raws: Sequence[str], arrow_type: pa.DataType, table: str
) -> list[Any]:
    known: dict[str, Any] = {}
    for name, raw in zip(names, raws, strict=True):
        if raw in known:
            continue
        try:
            known[raw] = typed_value(raw, arrow_type)
        except ValueError as error:
            raise SettingsError(
                f"a value of partition column {column!r} does not fit the column's type",
                uri=table,
                found=f"{raw!r} in {name!r}",
                expected=str(arrow_type),
                fix="give the column another type, for example string",
            ) from error
    return [known[raw] for raw in raws]


def discover(
    names: Iterable[str], table: str, *, types: pa.Schema | None = None, infer: bool = True
) -> PartitionedTable:
    """Tell the data files of a table and their partition values from object names.

    Skipped are hidden names and the markers that some tools leave for folders. Objects of length 0 are no data files
    either: leave them out of ``names``.

    Args:
        names: keys relative to the table's folder; the empty name is the table itself, where that is one file.
        table: the table's address, for messages.
        types: types of some partition columns, such as a schema the user gave (letter case and other columns ignored).
        infer: tell the other types from the values as Spark does; False keeps them strings.

    Raises:
        SettingsError: a folder that is not ``column=value``, files partitioned in different ways (two are named), or a
            value that does not fit its type.
    """
    data = [name for name in names if _is_data(name)]
    found = [(name, _folders(name, table)) for name in data]
    fields, values = [], []
    for number, column in enumerate(_columns(found, table)):
        raws = [folders[number][1] for _, folders in found]
        arrow_type = _given(types, column) or (infer_column(dict.fromkeys(raws)) if infer else pa.string())
        fields.append(pa.field(column, arrow_type))
        values.append(_typed_column(column, data, raws, arrow_type, table))
    rows = list(zip(*values, strict=True)) if values else [()] * len(data)
    files = tuple(PartitionedFile(name, row) for name, row in zip(data, rows, strict=True))
    return PartitionedTable(files, pa.schema(fields))
