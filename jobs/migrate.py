"""Write a lake anew in another format: spark-submit migrate.py ADDRESS [TARGET] --kms-key-id KEY --profile s3ec-v4 …

Objects under ADDRESS (a folder, or one object) become new ones, in their place or under the folder TARGET: --profile
and --storage say in which format, --to names another key. Every new object is read again before it takes its place.
Parquet files get a segment index. A job that was killed is started again: what is done is found out. Exit code 0: all
is migrated; 1: something is not, see --report; 2: asked wrongly.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from s3cse.envelope.profiles import DEFAULT_PROFILE
from s3cse.migration.migrating import drop_leftovers, leftovers
from s3cse.migration.options import MigrationOptions, listed
from s3cse.migration.row import NOT_DONE, SCHEMA
from s3cse.migration.sides import Form
from s3cse.options.help import CONNECTION
from s3cse.options.objects import open_client
from s3cse.spark.flags import add_flags
from s3cse.spark.object_job import (
    WRITTEN,
    ObjectJob,
    add_object_flags,
    add_target_flag,
    options_of,
    options_towards,
    run_object_job,
)
from s3cse.spark.object_jobs import MigrationWork
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

_NAME = "migrate"


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", metavar="ADDRESS", help="s3://bucket/folder/ or one object's address")
    parser.add_argument("target", metavar="TARGET", nargs="?", help="folder for the new objects (default: in place)")
    add_target_flag(parser)
    parser.add_argument(
        "--from-profile", metavar="PROFILE", help="what is there, where objects do not say it: sse-c | encryption-sdk"
    )
    parser.add_argument("--decrypt", action="store_true", help="write plaintext")
    parser.add_argument("--no-index", action="store_true", help="leave Parquet files byte for byte as they are")
    parser.add_argument("--overwrite", action="store_true", help="replace other objects in TARGET")
    parser.add_argument(
        "--delete-source", action="store_true", help="with TARGET: delete what is migrated and verified"
    )
    add_object_flags(parser)
    add_flags(parser, (*CONNECTION, "profile", "storage", "frameBytes", "legacy", "commitment", "plaintext"))
    return parser


class _Places:
    """What is listed before the work, and what is deleted after it."""

    def __init__(self, work: MigrationWork) -> None:
        self._work = work
        self._left: list[Location] = []

    def listed(self, store: S3Store) -> Iterator[Location]:
        """List the objects; remember what runs before this one have left."""
        self._left = leftovers(store, self._work.options)
        return (row.location for row in listed(store, self._work.options))

    def clean(self, store: S3Store) -> None:  # noqa: ARG002 - the frame's; deleting is the target's client's
        """Delete what was left."""
        if not self._work.options.dry_run:
            drop_leftovers(open_client(self._work.target), self._work.options, self._left)


def make_job(arguments: argparse.Namespace) -> ObjectJob:
    """Return what the flags ask for.

    Raises:
        SettingsError: they name no key, or do not go together.
    """
    place = Location.parse(arguments.address)
    source = options_of(arguments, arguments.address, without=WRITTEN, profile=arguments.from_profile)
    target = options_towards(arguments, arguments.target or arguments.address)
    if arguments.decrypt:
        target = replace(target, profile=DEFAULT_PROFILE, storage="metadata")
    options = MigrationOptions(
        source=place,
        target=None if arguments.target is None else Location.parse(arguments.target),
        form=Form(plain=arguments.decrypt, index=not arguments.no_index),
        same_key=source.keyring == target.keyring,
        overwrite=arguments.overwrite,
        delete_source=arguments.delete_source,
        dry_run=arguments.dry_run,
    )
    work = MigrationWork(source, target, options)
    places = _Places(work)
    return ObjectJob(_NAME, place, lambda _: work, places.listed, SCHEMA, NOT_DONE, places.clean)


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    return run_object_job(_NAME, arguments, partial(make_job, arguments))


if __name__ == "__main__":
    sys.exit(main())
