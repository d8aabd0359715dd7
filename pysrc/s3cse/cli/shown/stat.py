"""``s3cse stat``: what one object has, by what it says of itself; no key is used."""

from __future__ import annotations

from typing import Annotated

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags, with_flags

command = typer.Typer(add_completion=False)


@command.command("stat")
@with_flags("stat")
def stat_command(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="s3://bucket/key of one object.")],
    flags: Flags,
    version_id: Annotated[
        str | None, typer.Option("--version-id", metavar="ID", help="An old version (default: the current one).")
    ] = None,
    suffix: Annotated[
        str, typer.Option("--instruction-suffix", metavar="TEXT", help="What an instruction file's name adds.")
    ] = ".instruction",
) -> None:
    """Show what an object has: format, key, context, sizes, what S3 itself encrypts with. Nothing is verified.

    Ends with 3 where what it says of its encryption is not valid.
    """
    from s3cse.cli.shown.stat_report import print_json, print_lines
    from s3cse.errors import SettingsError
    from s3cse.keys.statement import state
    from s3cse.storage.port import Location

    place = Location.parse(address)
    if not place.key:
        raise SettingsError("this is a bucket", found=address, expected="one object: s3://bucket/key")
    found = state(flags.store(place), place, version_id=version_id, suffix=suffix)
    (print_json if flags.as_json else print_lines)(found)
    if found.row.error is not None:
        raise typer.Exit(outcome.DAMAGED)
