"""Bring a lake under another key: spark-submit rotate_keys.py ADDRESS --kms-key-id OLD --to kms-key-id=NEW …

The flags name the key that the objects under ADDRESS (a folder, or one object) are under, --to the one that they are to
be under. Data keys are wrapped anew and envelopes replaced; no body moves, and from one KMS key to another no data key
leaves KMS. A job that was killed is started again: what is done is found out. --kms-rate holds for the whole job. Exit
code 0: all objects are under the new key; 1: some are not, see --report; 2: asked wrongly.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

from s3cse.errors import SettingsError
from s3cse.keys.rotation import RotationOptions, listed
from s3cse.keys.rotation_row import NOT_DONE, SCHEMA
from s3cse.options.help import CONNECTION
from s3cse.spark.flags import add_flags
from s3cse.spark.object_job import (
    ObjectJob,
    add_object_flags,
    add_target_flag,
    options_of,
    options_towards,
    run_object_job,
)
from s3cse.spark.object_jobs import RotationWork
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

_NAME = "rotate_keys"


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", metavar="ADDRESS", help="s3://bucket/folder/ or one object's address")
    add_target_flag(parser)
    parser.add_argument("--add", metavar="SUFFIX", help="write further instruction files, and keep the old ones")
    parser.add_argument(
        "--instruction-suffix", metavar="SUFFIX", default=".instruction", help="what an instruction file's name adds"
    )
    parser.add_argument("--keep-acl", action="store_true", help="keep grants too: one request more for each object")
    parser.add_argument("--kms-rate", type=float, metavar="N", help="KMS requests per second at most, of all tasks")
    add_object_flags(parser)
    add_flags(parser, (*CONNECTION, "legacy", "commitment"))
    return parser


def make_job(arguments: argparse.Namespace) -> ObjectJob:
    """Return what the flags ask for.

    Raises:
        SettingsError: they name no key, or do not go together.
    """
    if not arguments.to:
        raise SettingsError("no new key was named", expected="--to kms-key-id=KEY, or another option of a key")
    place, old = Location.parse(arguments.address), options_of(arguments, arguments.address)
    options = RotationOptions(
        policy=replace(old.policy, plaintext="pass"),
        suffix=arguments.instruction_suffix,
        add_suffix=arguments.add,
        keep_acl=arguments.keep_acl,
        dry_run=arguments.dry_run,
    )
    new = options_towards(arguments, arguments.address)

    def work(slots: int) -> RotationWork:
        return RotationWork(old, new, options, arguments.kms_rate and arguments.kms_rate / slots)

    def locations(store: S3Store) -> Iterator[Location]:
        return (row.location for row in listed(store, place))

    return ObjectJob(_NAME, place, work, locations, SCHEMA, NOT_DONE)


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    return run_object_job(_NAME, arguments, lambda: make_job(arguments))


if __name__ == "__main__":
    sys.exit(main())
