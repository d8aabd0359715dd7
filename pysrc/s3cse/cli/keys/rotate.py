"""``s3cse keys rotate``: objects under another wrapping key, without a byte of them moving."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from s3cse.cli.interface.flags import Flags, Target, with_flags
from s3cse.cli.interface.progress import Meter, progress
from s3cse.cli.work.object_rows import Address, Report, end, report_in, tell
from s3cse.errors import SettingsError
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from s3cse.keys.rotation import Rotation, RotationOptions
    from s3cse.storage.s3 import S3Store

_SPARE_CONNECTIONS = 4  # parts of long objects have some of their own

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
    from s3cse.keys.rotation import RotationOptions, rotate
    from s3cse.keys.rotation_row import NOT_DONE, SCHEMA

    if not to:
        raise SettingsError("no new key was named", expected="--to kms-key-id=KEY, or another option of a key")
    place = Location.parse(address)
    policy = replace(flags.options(address).policy, plaintext="pass")
    options = RotationOptions(
        policy=policy, suffix=instruction_suffix, add_suffix=add, keep_acl=keep_acl, dry_run=dry_run
    )
    store, rotation = _rotation(flags, flags.towards(to), address, options, kms_rate, workers)
    with report_in(report, SCHEMA, store) as parts, progress(flags.quiet, of_bytes=False) as meter:
        rows = rotate(rotation, _locations(store, place, options, meter), workers=workers)
        counts = tell(rows, parts, meter, as_json=flags.as_json)
    end(counts, NOT_DONE, flags)


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


def _locations(store: S3Store, place: Location, options: RotationOptions, meter: Meter) -> Iterator[Location]:
    from s3cse.keys.rotation import listed

    for row in listed(store, place):
        if not row.location.key.endswith(options.suffix):  # an instruction file most likely, of which no row comes
            meter.expect(files=1)
        yield row.location
