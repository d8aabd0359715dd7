"""Encrypt a plain Parquet table into S3: spark-submit encrypt_table.py SOURCE TARGET --kms-key-id KEY …

SOURCE is anything spark.read.parquet opens (a folder, hdfs://, s3a://…). The columns of all its files are taken; those
of its folders (code=01) are text, name them with --partition-by to have the same folders again. TARGET is
s3://bucket/table/. Nothing is visible under TARGET until every file is in S3; when the job fails, nothing is left
there.
"""

from __future__ import annotations

import argparse
import sys
import time

from pyspark.sql import DataFrame, SparkSession

from s3cse.parquet.table import list_table
from s3cse.spark import write
from s3cse.spark.flags import WRITING, add_flags
from s3cse.spark.job import DONE, Job, run_job
from s3cse.spark.session import session_for


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="plain Parquet table to read")
    parser.add_argument("target", metavar="TARGET", help="s3://bucket/table/ to write")
    parser.add_argument("--mode", choices=("append", "overwrite"), default="append", help="default: append")
    add_flags(parser, WRITING)
    return parser


def read_plain(spark: SparkSession, source: str) -> DataFrame:
    """Return the source: the columns of all its files, and its folders' values as the text they are (01 is not 1)."""
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    return spark.read.option("mergeSchema", "true").parquet(source)


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()

    def encrypt(job: Job) -> int:
        started = time.monotonic()
        write(read_plain(job.spark, arguments.source), arguments.target, arguments.mode, **job.given)
        seconds = time.monotonic() - started
        files = list_table(session_for(job.options).store, job.options.table).files
        stored = sum(file.size for file in files)
        print(
            f"encrypted {arguments.source} to {job.options.table.uri} in {seconds:.1f} s; "
            f"the table now has {len(files)} files, {stored / 1e6:.1f} MB"
        )
        return DONE

    return run_job("encrypt_table", arguments.target, arguments, encrypt)


if __name__ == "__main__":
    sys.exit(main())
