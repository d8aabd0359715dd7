"""``s3cse rm``: objects, and the instruction files that belong to them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated

import typer

from s3cse.cli.copies.filters import Exclude, Filters, Include, InOrder, filters_of
from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.interface.progress import progress
from s3cse.cli.work.entries import stored_objects
from s3cse.cli.work.places import folder_of
from s3cse.cli.work.remote import Remote, open_remote
from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.errors import SettingsError, printable
from s3cse.storage.port import Location

#: DeleteObjects takes no more.
_AT_ONCE = 1000

command = typer.Typer(add_completion=False)


@command.command(cls=InOrder)
@with_flags("rm", long=True)
def rm(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="s3://bucket/key, or a folder with --recursive.")],
    flags: Flags,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Everything in the folder and below.")] = False,
    include: Include = None,
    exclude: Exclude = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be deleted, and delete nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="On a terminal: do not ask.")] = False,
) -> None:
    """Delete an object and its instruction file, or with --recursive everything in a folder. Needs no key.

    On a terminal --recursive asks first. Ends with 1 where S3 refused something; the others are deleted.
    """
    place = Location.parse(address)
    remote = open_remote(flags, place, key=False)
    if not recursive:
        if not place.key or place.key.endswith("/"):
            raise SettingsError("this is a folder", found=place.uri, fix="give --recursive for everything in it")
        if not dry_run:
            remote.client.delete_object(Bucket=place.bucket, Key=place.key)
        _say(place, flags, dry_run)
        return
    filters = filters_of(ctx, include, exclude)
    if not (yes or dry_run) and sys.stdin.isatty():
        typer.confirm(f"Delete everything in {printable(folder_of(place).uri)}?", err=True, abort=True)
    failed = 0
    with progress(flags.quiet or dry_run, of_bytes=False) as meter:
        found = _meant(remote, folder_of(place), filters)
        while batch := list(islice(found, _AT_ONCE)):
            meter.expect(files=len(batch))
            errors = {} if dry_run else _delete(remote, batch)
            for each in batch:
                if each.key in errors:
                    failed += 1
                    outcome.say(f"rm: {printable(each.uri)}: {errors[each.key]}")
                else:
                    _say(each, flags, dry_run)
            meter.done(len(batch))
    if failed:
        raise typer.Exit(outcome.FAILED)


def _meant(remote: Remote, folder: Location, filters: Filters) -> Iterator[Location]:
    """Yield what is to go; an instruction file is meant where its object is."""
    for entry in stored_objects(remote.store, folder):
        if filters.take(entry.relative.removesuffix(INSTRUCTION_SUFFIX)) and isinstance(entry.place, Location):
            yield entry.place


def _delete(remote: Remote, batch: Sequence[Location]) -> dict[str, str]:
    """Delete these objects, whose instruction files are among them; return the reason of each that is not deleted."""
    rows = [{"Key": place.key} for place in batch]
    answer = remote.store.ask(
        batch[0],
        "delete_objects",
        "delete",
        Bucket=batch[0].bucket,
        Delete={"Objects": rows, "Quiet": True},
    )
    return {
        row["Key"]: f"{row.get('Code')}: {row.get('Message') or ''}".rstrip(": ") for row in answer.get("Errors", ())
    }


def _say(place: Location, flags: Flags, dry_run: bool) -> None:
    if flags.as_json:
        typer.echo(json.dumps({"action": "delete", "uri": place.uri, "dry_run": dry_run}))
    elif not flags.quiet:
        typer.echo(("(dry run) " if dry_run else "") + f"delete: {printable(place.uri)}")
