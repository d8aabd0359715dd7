"""``s3cse keys ls``: the inventory, whole, summed up, or what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.keys.source import Wanted, batches, read_inventory, whole, with_wanted
from s3cse.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

    from s3cse.keys.parts import State

_BY = ("key", "prefix")


@with_flags("keys ls", keys=True, long=True)
@with_wanted(opens=True)
def list_command(
    flags: Flags,
    wanted: Wanted,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="WHAT", help="Sum up by key or by prefix, instead of a line per object."),
    ] = None,
    depth: Annotated[int, typer.Option("--depth", min=0, help="With --by prefix: how many folders deep.")] = 1,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="What can no longer be opened when this key goes: id, ARN or alias of a KMS key, or the fingerprint "
            "of a raw key's description (sha256:…). May be repeated.",
        ),
    ] = None,
    legacy: Annotated[bool, typer.Option("--legacy", help="Only objects with old algorithms.")] = False,
    plaintext: Annotated[bool, typer.Option("--plaintext", help="Only objects that are not encrypted.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="PATH",
            help="Write the inventory: FILE.parquet, or a folder, which goes on where it was broken off.",
        ),
    ] = None,
) -> None:
    """Say which object is under which key, and how that is known."""
    _check(by, wanted, output, questions=bool(key) + legacy + plaintext + (by is not None))
    if output is not None:
        _write(wanted, flags, output)
    elif key:
        from s3cse.cli.keys.report import print_loss

        print_loss(whole(wanted, flags), key, as_json=flags.as_json)
    elif by is not None:
        from s3cse.cli.keys.report import print_sums

        print_sums(whole(wanted, flags), by, depth, as_json=flags.as_json)
    else:
        from s3cse.keys import answers

        _print_rows(wanted, flags, answers.legacy if legacy else answers.plaintext if plaintext else None)


def _check(by: str | None, wanted: Wanted, output: Path | None, questions: int) -> None:
    if by is not None and by not in _BY:
        raise SettingsError("--by has no such value", found=repr(by), expected=" | ".join(_BY))
    if questions > 1 or (questions and output is not None):
        raise SettingsError(
            "these flags ask for several things", expected="one of --by, --key, --legacy, --plaintext, --output"
        )
    if output is not None and not wanted.is_fresh:
        raise SettingsError("what is to be written is an inventory already", found=wanted.address)


def _print_rows(wanted: Wanted, flags: Flags, question: Callable[[pa.Table], pa.Table] | None) -> None:
    from s3cse.cli.keys.report import Counted, print_rows

    counted, answered = Counted(), 0
    for rows in _tables(wanted, flags):
        counted.add(rows)
        shown = rows if question is None else question(rows)
        answered += shown.num_rows
        print_rows(shown, as_json=flags.as_json)
    outcome.say(str(counted) if question is None else f"{answered:,} of {counted}")


def _tables(wanted: Wanted, flags: Flags) -> Iterator[pa.Table]:
    import pyarrow as pa

    if wanted.is_fresh:
        for batch in batches(wanted, flags):
            yield pa.Table.from_batches([batch.rows])
    else:
        yield read_inventory(Path(wanted.address))


def _write(wanted: Wanted, flags: Flags, output: Path) -> None:
    from s3cse.keys.inventory import write_parquet
    from s3cse.keys.parts import LocalFolder, write_parts

    if output.suffix == ".parquet":
        beside = output.with_name(f".{output.name}.unfinished")
        rows = write_parquet(batches(wanted, flags), str(beside))
        beside.replace(output)
        outcome.say(f"{rows:,} rows in {output}")
        return

    def told(state: State) -> None:
        if not flags.quiet:
            outcome.say(f"{state.rows:,} rows in {state.parts} parts")

    state = write_parts(LocalFolder(output), wanted.about, lambda token: batches(wanted, flags, token), progress=told)
    outcome.say(f"{state.rows:,} rows in {output}, complete")
