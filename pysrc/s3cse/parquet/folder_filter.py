"""Which folders of a partitioned table a filter rules out, by their names alone: long tables are not listed there."""

from __future__ import annotations

import pyarrow as pa

from s3cse.parquet.filter.binding import bind
from s3cse.parquet.filter.expression import Expression
from s3cse.parquet.filter.pruning import ColumnStats, may_match
from s3cse.parquet.filter.statistics import partition_stats
from s3cse.parquet.hive_names import unescape_name
from s3cse.parquet.hive_types import typed_value


class FolderFilter:
    """A filter on folders; what it cannot tell it lets pass.

    Args:
        expression: rows for which it is TRUE are wanted.
        columns: at least those of the expression, with their types.

    Raises:
        SettingsError: the expression does not go with the columns.
    """

    def __init__(self, expression: Expression, columns: pa.Schema) -> None:
        self._predicate = bind(expression, columns)
        self._columns = {column.name.lower(): column for column in columns}

    def may_hold_rows(self, folder: str) -> bool:
        """Tell whether wanted rows may be below a folder.

        Args:
            folder: its name relative to the table, ``a=1/b=2/``; deeper folders may be missing.
        """
        known: dict[str, ColumnStats] = {}
        for segment in folder.removesuffix("/").split("/"):
            name, _, raw = segment.partition("=")
            column = self._columns.get(unescape_name(name).lower())
            if column is None:
                continue
            try:
                value = typed_value(raw, column.type)
            except ValueError:
                return True  # the listing is to show it, and the error that follows to name it
            known |= partition_stats(pa.schema([column]), (value,))
        return may_match(self._predicate, known)
