"""``s3cse ls``: what is in a bucket, with the sizes that S3 stores or those of the plaintext."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.interface.flags import Flags, with_flags
from s3cse.cli.work.entries import is_instruction_file
from s3cse.cli.work.remote import Remote, open_remote
from s3cse.errors import S3CSEError, printable
from s3cse.objects.workers import WORKERS, results_in_order
from s3cse.storage.port import Location

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024

command = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class _Row:
    """One object, or a folder where there is no time; ``size`` None: nobody could say."""

    uri: str
    name: str
    size: int | None = None
    stored: int | None = None
    modified: Any = None


@command.command()
@with_flags("ls", reads=True)
def ls(
    flags: Flags,
    address: Annotated[
        str, typer.Argument(metavar="[ADDRESS]", help="s3://bucket/ or the beginning of keys (default: all buckets).")
    ] = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="What is below folders too.")] = False,
    human: Annotated[bool, typer.Option("--human-readable", "-h", help="Sizes in KiB, MiB, ….")] = False,
    summarize: Annotated[bool, typer.Option("--summarize", help="The number of objects and bytes at the end.")] = False,
    plaintext_sizes: Annotated[
        bool,
        typer.Option(
            "--plaintext-sizes",
            help="Sizes of the plaintext: a HEAD per object; AES-CBC needs the key as well. No instruction files.",
        ),
    ] = False,
) -> None:
    """List objects, as the AWS CLI does: what begins with the address, folders as such. Sizes are what S3 stores."""
    if address in ("", "s3://"):
        _list_buckets(flags)
        return
    place = Location.parse(address)
    remote = open_remote(flags, place, key=False)
    rows = _rows(remote, place, recursive)
    if plaintext_sizes:
        rows = _with_sizes(remote, rows)
    count = total = 0
    for row in rows:
        if row.modified is not None:
            count += 1
            total += row.size or 0
        _print(row, flags, human=human, both=plaintext_sizes)
    if summarize and not flags.as_json:
        typer.echo(f"\nTotal Objects: {count}\n   Total Size: {_sized(total, human).strip()}")


def _list_buckets(flags: Flags) -> None:
    store = flags.store(Location("all-buckets", ""))
    for bucket in store.ask(Location("all-buckets", ""), "list_buckets", "list").get("Buckets", ()):
        name, made = bucket["Name"], bucket["CreationDate"]
        if flags.as_json:
            typer.echo(json.dumps({"bucket": name, "created": made.isoformat()}))
        else:
            typer.echo(f"{made.astimezone():%Y-%m-%d %H:%M:%S} {printable(name)}")


def _rows(remote: Remote, place: Location, recursive: bool) -> Iterator[_Row]:
    asked: dict[str, Any] = {"Bucket": place.bucket, "Prefix": place.key, **({} if recursive else {"Delimiter": "/"})}
    shown_from = 0 if recursive else len(place.key) - len(place.key.rpartition("/")[2])
    while True:
        answer = remote.client.list_objects_v2(**asked)
        for folder in answer.get("CommonPrefixes", ()):
            key = folder["Prefix"]
            yield _Row(Location(place.bucket, key).uri, key[shown_from:])
        for found in answer.get("Contents", ()):
            key, size = found["Key"], found["Size"]
            yield _Row(Location(place.bucket, key).uri, key[shown_from:], size, size, found["LastModified"])
        if not answer.get("IsTruncated"):
            return
        asked["ContinuationToken"] = answer["NextContinuationToken"]


def _with_sizes(remote: Remote, rows: Iterator[_Row]) -> Iterator[_Row]:
    """Ask for each object; what cannot be told is complained of, and has no size."""
    # A length is no secret, and nothing is released: what the rules say of reading does not matter.
    client = remote.under(legacy="allow", plaintext="pass", commitment="allow")

    def ask(row: _Row) -> _Row | None:
        place = Location.parse(row.uri)
        if row.modified is None:
            return row
        size = None
        try:
            if is_instruction_file(remote.store, place):
                return None
            size = int(client.head_object(Bucket=place.bucket, Key=place.key)["ContentLength"])
        except S3CSEError as error:
            outcome.complain("ls", error)
        return replace(row, size=size)

    with closing(results_in_order((partial(ask, row) for row in rows), WORKERS)) as asked:
        for row in asked:
            if row is not None:
                yield row


def _print(row: _Row, flags: Flags, *, human: bool, both: bool) -> None:
    if flags.as_json:
        sizes = {"size": row.size, "stored_size": row.stored} if both else {"stored_size": row.stored}
        if row.modified is None:
            typer.echo(json.dumps({"folder": row.uri}))
        else:
            typer.echo(json.dumps({"uri": row.uri, **sizes, "modified": row.modified.isoformat()}))
    elif row.modified is None:
        typer.echo(f"{'PRE':>30} {printable(row.name)}")
    else:
        size = "?" if row.size is None else _sized(row.size, human)
        typer.echo(f"{row.modified.astimezone():%Y-%m-%d %H:%M:%S} {size:>10} {printable(row.name)}")


def _sized(size: int, human: bool) -> str:
    if not human:
        return str(size)
    amount, unit = float(size), 0
    while amount >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{size} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"
