"""``s3cse cat``: what is in an object."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.work.places import object_name
from s3cse.cli.work.remote import open_remote
from s3cse.cli.work.stdout import send
from s3cse.errors import SettingsError
from s3cse.storage.port import Location

_RANGE = re.compile(r"(\d+-\d*|-\d+)")

command = typer.Typer(add_completion=False)


@command.command()
@with_flags("cat", reads=True)
def cat(
    address: Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="s3://bucket/key, one or more.")],
    flags: Flags,
    span: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="FIRST-LAST",
            help="Only these bytes of the plaintext: 0-99, 100- or -16 (the last 16). Costs the whole object, "
            "unless --integrity is none or verify-indexed, which release a range unverified.",
        ),
    ] = None,
) -> None:
    """Write objects to standard output, each after it has verified.

    With --integrity stream they come while they arrive, and the exit code says whether they verified.
    """
    if span is not None and not _RANGE.fullmatch(span):
        raise SettingsError("not a range of bytes", found=repr(span), expected="0-99, 100- or -16")
    places = [Location.parse(text) for text in address]
    for place in places:
        object_name(place)
    for place in places:
        send(open_remote(flags, place).client, place, None if span is None else f"bytes={span}")
