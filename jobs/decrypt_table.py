"""Decrypt a table into plain Parquet: spark-submit decrypt_table.py SOURCE TARGET --kms-key-id KEY …

SOURCE is s3://bucket/table/, encrypted. TARGET is anything that spark.write.parquet takes; what lands there is NOT
encrypted by this package any more.
"""

from __future__ import annotations

import argparse
import sys
import time

from pyspark.sql import SparkSession

from s3cse import S3CSEError
from s3cse.spark import read
from s3cse.spark.flags import READING, add_flags, given_options
from s3cse.spark.options import parse_options


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="s3://bucket/table/ to read")
    parser.add_argument("target", metavar="TARGET", help="where plain Parquet goes")
    parser.add_argument("--mode", choices=("errorifexists", "append", "overwrite"), default="errorifexists")
    parser.add_argument("--target-partition-by", metavar="COLUMNS", help="folders of the plain table")
    add_flags(parser, READING)
    return parser.parse_args()


def main() -> int:
    """Run the job and return its exit code."""
    arguments = parse_arguments()
    options = given_options(arguments)
    try:
        parse_options({"path": arguments.source, **options})  # a wrong option fails before Spark starts
    except S3CSEError as error:
        print(f"decrypt_table: {error}", file=sys.stderr)
        return 2
    spark = SparkSession.builder.appName(f"s3cse decrypt {arguments.source}").getOrCreate()
    started = time.monotonic()
    writer = read(spark, arguments.source, **options).write.mode(arguments.mode)
    if arguments.target_partition_by:
        writer = writer.partitionBy(*arguments.target_partition_by.split(","))
    writer.parquet(arguments.target)
    print(f"decrypted {arguments.source} to {arguments.target} in {time.monotonic() - started:.1f} s")
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
