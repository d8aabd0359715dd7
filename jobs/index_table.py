"""Give a table that others wrote the segment index: spark-submit index_table.py TABLE --kms-key-id KEY …

Each data file that has no index of its own key is written anew, in its own format, under a new data key: pages and
footer stay byte for byte, so no row can change, and the new file is read again before it takes the old one's place. The
table stays readable meanwhile. After that queries of few columns read few bytes, all of them verified (docs/spark.md).
Files in AES-CBC can have no index: jobs/migrate.py gives them a format that can. Exit code 0: all files have one; 1:
some have not, see --report; 2: asked wrongly.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from functools import partial

from s3cse.migration.options import MigrationOptions
from s3cse.migration.row import NOT_DONE, SCHEMA
from s3cse.options.help import CONNECTION
from s3cse.parquet.table import list_table
from s3cse.spark.flags import add_flags
from s3cse.spark.object_job import ObjectJob, add_object_flags, options_of, run_object_job
from s3cse.spark.object_jobs import IndexingWork
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

_NAME = "index_table"


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE", help="s3://bucket/table/")
    add_object_flags(parser)
    add_flags(parser, (*CONNECTION, "legacy", "commitment"))
    return parser


def data_files(store: S3Store, table: Location) -> Iterable[Location]:
    """List the table's data files; what an overwrite under way hides is left out."""
    return [file.location for file in list_table(store, Location(table.bucket, table.key.strip("/"))).files]


def make_job(arguments: argparse.Namespace) -> ObjectJob:
    """Return what the flags ask for.

    Raises:
        SettingsError: they name no key.
    """
    table = Location.parse(arguments.table)
    work = IndexingWork(
        options_of(arguments, arguments.table), MigrationOptions(source=table, dry_run=arguments.dry_run)
    )
    return ObjectJob(_NAME, table, lambda _: work, partial(data_files, table=table), SCHEMA, NOT_DONE)


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    return run_object_job(_NAME, arguments, partial(make_job, arguments))


if __name__ == "__main__":
    sys.exit(main())
