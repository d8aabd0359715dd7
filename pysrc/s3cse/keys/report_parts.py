"""The report of a long run: rows as Parquet files in a folder, each whole when it is there, so that a kill costs a few.

The folder may be on this machine or in S3; anything that reads Parquet reads it as one table.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.errors import SettingsError
from s3cse.storage.port import Location, ObjectStore

if TYPE_CHECKING:
    from typing_extensions import Self

#: Rows of one file: what a kill may lose.
PART_ROWS = 1000


class ReportParts:
    """Collects rows and writes a file for every thousand; the rest when the block is left, also by an error.

    Args:
        folder: a local path, or ``s3://bucket/folder/``; made if it is not there.
        schema: of the rows.
        store: reaches the folder, if it is in S3.

    Raises:
        SettingsError: the folder cannot be made.
    """

    def __init__(self, folder: str, schema: pa.Schema, store: ObjectStore) -> None:
        self._schema = schema
        self._store = store
        self._rows: list[Mapping[str, Any]] = []
        self._count = 0
        self._run = uuid.uuid4().hex[:8]
        self._place = Location.parse(folder) if "://" in folder else None
        self._folder = Path(folder)
        if self._place is None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SettingsError(
                    "the report's folder cannot be made", found=f"{folder}: {error.strerror}"
                ) from error

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row."""
        self._rows.append(row)
        if len(self._rows) >= PART_ROWS:
            self._write()

    def _write(self) -> None:
        if not self._rows:
            return
        name = f"{self._run}-{self._count:05d}.parquet"
        body = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(self._rows, self._schema), body)
        data = body.getvalue().to_pybytes()
        if self._place is not None:
            self._store.put(self._place.child(name), data)
        else:
            beside = self._folder / f".{name}"
            beside.write_bytes(data)
            os.replace(beside, self._folder / name)
        self._rows = []
        self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()
