"""``s3cse keys rotate``: objects under another wrapping key, without a byte of them moving."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from s3cse.cli import outcome
from s3cse.cli.flags import Flags, Target, with_flags
from s3cse.cli.progress import Meter, progress
from s3cse.errors import SettingsError, printable
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from s3cse.keys.report_parts import ReportParts
    from s3cse.keys.rotation import Rotation, RotationOptions
    from s3cse.keys.rotation_row import RotationRow
    from s3cse.storage.s3 import S3Store

_SPARE_CONNECTIONS = 4  # parts of long objects have some of their own

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="s3://bucket/folder/ or one object's address.")]
Add = Annotated[
    str | None,
    typer.Option(
        "--add",
        metavar="SUFFIX",
        help="Write a further instruction file of this suffix for the new key, and keep the old one: several readers.",
    ),
]
Suffix = Annotated[
    str, typer.Option("--instruction-suffix", metavar="SUFFIX", help="What an instruction file's name adds.")
]
KeepAcl = Annotated[bool, typer.Option("--keep-acl", help="Keep grants too: one request more for each object.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Ask KMS as in earnest, and write nothing.")]
Report = Annotated[
    str | None,
    typer.Option("--report", metavar="FOLDER", help="Folder, here or in S3, for a Parquet table: a row per object."),
]
KmsRate = Annotated[float | None, typer.Option("--kms-rate", metavar="N", help="KMS requests per second at most.")]
Workers = Annotated[int, typer.Option("--workers", metavar="N", help="Objects at once.", min=1)]


@with_flags("keys rotate", reads=True, long=True)
def rotate_command(
    address: Address,
    flags: Flags,
    to: Target = None,
    add: Add = None,
    instruction_suffix: Suffix = ".instruction",
    keep_acl: KeepAcl = False,
    dry_run: DryRun = False,
    report: Report = None,
    kms_rate: KmsRate = None,
    workers: Workers = 16,
) -> None:
    """Bring objects under another key: the flags name the old one, --to the new one.

    Data keys are wrapped anew and envelopes replaced; bodies stay. From one KMS key to another no data key leaves KMS.
    Run it again after a break: what is done is found out and left alone. Ends with 1 where an object was not rotated.
    """
    from s3cse.keys.rotation import RotationOptions

    if not to:
        raise SettingsError("no new key was named", expected="--to kms-key-id=KEY, or another option of a key")
    place = Location.parse(address)
    policy = replace(flags.options(address).policy, plaintext="pass")
    options = RotationOptions(
        policy=policy, suffix=instruction_suffix, add_suffix=add, keep_acl=keep_acl, dry_run=dry_run
    )
    with ExitStack() as ends:
        store, rotation = _rotation(flags, flags.towards(to), address, options, kms_rate, workers)
        parts = None if report is None else ends.enter_context(_report(report, store))
        meter = ends.enter_context(progress(flags.quiet, of_bytes=False))
        counts = _run(store, rotation, place, options, workers, parts, meter, as_json=flags.as_json)
    _end(counts, flags)


def _rotation(
    flags: Flags, new: Flags, address: str, options: RotationOptions, kms_rate: float | None, workers: int
) -> tuple[S3Store, Rotation]:
    from s3cse.keyrings.configured import make_keyring
    from s3cse.keys.rate_limit import RateLimit
    from s3cse.keys.rotation import Rotation
    from s3cse.storage.s3 import S3Store, s3_client

    old = flags.options(address)
    s3 = s3_client(old.region, old.endpoint_url, max_connections=workers + _SPARE_CONNECTIONS)
    store = S3Store(s3)
    keyrings = make_keyring(old.keyring), make_keyring(new.options(address).keyring)
    return store, Rotation(store, s3, *keyrings, options, limit=RateLimit(kms_rate))


def _report(folder: str, store: S3Store) -> ReportParts:
    from s3cse.keys.report_parts import ReportParts
    from s3cse.keys.rotation_row import SCHEMA

    return ReportParts(folder, SCHEMA, store)


def _run(
    store: S3Store,
    rotation: Rotation,
    place: Location,
    options: RotationOptions,
    workers: int,
    report: ReportParts | None,
    meter: Meter,
    *,
    as_json: bool,
) -> Counter[str]:
    from s3cse.keys.rotation import listed, rotate

    def locations() -> Iterator[Location]:
        for row in listed(store, place, options):
            meter.expect(files=1)
            yield row.location

    counts: Counter[str] = Counter()
    for row in rotate(rotation, locations(), workers=workers):
        meter.done()
        counts[row.outcome] += 1
        if report is not None:
            report.add(row.as_dict())
        _show(row, as_json=as_json)
    return counts


def _show(row: RotationRow, *, as_json: bool) -> None:
    """Print a row as JSON; for people only what was not done."""
    if as_json:
        typer.echo(json.dumps(row.as_dict()))
    elif row.error is not None:
        typer.echo(f"{row.outcome}: {printable(row.error)}", err=True)


def _end(counts: Counter[str], flags: Flags) -> None:
    from s3cse.keys.rotation_row import NOT_DONE

    if not flags.as_json:
        shown = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
        typer.echo(shown or "no objects", err=flags.quiet)
    if any(counts[name] for name in NOT_DONE):
        raise typer.Exit(outcome.FAILED)
