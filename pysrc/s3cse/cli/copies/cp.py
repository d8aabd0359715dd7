"""``s3cse cp`` and ``s3cse mv``: files into S3 and back, objects within it; encrypted on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from s3cse.cli.copies.copying import Wishes
from s3cse.cli.copies.ends import Ends, open_ends
from s3cse.cli.copies.filters import Exclude, Filters, Include, InOrder, filters_of
from s3cse.cli.copies.new_objects import ContentType, Metadata, NoGuess, Sse, SseKey, StorageClass, parameters
from s3cse.cli.copies.transfer_run import Report, run
from s3cse.cli.copies.transfers import Transfer, check_ends, one, source_entries, towards
from s3cse.cli.interface.flags import Flags, Target, with_flags
from s3cse.cli.interface.progress import progress
from s3cse.cli.work.crew import OBJECTS_AT_ONCE, Parallel, Stop
from s3cse.cli.work.entries import local_file
from s3cse.cli.work.places import PIPE, Place, in_s3, object_name, opened, parse_place
from s3cse.cli.work.stdout import send
from s3cse.errors import SettingsError, TransferError, printable
from s3cse.storage.port import Location

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A path, s3://bucket/key, or - for standard input.")]
Destination = Annotated[str, typer.Argument(metavar="TARGET", help="A path, s3://bucket/key, or -.")]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Everything in the folder and below.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
NoClobber = Annotated[bool, typer.Option("--no-clobber", help="Leave what is there already.")]
Recrypt = Annotated[
    bool,
    typer.Option("--recrypt", help="From S3 to S3: decrypt and encrypt anew also what S3 could copy as it is."),
]
NoLinks = Annotated[bool, typer.Option("--no-follow-symlinks", help="Leave out symbolic links.")]

command = typer.Typer(add_completion=False)
move = typer.Typer(add_completion=False)


@command.command(cls=InOrder)
@with_flags("cp", reads=True, writes=True, long=True)
def cp(
    ctx: typer.Context,
    source: Source,
    target: Destination,
    flags: Flags,
    recursive: Recursive = False,
    include: Include = None,
    exclude: Exclude = None,
    no_clobber: NoClobber = False,
    dry_run: DryRun = False,
    recrypt: Recrypt = False,
    no_follow_symlinks: NoLinks = False,
    parallel: Parallel = OBJECTS_AT_ONCE,
    to: Target = None,
    content_type: ContentType = None,
    no_guess_mime_type: NoGuess = False,
    metadata: Metadata = None,
    storage_class: StorageClass = None,
    sse: Sse = None,
    sse_kms_key_id: SseKey = None,
) -> None:
    """Copy a file or an object, or with --recursive everything in a folder; what goes to S3 is encrypted.

    A local file appears when all of it has verified, and an object when all of it is there. From S3 to S3 the server
    copies ciphertext and envelope where key and format stay as they are. Ends with 1 where something failed.
    """
    wishes = Wishes(
        replace=not no_clobber,
        guess_type=not no_guess_mime_type,
        parameters=parameters(content_type, metadata, storage_class, sse, sse_kms_key_id),
    )
    begin, end = parse_place(source), parse_place(target)
    check_ends(begin, end, recursive=recursive)
    ends = open_ends(flags, begin, end, to, recrypt=recrypt)
    report = Report("cp", flags, dry_run)
    if PIPE in (begin, end):
        _through_pipe(ends, begin, end, wishes, report)
    else:
        filters = filters_of(ctx, include, exclude)
        _copy(ends, begin, end, wishes, report, filters, recursive, not no_follow_symlinks, parallel)
    report.end()


@move.command(cls=InOrder)
@with_flags("mv", reads=True, writes=True, long=True)
def mv(
    ctx: typer.Context,
    source: Source,
    target: Destination,
    flags: Flags,
    recursive: Recursive = False,
    include: Include = None,
    exclude: Exclude = None,
    no_clobber: NoClobber = False,
    dry_run: DryRun = False,
    recrypt: Recrypt = False,
    no_follow_symlinks: NoLinks = False,
    parallel: Parallel = OBJECTS_AT_ONCE,
    to: Target = None,
) -> None:
    """Move a file or an object, or with --recursive everything in a folder: copy, then delete the source.

    Nothing is deleted that has not arrived; an object's instruction file goes with it.
    """
    begin, end = parse_place(source), parse_place(target)
    check_ends(begin, end, recursive=recursive)
    if PIPE in (begin, end):
        raise SettingsError("a pipe cannot be moved", found="-", fix="use cp")
    ends = open_ends(flags, begin, end, to, recrypt=recrypt)
    report = Report("mv", flags, dry_run, verb="move")
    filters = filters_of(ctx, include, exclude)
    delete = _deleting(ends)
    _copy(
        ends, begin, end, Wishes(not no_clobber), report, filters, recursive, not no_follow_symlinks, parallel, delete
    )
    report.end()


def _copy(
    ends: Ends,
    source: Place,
    target: Place,
    wishes: Wishes,
    report: Report,
    filters: Filters,
    recursive: bool,
    follow_links: bool,
    at_once: int,
    afterwards: Callable[[Transfer], None] | None = None,
) -> None:
    if recursive:
        found = source_entries(source, ends.source_store, filters, report.complain, follow_links=follow_links)
        transfers = (towards(entry, target) for entry in found)
    else:
        single = one(source, target, ends.source_store)
        if single.entry.place == single.target:
            raise SettingsError("source and target are the same", found=str(single.target), expected="two places")
        transfers = (each for each in (single,))
    with progress(report.flags.quiet or report.dry_run) as meter:
        stop = Stop(meter)
        run(transfers, ends.copier(wishes, stop), report, stop, at_once=at_once, afterwards=afterwards)


def _deleting(ends: Ends) -> Callable[[Transfer], None]:
    def delete(transfer: Transfer) -> None:
        place = transfer.entry.place
        if isinstance(place, Path):
            if local_file(place) != replace(transfer.entry, relative=place.name):
                raise TransferError(
                    f"{printable(str(place))} was changed after it was copied, so it stays", fix="move it again"
                )
            place.unlink()
        elif ends.source is not None:
            ends.source.client.delete_object(Bucket=place.bucket, Key=place.key)

    return delete


def _through_pipe(ends: Ends, source: Place, target: Place, wishes: Wishes, report: Report) -> None:
    if isinstance(source, Location):
        send(opened(ends.source).client, source)
        return
    place, client = in_s3(target), opened(ends.target).client
    object_name(place)
    if report.dry_run:
        typer.echo(f"(dry run) upload: - to {place.uri}")
        return
    with progress(report.flags.quiet) as meter:
        meter.expect(files=1)
        condition = {} if wishes.replace else {"IfNoneMatch": "*"}
        client.upload_fileobj(
            sys.stdin.buffer,
            place.bucket,
            place.key,
            ExtraArgs={**wishes.parameters, **condition},
            Callback=meter.advance,
        )
        report.done += 1
