"""What commands that do something to many objects tell of it: a row per object into the report, a sum at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags
from s3cse.cli.interface.progress import Meter
from s3cse.errors import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from s3cse.keys.report_parts import ReportParts
    from s3cse.storage.port import ObjectStore

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="s3://bucket/folder/ or one object's address.")]
Report = Annotated[
    str | None,
    typer.Option("--report", metavar="FOLDER", help="Folder, here or in S3, for a Parquet table: a row per object."),
]


class ObjectRow(Protocol):
    """What became of one object."""

    outcome: str
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name."""


def report_in(folder: str | None, schema: pa.Schema, store: ObjectStore) -> AbstractContextManager[ReportParts | None]:
    """Return the report to write to, if one is wanted.

    Raises:
        SettingsError: the folder cannot be made.
    """
    from s3cse.keys.report_parts import ReportParts

    return nullcontext() if folder is None else ReportParts(folder, schema, store)


def tell(rows: Iterable[ObjectRow], report: ReportParts | None, meter: Meter, *, as_json: bool) -> Counter[str]:
    """Put rows into the report and count them; print them as JSON, or for people those that failed."""
    counts: Counter[str] = Counter()
    for row in rows:
        meter.done()
        counts[row.outcome] += 1
        if report is not None:
            report.add(row.as_dict())
        if as_json:
            typer.echo(json.dumps(row.as_dict()))
        elif row.error is not None:
            typer.echo(f"{row.outcome}: {printable(row.error)}", err=True)
    return counts


def end(counts: Counter[str], not_done: Sequence[str], flags: Flags) -> None:
    """Print the sum.

    Raises:
        typer.Exit: 1, where something was not done.
    """
    if not flags.as_json:
        shown = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
        typer.echo(shown or "no objects", err=flags.quiet)
    if any(counts[name] for name in not_done):
        raise typer.Exit(outcome.FAILED)
