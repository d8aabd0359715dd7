"""Doing transfers, several at once: a line for each, progress, what failed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import typer

from s3cse.cli.copies.copying import SKIPPED, Copier
from s3cse.cli.copies.transfers import Transfer
from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags
from s3cse.cli.interface.spelling import told
from s3cse.cli.work.crew import Stop, in_parallel
from s3cse.errors import S3CSEError, printable
from s3cse.storage.port import Location


def _name(place: Location | Path) -> str:
    return place.uri if isinstance(place, Location) else str(place)


def shown(place: Location | Path) -> str:
    """Return a place as lines show it; nothing in a name is obeyed by a terminal."""
    return printable(_name(place))


@dataclass(slots=True)
class Report:
    """What became of everything; ``command`` is its name in messages, ``verb`` in lines (None: the transfer's)."""

    command: str
    flags: Flags
    dry_run: bool = False
    verb: str | None = None
    done: int = 0
    skipped: int = 0
    failed: int = 0

    def say_done(self, transfer: Transfer, became: str) -> None:
        """Count, and print a line."""
        if became == SKIPPED:
            self.skipped += 1
        else:
            self.done += 1
        if self.flags.as_json:
            self._print_json(transfer, skipped=became == SKIPPED)
        elif not self.flags.quiet and transfer.target is not None:
            verb = f"skip (it is there): {transfer.verb}" if became == SKIPPED else self.verb or transfer.verb
            start = "(dry run) " if self.dry_run else ""
            typer.echo(f"{start}{verb}: {shown(transfer.entry.place)} to {shown(transfer.target)}")

    def say_failed(self, transfer: Transfer, error: S3CSEError | OSError) -> None:
        """Count, and say what is wrong in a line."""
        self.failed += 1
        text = _said(error, transfer)
        outcome.say(f"{self.command}: {text}")
        if self.flags.as_json:
            self._print_json(transfer, error=text)

    def complain(self, path: str, reason: str) -> None:
        """Say that something at the source cannot be had."""
        self.failed += 1
        outcome.say(f"{self.command}: {printable(path)}: {reason}; it is left out")

    def _print_json(self, transfer: Transfer, **more: object) -> None:
        row = {
            "action": transfer.verb,
            "source": _name(transfer.entry.place),
            "target": None if transfer.target is None else _name(transfer.target),
            "bytes": transfer.entry.size,
            "dry_run": self.dry_run,
        }
        typer.echo(json.dumps({**row, **more}))

    def end(self) -> None:
        """Say how much failed, and end with 1 if anything did.

        Raises:
            typer.Exit: 1.
        """
        if self.failed:
            outcome.say(f"{self.command}: {self.failed} failed, {self.done} done")
            raise typer.Exit(outcome.FAILED)


def _said(error: S3CSEError | OSError, transfer: Transfer) -> str:
    if isinstance(error, S3CSEError):
        return told(error)
    about = shown(transfer.entry.place)
    name = error.filename2 or error.filename  # of a renaming, what it was to become
    if isinstance(name, str | Path) and str(name) != str(transfer.entry.place):
        about += f": {printable(str(name))}"
    return f"{about}: {error.strerror or error}"


def run(
    transfers: Iterable[Transfer],
    copier: Copier,
    report: Report,
    stop: Stop,
    *,
    at_once: int,
    afterwards: Callable[[Transfer], None] | None = None,
) -> None:
    """Do all of them; errors are reported and do not keep the others.

    Args:
        afterwards: what a transfer that is done ends with, as a move does.
    """
    if report.dry_run:
        for transfer in _possible(transfers, report):
            report.say_done(transfer, "copied")
        return

    def do(transfer: Transfer) -> str:
        if transfer.target is None:
            raise TypeError("only what is possible is begun")
        became = copier.copy(transfer.entry, transfer.target)
        if afterwards is not None and became != SKIPPED:
            afterwards(transfer)
        return became

    def begun() -> Iterator[Transfer]:
        for transfer in _possible(transfers, report):
            stop.meter.expect(files=1, size=transfer.entry.size)
            yield transfer

    with closing(in_parallel(begun(), do, stop, at_once)) as results:
        for done in results:
            stop.meter.done()
            if done.error is not None:
                report.say_failed(done.work, done.error)
            else:
                report.say_done(done.work, done.result or "")


def _possible(transfers: Iterable[Transfer], report: Report) -> Iterator[Transfer]:
    for transfer in transfers:
        if transfer.refused is not None:
            report.say_failed(transfer, transfer.refused)
        else:
            yield transfer
