"""``s3cse head``: the first rows of a table, or of one Parquet file."""

from __future__ import annotations

from typing import Annotated

import typer

from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.shown.head_report import print_csv, print_json, print_table
from s3cse.cli.shown.head_rows import first_rows
from s3cse.cli.work.remote import open_remote
from s3cse.errors import SettingsError
from s3cse.options.words import read_names
from s3cse.storage.port import Location

command = typer.Typer(add_completion=False)


@command.command()
@with_flags("head", reads=True)
def head(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="s3://bucket/table/, a folder of it, or one Parquet file.")
    ],
    flags: Flags,
    number: Annotated[int, typer.Option("--number", "-n", metavar="ROWS", min=1, help="Rows at most.")] = 10,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="NAMES", help="Only these, with commas between.")
    ] = None,
    condition: Annotated[
        str | None,
        typer.Option(
            "--filter", metavar="SQL", help="Only rows for which this SQL condition is true (extra `filter`)."
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, with a header.")] = False,
) -> None:
    """Show the first rows of a table, in the order of its files; no row is shown before its bytes have verified.

    Reads as little as the files allow: the columns asked for where a file has a segment index, else file by file.
    """
    place = Location.parse(address.rstrip("/"))
    if not place.key and not place.bucket:
        raise SettingsError("no table", found=repr(address))
    names = None if columns is None else read_names("columns", columns)
    remote = open_remote(flags, place)
    table = first_rows(remote, place, number, names, condition)
    if flags.as_json:
        print_json(table)
    elif as_csv:
        print_csv(table)
    else:
        print_table(table)
