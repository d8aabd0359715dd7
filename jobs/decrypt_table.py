"""Decrypt a table into plain Parquet: spark-submit decrypt_table.py SOURCE TARGET --kms-key-id KEY …

SOURCE is s3://bucket/table/, encrypted. TARGET is anything that spark.write.parquet takes; what lands there is NOT
encrypted by this package any more.
"""

from __future__ import annotations

import argparse
import sys
import time

from s3cse.spark import read
from s3cse.spark.flags import READING, add_flags
from s3cse.spark.job import DONE, Job, run_job


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="s3://bucket/table/ to read")
    parser.add_argument("target", metavar="TARGET", help="where plain Parquet goes")
    parser.add_argument("--mode", choices=("errorifexists", "append", "overwrite"), default="errorifexists")
    parser.add_argument("--target-partition-by", metavar="COLUMNS", help="folders of the plain table")
    # A column that only some files have must not get lost, whatever the smallest file says.
    add_flags(parser, READING, schemaMode="merge")
    return parser


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()

    def decrypt(job: Job) -> int:
        started = time.monotonic()
        writer = read(job.spark, arguments.source, **job.given).write.mode(arguments.mode)
        if arguments.target_partition_by:
            writer = writer.partitionBy(*arguments.target_partition_by.split(","))
        writer.parquet(arguments.target)
        print(f"decrypted {arguments.source} to {arguments.target} in {time.monotonic() - started:.1f} s")
        return DONE

    return run_job("decrypt_table", arguments.source, arguments, decrypt)


if __name__ == "__main__":
    sys.exit(main())
