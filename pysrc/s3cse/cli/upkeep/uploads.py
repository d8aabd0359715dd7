"""``s3cse uploads``: the multipart uploads that nobody completed, which no listing of objects shows and S3 bills."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Annotated

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.durations import parse_duration
from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.upkeep.unfinished import Extent, Unfinished, chosen, extent_of, find_unfinished
from s3cse.cli.upkeep.uploads_report import print_json, print_table
from s3cse.errors import SettingsError, TransferError
from s3cse.parquet.file_names import is_job
from s3cse.storage.port import Location, ObjectStore

command = typer.Typer(
    help="Multipart uploads that were never completed: invisible as objects, but paid for.",
    no_args_is_help=True,
    add_completion=False,
)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="s3://bucket/folder/ or one object's address.")]
JobId = Annotated[str | None, typer.Option("--job", metavar="ID", help="Only uploads of the job with this id.")]


@command.command("ls")
@with_flags("uploads ls")
def list_command(
    address: Address,
    flags: Flags,
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Only uploads older than this, like 90s, 12h or 1d.")
    ] = "0s",
    job: JobId = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="Count parts and bytes too: a request or more per upload.")
    ] = False,
) -> None:
    """List unfinished uploads, oldest first: what was started when, and by which job."""
    store, found = _look(address, older_than, job, flags)
    extents = {row.upload.upload_id: extent_of(store, row.upload) for row in found} if parts else {}
    _show(found, extents, as_json=flags.as_json)


@command.command("abort")
@with_flags("uploads abort")
def abort_command(
    address: Address,
    flags: Flags,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="AGE",
            help="Only uploads older than this, like 12h or 1d: choose it longer than any job that may be at work.",
        ),
    ],
    job: JobId = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be aborted, and abort nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Abort unfinished uploads: their parts are gone for good, and the writer that still sends some will fail."""
    store, found = _look(address, older_than, job, flags)
    asks = bool(found) and not (yes or dry_run)
    if asks and not on_terminal():
        raise SettingsError("there is no terminal to ask on", fix="give --yes, or --dry-run to see what would go")
    _show(found, {}, as_json=flags.as_json)
    if dry_run or not found:
        return
    if asks and not typer.confirm(f"Abort {_uploads(len(found))}?", err=True):
        typer.echo("nothing was aborted", err=True)
        raise typer.Exit(outcome.FAILED)
    _abort(store, found)


def _look(address: str, older_than: str, job: str | None, flags: Flags) -> tuple[ObjectStore, list[Unfinished]]:
    """Return the store and the uploads that a command is about.

    Raises:
        SettingsError: a wrong address, age, job id or endpoint; no request was sent.
        TransferError: S3 refused.
    """
    place, age = Location.parse(address), parse_duration(older_than)
    if job is not None and not is_job(job):
        raise SettingsError(
            "not a job's id", found=repr(job), expected="32 hexadecimal digits, as in the names of the job's files"
        )
    store = flags.store(place)
    return store, chosen(find_unfinished(store, place, datetime.now(timezone.utc)), age, job)


def _show(found: Sequence[Unfinished], extents: dict[str, Extent | None], *, as_json: bool) -> None:
    if as_json:
        print_json(found, extents)
    elif found:
        print_table(found, extents)
    else:
        typer.echo("no unfinished uploads", err=True)


def _abort(store: ObjectStore, found: Sequence[Unfinished]) -> None:
    """Abort one after the other; what S3 refuses is named and does not keep the others.

    Raises:
        typer.Exit: 1, where something was refused.
    """
    refused = 0
    for row in found:
        try:
            store.abort_upload(row.upload.location, row.upload.upload_id)
        except TransferError as error:
            refused += 1
            outcome.complain("uploads abort", error)
    typer.echo(f"aborted {_uploads(len(found) - refused)}" + (f", {refused} refused" if refused else ""), err=True)
    if refused:
        raise typer.Exit(outcome.FAILED)


def _uploads(count: int) -> str:
    return "1 upload" if count == 1 else f"{count} uploads"


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()
