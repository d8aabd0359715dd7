"""What ``s3cse uploads`` prints: a table for people, or JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timezone

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from s3cse.cli.interface.durations import format_duration
from s3cse.cli.upkeep.unfinished import Extent, Unfinished
from s3cse.errors import printable

_NO_LIMIT = 100_000  # columns; what goes into a pipe or a file is never wrapped


def print_json(found: Sequence[Unfinished], extents: Mapping[str, Extent | None]) -> None:
    """Print an object per line; ``parts`` and ``bytes`` are null where they were not counted."""
    for row in found:
        extent = extents.get(row.upload.upload_id)
        typer.echo(
            json.dumps(
                {
                    "uri": row.upload.location.uri,
                    "upload_id": row.upload.upload_id,
                    "initiated": _utc(row),
                    "age_seconds": int(row.age.total_seconds()),
                    "job": row.job,
                    "parts": None if extent is None else extent.parts,
                    "bytes": None if extent is None else extent.stored_bytes,
                }
            )
        )


def print_table(found: Sequence[Unfinished], extents: Mapping[str, Extent | None]) -> None:
    """Print a line per upload; keys are shown without what a terminal would obey."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_LIMIT)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("started (UTC)", "age", *(("parts", "bytes") if extents else ()), "job", "key", "upload id"):
        right = name in ("age", "parts", "bytes")
        table.add_column(name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in found:
        table.add_row(*(Text(cell) for cell in _cells(row, extents)))
    console.print(table)


def _cells(row: Unfinished, extents: Mapping[str, Extent | None]) -> list[str]:
    cells = [_utc(row), format_duration(row.age)]
    if extents:
        extent = extents.get(row.upload.upload_id)
        cells += ["gone", ""] if extent is None else [str(extent.parts), f"{extent.stored_bytes:,}"]
    return [*cells, row.job or "-", printable(row.upload.location.key), printable(row.upload.upload_id)]


def _utc(row: Unfinished) -> str:
    return row.upload.initiated.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
