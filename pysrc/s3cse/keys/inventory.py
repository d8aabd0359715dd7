"""The inventory: which object is under which key, as a stream of Arrow batches, in bounded memory.

    inspection = Inspection(store=S3Store(boto3.client("s3")))
    table = read_all(inventory(Prefix(inspection.store, Location.parse("s3://lake/flights/")), inspection))

Objects are looked at by several threads; the rows come in the order of the listing. Long inventories are written with
:mod:`s3cse.keys.parts`, which goes on where it was broken off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.errors import SettingsError
from s3cse.keys.found import Found, Source
from s3cse.keys.inspection import Inspection
from s3cse.keys.parallel import in_order
from s3cse.keys.row import SCHEMA, Row, to_batch

#: Threads that look at objects, of the inventory's own: a connection each, which waits most of the time. The process's
#: pool is for pieces of single objects, and work in it must not wait for work in it.
PARALLEL = 16
#: Objects that a thread takes at once; handing each over by itself costs as much as its row.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class InventoryBatch:
    """The rows of one page of the listing; ``token`` goes on behind it (None: that was the last one)."""

    rows: pa.RecordBatch
    token: str | None


def inventory(source: Source, inspection: Inspection, token: str | None = None) -> Iterator[InventoryBatch]:
    """Look at all objects of a source.

    Args:
        token: of the last batch that is known already: goes on behind it.

    Raises:
        TransferError: S3 did not list; what it refuses of one object is in the object's row.
    """
    listed: deque[tuple[int, str | None]] = deque()
    rows: list[Row] = []
    with closing(in_order(partial(_look, inspection), _listed(source, token, listed), PARALLEL)) as results:
        for some in results:
            # Pages without objects have nothing that would come from a thread.
            while not listed[0][0]:
                yield InventoryBatch(to_batch([]), listed.popleft()[1])
            rows += some
            if len(rows) == listed[0][0]:
                yield InventoryBatch(to_batch(rows), listed.popleft()[1])
                rows = []
    for _, after in listed:
        yield InventoryBatch(to_batch([]), after)


def inspect_objects(objects: Sequence[Found], inspection: Inspection) -> pa.RecordBatch:
    """Look at objects, several at once; one row each, in their order."""
    with closing(in_order(partial(_look, inspection), _pieces(objects), PARALLEL)) as results:
        return to_batch([row for some in results for row in some])


def _listed(source: Source, token: str | None, listed: deque[tuple[int, str | None]]) -> Iterator[Sequence[Found]]:
    """Yield some objects of a page at a time; ``listed`` learns a page's length and token before its first."""
    for page in source.pages(token):
        listed.append((len(page.objects), page.token))
        yield from _pieces(page.objects)


def _pieces(objects: Sequence[Found]) -> Iterator[Sequence[Found]]:
    for at in range(0, len(objects), _AT_ONCE):
        yield objects[at : at + _AT_ONCE]


def _look(inspection: Inspection, objects: Sequence[Found]) -> list[Row]:
    return [inspection.row(found) for found in objects]


def read_all(batches: Iterable[InventoryBatch]) -> pa.Table:
    """Return an inventory as one table: for what fits in memory (about 1 kB per object)."""
    return pa.Table.from_batches([batch.rows for batch in batches], SCHEMA)


def write_parquet(batches: Iterable[InventoryBatch], path: str) -> int:
    """Write an inventory to a local Parquet file and return its number of rows; a batch is in memory at a time."""
    count = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.rows)
            count += batch.rows.num_rows
    return count


def checked(table: pa.Table) -> pa.Table:
    """Return a table that was read from somewhere as an inventory.

    Raises:
        SettingsError: it is none.
    """
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise SettingsError(
            "this is no inventory",
            found=f"no column {', '.join(missing[:3])}",
            expected="what s3cse keys ls --output wrote",
            fix="make it anew",
        )
    return table.select(SCHEMA.names).cast(SCHEMA)
