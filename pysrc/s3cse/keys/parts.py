"""A long inventory as a folder of Parquet files, which goes on where it was broken off.

    _inventory.json       how far it is, written after each part
    part-00000.parquet    some pages of the listing

The folder is local, or in S3, plain or encrypted by this package. A part that was written and not yet counted when the
process died is written again, under the same name.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.client import Client
from s3cse.errors import SettingsError, TransferError
from s3cse.keys.inventory import InventoryBatch, checked
from s3cse.keys.row import SCHEMA
from s3cse.storage.port import Location, ObjectStore

#: Rows after which a part is finished at the end of a page: some megabytes of memory, and of work done twice at most.
PART_ROWS = 20_000
STATE = "_inventory.json"


@dataclass(frozen=True, slots=True)
class State:
    """How far an inventory is: of what (``about``), how many parts and rows, where it goes on, whether it is done."""

    about: str
    parts: int = 0
    rows: int = 0
    token: str | None = None
    done: bool = False


class Folder(Protocol):
    """Where parts are kept."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content, None where there is none."""

    def write(self, name: str, body: bytes) -> None:
        """Write a file, whole or not at all."""


class LocalFolder:
    """A folder of this machine; made when something is written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        """See Folder."""
        with suppress(FileNotFoundError):
            return (self._path / name).read_bytes()
        return None

    def write(self, name: str, body: bytes) -> None:
        """See Folder."""
        self._path.mkdir(parents=True, exist_ok=True)
        beside = self._path / f".{name}.unfinished"
        beside.write_bytes(body)
        os.replace(beside, self._path / name)


class StoredFolder:
    """A folder in S3, as it is: whoever can read the bucket reads which contexts and keys there are."""

    def __init__(self, store: ObjectStore, place: Location) -> None:
        self._store = store
        self._place = place

    def read(self, name: str) -> bytes | None:
        """See Folder."""
        location = self._place.child(name)
        stored = self._store.head(location)
        if stored is None:
            return None
        body = bytearray(stored.size)
        self._store.get_into(location, 0, body, stored.etag)
        return bytes(body)

    def write(self, name: str, body: bytes) -> None:
        """See Folder."""
        self._store.put(self._place.child(name), body)


class EncryptedFolder:
    """A folder in S3 whose files a client encrypts."""

    def __init__(self, client: Client, place: Location) -> None:
        self._client = client
        self._place = place

    def read(self, name: str) -> bytes | None:
        """See Folder."""
        location = self._place.child(name)
        try:
            answer = self._client.get_object(Bucket=location.bucket, Key=location.key)
        except TransferError as error:
            if error.status == 404:
                return None
            raise
        return bytes(answer["Body"].read())

    def write(self, name: str, body: bytes) -> None:
        """See Folder."""
        location = self._place.child(name)
        self._client.put_object(Bucket=location.bucket, Key=location.key, Body=body)


def part_name(number: int) -> str:
    """Return the name of a part."""
    return f"part-{number:05}.parquet"


def read_state(folder: Folder) -> State | None:
    """Return how far the inventory in a folder is, None where there is none.

    Raises:
        SettingsError: the file that should say it is none of ours.
    """
    body = folder.read(STATE)
    if body is None:
        return None
    try:
        return State(**json.loads(body))
    except (ValueError, TypeError) as error:
        raise SettingsError(
            f"{STATE} in the inventory's folder is damaged", fix="write the inventory into another folder"
        ) from error


def write_state(folder: Folder, state: State) -> None:
    """Write how far the inventory is."""
    folder.write(STATE, json.dumps(asdict(state), indent=1).encode())


def begin(folder: Folder, about: str) -> State:
    """Return where to begin, or to go on.

    Args:
        about: of what the inventory is, in words that change with everything that changes it.

    Raises:
        SettingsError: the folder has an inventory of something else.
    """
    state = read_state(folder)
    if state is None:
        return State(about)
    if state.about != about:
        raise SettingsError(
            "the folder has an inventory of something else",
            found=state.about,
            expected=about,
            fix="take another folder, or go on with the flags that it was begun with",
        )
    return state


def write_parts(
    folder: Folder,
    about: str,
    batches: Callable[[str | None], Iterator[InventoryBatch]],
    part_rows: int = PART_ROWS,
    progress: Callable[[State], None] = lambda _: None,
) -> State:
    """Write an inventory into a folder, from where it was broken off; nothing is done to one that is finished.

    Args:
        batches: gives the batches behind a token.
        progress: is told after each part.

    Raises:
        SettingsError: as ``begin``.
    """
    state = begin(folder, about)
    waiting: list[pa.RecordBatch] = []
    if state.done:
        return state
    for batch in batches(state.token):
        waiting.append(batch.rows)
        if batch.token is not None and sum(rows.num_rows for rows in waiting) < part_rows:
            continue
        table = pa.Table.from_batches(waiting, SCHEMA)
        waiting = []
        folder.write(part_name(state.parts), to_parquet(table))
        state = State(about, state.parts + 1, state.rows + table.num_rows, batch.token, batch.token is None)
        write_state(folder, state)
        progress(state)
    return state


def to_parquet(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def read_parts(folder: Folder) -> pa.Table:
    """Return the inventory in a folder as one table.

    Raises:
        SettingsError: there is none, it is not finished, or a part is missing: an answer from it would not be whole.
    """
    state = read_state(folder)
    if state is None or not state.done:
        raise SettingsError(
            "the folder has no finished inventory",
            found="none" if state is None else f"{state.rows} rows so far",
            expected="one that was written to its end",
            fix="start it again with the same flags: it goes on where it was broken off",
        )
    tables = []
    for number in range(state.parts):
        body = folder.read(part_name(number))
        if body is None:
            raise SettingsError("a part of the inventory is missing", found=f"no {part_name(number)}")
        tables.append(checked(pq.read_table(pa.BufferReader(body))))
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()
