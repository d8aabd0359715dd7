"""``s3cse sync``: makes a folder what another one is, and copies only what differs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from s3cse.cli.copies.comparison import Comparison, Rules
from s3cse.cli.copies.copying import Wishes
from s3cse.cli.copies.cp import Destination, DryRun, NoLinks, Source
from s3cse.cli.copies.ends import Ends, open_ends
from s3cse.cli.copies.filters import Exclude, Filters, Include, InOrder, filters_of
from s3cse.cli.copies.new_objects import Metadata, NoGuess, Sse, SseKey, StorageClass, parameters
from s3cse.cli.copies.transfer_run import Report, run, shown
from s3cse.cli.copies.transfers import Transfer, check_ends, source_entries, towards
from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags, Target, with_flags
from s3cse.cli.interface.progress import progress
from s3cse.cli.work.crew import OBJECTS_AT_ONCE, Parallel, Stop, in_parallel
from s3cse.cli.work.entries import Entry
from s3cse.cli.work.places import Place, parse_place
from s3cse.errors import S3CSEError
from s3cse.storage.port import Location

command = typer.Typer(add_completion=False)


@command.command(cls=InOrder)
@with_flags("sync", reads=True, writes=True, long=True)
def sync(
    ctx: typer.Context,
    source: Source,
    target: Destination,
    flags: Flags,
    include: Include = None,
    exclude: Exclude = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what the source does not have.")] = False,
    size_only: Annotated[bool, typer.Option("--size-only", help="Equal sizes are enough; times do not count.")] = False,
    exact_timestamps: Annotated[
        bool, typer.Option("--exact-timestamps", help="Downloads: a file of another time is fetched, older or newer.")
    ] = False,
    checksum: Annotated[
        bool, typer.Option("--checksum", help="Compare all bytes: reads both sides whole, and verifies objects.")
    ] = False,
    dry_run: DryRun = False,
    no_follow_symlinks: NoLinks = False,
    parallel: Parallel = OBJECTS_AT_ONCE,
    to: Target = None,
    no_guess_mime_type: NoGuess = False,
    metadata: Metadata = None,
    storage_class: StorageClass = None,
    sse: Sse = None,
    sse_kms_key_id: SseKey = None,
) -> None:
    """Copy what is new or differs, by the plaintext's size and the time, as the AWS CLI does.

    Sizes come from the listing; a HEAD decides where a stored size does not say which plaintext it is of. Nothing is
    deleted where a part of the source could not be read. Ends with 1 where something failed.
    """
    begin, end = parse_place(source), parse_place(target)
    check_ends(begin, end, recursive=True)
    ends = open_ends(flags, begin, end, to)
    wishes = Wishes(
        guess_type=not no_guess_mime_type,
        parameters=parameters(None, metadata, storage_class, sse, sse_kms_key_id),
    )
    rules = Rules(size_only=size_only, exact_timestamps=exact_timestamps, checksum=checksum)
    report = Report("sync", flags, dry_run)
    filters = filters_of(ctx, include, exclude)
    here = list(source_entries(begin, ends.source_store, filters, report.complain, follow_links=not no_follow_symlinks))
    there = _target_entries(ends, end, filters, report)
    with progress(flags.quiet or dry_run) as meter:
        stop = Stop(meter)
        transfers = _differing(here, there, end, Comparison(ends.source, ends.target, rules), report, stop, parallel)
        run(transfers, ends.copier(wishes, stop), report, stop, at_once=parallel)
    if delete:
        _delete(ends, {entry.relative for entry in here}, there, report)
    report.end()


def _target_entries(ends: Ends, target: Place, filters: Filters, report: Report) -> Mapping[str, Entry]:
    """Return what is there by its path; what filters leave out is neither compared nor deleted."""
    if isinstance(target, str) and not Path(target).exists():
        return {}
    store = None if ends.target is None else ends.target.store
    return {entry.relative: entry for entry in source_entries(target, store, filters, report.complain)}


def _differing(
    here: Iterable[Entry],
    there: Mapping[str, Entry],
    target: Place,
    comparison: Comparison,
    report: Report,
    stop: Stop,
    at_once: int,
) -> Iterator[Transfer]:
    """Yield what is to be copied: first what is missing, then what differs."""
    both = []
    for entry in here:
        if entry.relative in there:
            both.append(entry)
        else:
            yield towards(entry, target)
    work = in_parallel(both, lambda entry: comparison.same(entry, there[entry.relative]), stop, at_once)
    with closing(work) as compared:
        for done in compared:
            if done.error is not None:
                report.say_failed(towards(done.work, target), done.error)
            elif not done.result:
                yield towards(done.work, target)


def _delete(ends: Ends, kept: set[str], there: Mapping[str, Entry], report: Report) -> None:
    surplus = [entry for relative, entry in there.items() if relative not in kept]
    if report.failed and surplus:
        outcome.say("sync: nothing is deleted, because not all went well")
        return
    for entry in surplus:
        if not report.dry_run:
            try:
                _remove(ends, entry)
            except (S3CSEError, OSError) as error:
                report.say_failed(Transfer(entry, None), error)
                continue
        _say_deleted(entry, report)


def _remove(ends: Ends, entry: Entry) -> None:
    if isinstance(entry.place, Location):
        if ends.target is not None:
            ends.target.client.delete_object(Bucket=entry.place.bucket, Key=entry.place.key)
    else:
        entry.place.unlink()


def _say_deleted(entry: Entry, report: Report) -> None:
    if report.flags.as_json:
        row = {"action": "delete", "target": shown(entry.place), "dry_run": report.dry_run}
        typer.echo(json.dumps(row))
    elif not report.flags.quiet:
        typer.echo(("(dry run) " if report.dry_run else "") + f"delete: {shown(entry.place)}")
