"""Bring what UNLOAD … ENCRYPTED left into a table: spark-submit redshift_import.py SOURCE TARGET --legacy allow …

SOURCE is UNLOAD's manifest, or its prefix (s3://bucket/folder/name_). TARGET is s3://bucket/table/, encrypted by this
package (--kms-key-id and so on), or with --plain-target anything that spark.write.parquet takes. Nothing authenticates
what UNLOAD encrypted, so it is read only with --legacy allow; what UNLOAD left to S3 (SSE) is read with --plaintext
pass. Types come from a VERBOSE manifest, or from --columns.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from s3cse.errors import S3CSEError, SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.services.redshift.layout import FORMATS, UNLOAD_COMPRESSION, UnloadLayout
from s3cse.services.redshift.root_key import RootKey
from s3cse.spark import write
from s3cse.spark.flags import WRITING, add_flags
from s3cse.spark.job import DONE, WRONG_USE, Job, run_job
from s3cse.spark.redshift import Connection, read_unload
from s3cse.spark.types import to_arrow
from s3cse.storage.port import Location

NAME = "redshift_import"


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="UNLOAD's manifest or prefix")
    parser.add_argument("target", metavar="TARGET", help="s3://bucket/table/ to write")
    parser.add_argument("--plain-target", action="store_true", help="write TARGET as plain Parquet")
    parser.add_argument("--mode", choices=("append", "overwrite"), default="append", help="default: append")
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    unload = parser.add_argument_group("what UNLOAD wrote")
    unload.add_argument("--redshift-key-file", metavar="PATH", help="Redshift's 256-bit key: base64, hex or bytes")
    unload.add_argument("--redshift-key-env", metavar="NAME", help="environment variable with that key")
    unload.add_argument("--legacy", dest="unload_legacy", metavar="VALUE", default="refuse", help="refuse | allow")
    unload.add_argument("--plaintext", dest="unload_plaintext", metavar="VALUE", default="refuse", help="refuse | pass")
    unload.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")
    unload.add_argument("--unload-compression", choices=UNLOAD_COMPRESSION, default="auto", help="default: by name")
    unload.add_argument("--delimiter", metavar="CHARACTER", help="default: a comma in csv, a pipe in text")
    unload.add_argument("--header", action="store_true", help="UNLOAD … HEADER")
    unload.add_argument("--escape", action="store_true", help="UNLOAD … ESCAPE")
    unload.add_argument("--add-quotes", action="store_true", help="UNLOAD … ADDQUOTES")
    unload.add_argument("--null-as", metavar="TEXT", help="UNLOAD … NULL AS (default: nothing stands for NULL)")
    unload.add_argument("--columns", dest="unload_columns", metavar="DDL", help='like "id BIGINT, name STRING"')
    unload.add_argument("--without-manifest", action="store_true", help="take what lies at the prefix")
    add_flags(parser, WRITING)
    return parser


def key_of(arguments: argparse.Namespace) -> KeyringSettings | None:
    """Return where the root key is, None where S3 encrypted.

    Raises:
        SettingsError: no key, and plain files are not allowed; or two.
    """
    file, variable = arguments.redshift_key_file, arguments.redshift_key_env
    if file is None and variable is None:
        if arguments.unload_plaintext == "pass":
            return None
        raise SettingsError("no key was named", expected="--redshift-key-file or --redshift-key-env")
    settings = KeyringSettings(kind="aes", key_file=file, key_env=variable)
    settings.check()
    return settings


def layout_of(arguments: argparse.Namespace) -> UnloadLayout:
    """Return how the files look."""
    return UnloadLayout(
        format=arguments.format,
        compression=arguments.unload_compression,
        delimiter=arguments.delimiter,
        header=arguments.header,
        escape=arguments.escape,
        add_quotes=arguments.add_quotes,
        null_as=arguments.null_as,
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse before Spark starts what cannot work.

    Raises:
        SettingsError: with what would.
    """
    key = key_of(arguments)
    if key is not None:
        RootKey.from_settings(key)
    layout_of(arguments)
    Location.parse(arguments.source)


def columns_of(spark: SparkSession, ddl: str | None) -> pa.Schema | None:
    """Return the columns that the user named."""
    if ddl is None:
        return None
    schema: StructType = spark.createDataFrame([], ddl).schema  # only a session parses DDL before Spark 4
    return to_arrow(schema)


def unloaded(job: Job, arguments: argparse.Namespace) -> DataFrame:
    """Return UNLOAD's rows."""
    return read_unload(
        job.spark,
        arguments.source,
        key=key_of(arguments),
        legacy=arguments.unload_legacy,
        plaintext=arguments.unload_plaintext,
        layout=layout_of(arguments),
        columns=columns_of(job.spark, arguments.unload_columns),
        without_manifest=arguments.without_manifest,
        connection=Connection(region=job.options.region, endpoint_url=job.options.endpoint_url),
    )


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    try:
        check(arguments)
    except S3CSEError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return WRONG_USE
    if arguments.plain_target and arguments.keyring is None:
        arguments.keyring = "kms-discovery"  # nothing is encrypted, and this one needs no key

    def work(job: Job) -> int:
        started = time.monotonic()
        rows = unloaded(job, arguments)
        print(f"importing {arguments.source}: {rows.schema.simpleString()}", flush=True)
        if arguments.plain_target:
            rows.write.mode(arguments.mode).parquet(arguments.target)
        else:
            write(rows, arguments.target, arguments.mode, **job.given)
        seconds = time.monotonic() - started
        if arguments.json:
            print(json.dumps({"source": arguments.source, "target": arguments.target, "seconds": round(seconds, 3)}))
        else:
            print(f"imported {arguments.source} to {arguments.target} in {seconds:.1f} s")
            if arguments.unload_legacy == "allow":
                print("nothing authenticated what was read (AES-CBC): see docs/redshift.md")
        return DONE

    return run_job(NAME, arguments.source if arguments.plain_target else arguments.target, arguments, work)


if __name__ == "__main__":
    sys.exit(main())
