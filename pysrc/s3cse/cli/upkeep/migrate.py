"""``s3cse migrate``: objects in another format, or under another key, as new bytes that were verified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from s3cse.cli.interface.flags import Flags, Target, with_flags
from s3cse.cli.interface.progress import Meter, progress
from s3cse.cli.work.object_rows import Report, end, report_in, tell
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from s3cse.migration.options import MigrationOptions
    from s3cse.storage.port import ObjectStore

command = typer.Typer(add_completion=False)

_WRITTEN = ("profile", "storage", "frameBytes")
Source = Annotated[str, typer.Argument(metavar="ADDRESS", help="s3://bucket/folder/ or one object's address.")]
Place = Annotated[
    str | None,
    typer.Argument(metavar="[TARGET]", help="Folder that the new objects go to (default: they replace the old ones)."),
]
FromFormat = Annotated[
    str | None,
    typer.Option(
        "--from-format",
        metavar="FORMAT",
        help="What is there, where the objects do not say it: sse-c, whose key is sent, or encryption-sdk.",
    ),
]
Decrypt = Annotated[
    bool, typer.Option("--decrypt", help="Write plaintext: nothing encrypts it any more but S3 itself.")
]
NoIndex = Annotated[
    bool, typer.Option("--no-index", help="Leave Parquet files byte for byte as they are, without a segment index.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace other objects in TARGET.")]
DeleteSource = Annotated[
    bool, typer.Option("--delete-source", help="With TARGET: delete each object when its new one is verified.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Open the objects, and write nothing.")]
Workers = Annotated[
    int, typer.Option("--workers", metavar="N", help="Objects at once; each takes about 100 MB of memory.", min=1)
]


@command.command("migrate")
@with_flags("migrate", reads=True, writes=True, long=True)
def migrate_command(
    source: Source,
    flags: Flags,
    target: Place = None,
    to: Target = None,
    from_format: FromFormat = None,
    decrypt: Decrypt = False,
    no_index: NoIndex = False,
    overwrite: Overwrite = False,
    delete_source: DeleteSource = False,
    dry_run: DryRun = False,
    report: Report = None,
    workers: Workers = 4,
) -> None:
    """Write objects anew in another format: --format and --storage say which, --to names another key.

    Each new object is read again before it takes the old one's place. Run it again after a break: what is done is found
    out and left alone. Ends with 1 where an object was not migrated.
    """
    from s3cse.migration.migrating import Migration, drop_leftovers, leftovers, migrate
    from s3cse.migration.options import MigrationOptions
    from s3cse.migration.row import NOT_DONE, SCHEMA
    from s3cse.migration.sides import Form

    reads, writes = _parted(flags, from_format), flags.towards(to)
    if decrypt:
        writes = replace(writes, given={name: value for name, value in writes.given.items() if name not in _WRITTEN})
    old, new = reads.client(source), writes.client(target or source)
    options = MigrationOptions(
        source=Location.parse(source),
        target=None if target is None else Location.parse(target),
        form=Form(plain=decrypt, index=not no_index),
        same_key=reads.options(source).keyring == writes.options(target or source).keyring,
        overwrite=overwrite,
        delete_source=delete_source,
        dry_run=dry_run,
    )
    store = flags.store(options.source)
    left = [] if dry_run else leftovers(store, options)
    with report_in(report, SCHEMA, store) as parts, progress(flags.quiet, of_bytes=False) as meter:
        rows = migrate(Migration(old, new, options), _locations(store, options, meter), workers=workers)
        counts = tell(rows, parts, meter, as_json=flags.as_json)
    if not any(counts[name] for name in NOT_DONE):
        drop_leftovers(new, options, left)
    end(counts, NOT_DONE, flags)


def _parted(flags: Flags, from_format: str | None) -> Flags:
    """Return the flags for what is read: what is written says nothing of it."""
    given = {name: value for name, value in flags.given.items() if name not in _WRITTEN}
    return replace(flags, given=given if from_format is None else {**given, "profile": from_format})


def _locations(store: ObjectStore, options: MigrationOptions, meter: Meter) -> Iterator[Location]:
    from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
    from s3cse.migration.options import listed

    for row in listed(store, options):
        if not row.location.key.endswith(INSTRUCTION_SUFFIX):  # mostly files, which are passed over
            meter.expect(files=1)
        yield row.location
