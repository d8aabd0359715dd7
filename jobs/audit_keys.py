"""Which key opens what, for millions of objects: spark-submit audit_keys.py ADDRESS TARGET [--kms-key-id KEY] …

ADDRESS is a prefix, a table (--table), or the manifest.json of an S3 Inventory report. TARGET is a folder in S3 that
gets a Parquet file per 5000 objects (columns: docs/keys.md), encrypted under the key that the flags name, or plain with
--plain-result, which needs no key. A job that was killed goes on where it was when it is started again. Exit code 0:
done; 1: failed; 2: asked wrongly.
"""

from __future__ import annotations

import argparse
import sys

import pyarrow as pa
from pyspark.sql import SparkSession

from s3cse.errors import S3CSEError
from s3cse.keyrings.kms_probe import PROBES
from s3cse.keys.answers import by_key, by_prefix, legacy, plaintext, unreadable
from s3cse.keys.parts import State, read_parts
from s3cse.options.help import CONNECTION
from s3cse.options.objects import parse_object_options
from s3cse.spark.audit import Audit, audit
from s3cse.spark.explain import explain
from s3cse.spark.flags import add_flags, given_options
from s3cse.spark.job import DONE, FAILED, WRONG_USE
from s3cse.storage.port import Location


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", metavar="ADDRESS", help="s3://bucket/prefix, or a report's manifest.json")
    parser.add_argument("target", metavar="TARGET", help="s3://bucket/folder/ for the result")
    parser.add_argument("--table", action="store_true", help="ADDRESS is a table: its data files only")
    parser.add_argument("--all-versions", action="store_true", help="all versions of the objects, and delete markers")
    parser.add_argument("--look", action="store_true", help="find Encryption SDK messages: a GET for each plain object")
    parser.add_argument("--open", action="store_true", help="try to open every object with the key of the flags")
    parser.add_argument("--probe", choices=PROBES, help="ask KMS for keys that objects do not name: a call each")
    parser.add_argument(
        "--probe-key", action="append", default=[], metavar="KEY", help="dry-run: a candidate; re-encrypt: the target"
    )
    parser.add_argument("--plain-result", action="store_true", help="write the result as plain Parquet")
    parser.add_argument("--by", choices=("key", "prefix"), help="print the result, summed up, too")
    add_flags(parser, CONNECTION)
    return parser


def make_plan(arguments: argparse.Namespace) -> Audit:
    """Return what the flags ask for.

    Raises:
        SettingsError: they do not go together, or name no key.
    """
    key = arguments.open or not arguments.plain_result
    target = Location.parse(arguments.target)
    return Audit(
        options=parse_object_options(given_options(arguments), arguments.address, key=key),
        place=Location.parse(arguments.address),
        target=Location(target.bucket, target.key.rstrip("/")),
        encrypted=not arguments.plain_result,
        table=arguments.table,
        all_versions=arguments.all_versions,
        look_inside=arguments.look,
        opens=arguments.open,
        probe=arguments.probe,
        probe_keys=tuple(arguments.probe_key),
    )


def print_result(rows: pa.Table, by: str) -> None:
    """Print the inventory, summed up."""
    for row in (by_key(rows) if by == "key" else by_prefix(rows)).to_pylist():
        print("  ".join(f"{name}={value}" for name, value in row.items() if value is not None))
    counts = {"legacy": legacy(rows), "plain": plaintext(rows), "not readable": unreadable(rows)}
    print(", ".join(f"{chosen.num_rows:,} {name}" for name, chosen in counts.items()))


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    try:
        plan = make_plan(arguments)
    except S3CSEError as error:
        print(f"audit_keys: {error}", file=sys.stderr)
        return WRONG_USE

    def told(state: State) -> None:
        print(f"{state.rows:,} rows in {state.parts} parts", flush=True)

    spark = SparkSession.builder.appName(f"s3cse audit_keys {arguments.address}").getOrCreate()
    try:
        state = audit(spark.sparkContext, plan, told)
        if arguments.by is not None:
            print_result(read_parts(plan.folder(plan.store())), arguments.by)
        print(f"{state.rows:,} rows of {plan.place.uri} in {plan.target.uri}/, complete")
    except Exception as error:
        text = explain(error)
        if text is None:
            raise
        print(f"audit_keys: {text}", file=sys.stderr)
        return FAILED
    finally:
        spark.stop()
    return DONE


if __name__ == "__main__":
    sys.exit(main())
