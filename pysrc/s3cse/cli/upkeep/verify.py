"""``s3cse verify``: does every byte of these objects verify?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.interface.progress import progress
from s3cse.cli.interface.spelling import told
from s3cse.cli.upkeep.verification import DAMAGED, HIDDEN, UNAUTHENTICATED, UNOPENED, VERIFIED, Verdict, Verifier
from s3cse.cli.work.crew import OBJECTS_AT_ONCE, Parallel, Stop, in_parallel
from s3cse.cli.work.entries import Entry, is_folder_mark, is_instruction_file, stored_objects
from s3cse.cli.work.places import folder_of, in_s3
from s3cse.cli.work.remote import Remote, open_remote
from s3cse.envelope.profiles import SSE_C
from s3cse.errors import SettingsError, printable
from s3cse.storage.port import Location

_ORDER = (VERIFIED, UNAUTHENTICATED, DAMAGED, UNOPENED)

command = typer.Typer(add_completion=False)


@command.command()
@with_flags("verify", reads=True, long=True)
def verify(
    address: Annotated[
        list[str], typer.Argument(metavar="ADDRESS…", help="s3://bucket/key, or a folder: a table, all below it.")
    ],
    flags: Flags,
    show_all: Annotated[bool, typer.Option("--all", help="A line for what verified, too.")] = False,
    parallel: Parallel = OBJECTS_AT_ONCE,
) -> None:
    """Read objects to their end, authenticate every byte, and say of each what was found. Nothing is kept.

    Ends with 3 where something is damaged; with 1 where something could not be opened, or is not authenticated (AES-CBC
    or not encrypted) and no --legacy allow or --plaintext pass says that it belongs there; else with 0. Of objects
    under SSE-C it is said that nothing here can verify them.
    """
    places = [Location.parse(text) for text in address]
    counts: Counter[str] = Counter()
    size = accepted = 0
    with progress(flags.quiet) as meter:
        for place in places:
            remote = open_remote(flags, place)
            for verdict in _verdicts(remote, place, Stop(meter), parallel):
                counts[verdict.status] += 1
                accepted += _belongs(verdict, remote)
                size += verdict.size
                _print(verdict, flags, show_all=show_all)
    found = ", ".join(f"{counts[status]:,} {status}" for status in _ORDER if counts[status] or status == VERIFIED)
    outcome.say(f"verify: {found}; {size:,} bytes read")
    if counts[DAMAGED]:
        raise typer.Exit(outcome.DAMAGED)
    if counts[UNOPENED] or counts[UNAUTHENTICATED] > accepted:
        raise typer.Exit(outcome.FAILED)


def _belongs(verdict: Verdict, remote: Remote) -> bool:
    """Whether the rules say that it is all right for this object not to be authenticated."""
    rules = remote.options.policy
    by_s3 = remote.options.profile == SSE_C  # whose integrity is S3's affair, which the format was named for
    allowed = by_s3 or (rules.plaintext == "pass" if verdict.plain else rules.legacy == "allow")
    return verdict.status == UNAUTHENTICATED and allowed


def _verdicts(remote: Remote, place: Location, stop: Stop, at_once: int) -> Iterator[Verdict]:
    verifier = Verifier(remote)

    def begun() -> Iterator[Entry]:
        for entry in _found(remote, place):
            stop.meter.expect(files=1, size=entry.size)
            yield entry

    def do(entry: Entry) -> Verdict | None:
        if is_instruction_file(remote.store, in_s3(entry.place)):
            return None
        return verifier.verify(in_s3(entry.place), entry.size, stop.advance)

    with closing(in_parallel(begun(), do, stop, at_once)) as results:
        for done in results:
            stop.meter.done()
            if done.error is not None:
                yield Verdict(in_s3(done.work.place), UNOPENED, done.work.size, told(done.error))
            elif done.result is not None:
                yield done.result


def _found(remote: Remote, place: Location) -> Iterator[Entry]:
    if place.key and not place.key.endswith("/"):
        stored = remote.store.head(place)
        if stored is not None:
            yield Entry(place, place.key, stored.size, None)
            return
    found = False
    for entry in stored_objects(remote.store, folder_of(place)):
        found = True
        if not is_folder_mark(entry):
            yield entry
    if not found:
        raise SettingsError("there are no objects here", found=place.uri, fix="`s3cse ls` lists what is there")


def _print(verdict: Verdict, flags: Flags, *, show_all: bool) -> None:
    if flags.as_json:
        row = {"uri": verdict.place.uri, "status": verdict.status, "stored_size": verdict.size}
        typer.echo(json.dumps({**row, "remark": verdict.remark or None}))
    elif show_all or verdict.status not in (VERIFIED, HIDDEN):
        name = printable(verdict.place.uri)  # as errors name it
        remark = "" if verdict.remark.startswith(name) else name + ": "
        typer.echo(f"{verdict.status}: {remark}{verdict.remark}".rstrip(": "))
