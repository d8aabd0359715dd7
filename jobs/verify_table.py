"""Verify an encrypted table: spark-submit verify_table.py TABLE --kms-key-id KEY [--expect-rows N | --plain SOURCE] …

Reads every file to its end, authenticates every GCM object, reports CBC and plain objects as what they are
(unauthenticated), counts the rows and compares them. Also lists uploads that were never completed and overwrites that
were never finished. Exit code 0: all is well; 1: something is not. Unauthenticated files are not well, unless
--legacy allow (CBC), --plaintext pass (plain) or --profile sse-c (S3 verifies, nobody here can) says that they belong
here. Encryption SDK messages are verified with --profile encryption-sdk.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from s3cse.envelope.profiles import SSE_C
from s3cse.objects.policy import Policy
from s3cse.options.table import Options
from s3cse.parquet import journal
from s3cse.parquet.table import DataFile, TableFiles, list_table
from s3cse.parquet.verify import FAILED, UNAUTHENTICATED, VERIFIED, FileReport, verify_file
from s3cse.spark.flags import CONNECTION, add_flags
from s3cse.spark.job import DONE, Job, run_job
from s3cse.spark.job import FAILED as NOT_WELL
from s3cse.spark.planning import expected
from s3cse.spark.session import session_for
from s3cse.storage.port import Location


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE", help="s3://bucket/table/")
    rows = parser.add_mutually_exclusive_group()
    rows.add_argument("--expect-rows", type=int, metavar="N", help="rows the table should have")
    rows.add_argument("--plain", metavar="SOURCE", help="plain Parquet table that it should have as many rows as")
    parser.add_argument("--json", action="store_true", help="one JSON object per file, and one for the table")
    add_flags(parser, (*CONNECTION, "profile", "legacy", "plaintext"))
    return parser


def verify(job: Job, table: TableFiles, policy: Policy) -> list[FileReport]:
    """Verify all files on the executors, largest first."""
    options = job.options

    def check(file: DataFile) -> FileReport:
        session = session_for(options)
        return verify_file(session.store, session.keyring, file, policy, expected(options))

    files = sorted(table.files, key=lambda file: file.size, reverse=True)
    reports = job.spark.sparkContext.parallelize(files, len(files)).map(check).collect()
    return sorted(reports, key=lambda report: report.uri)


def print_reports(reports: Sequence[FileReport], as_json: bool) -> None:
    """Print a line per file."""
    for report in reports:
        if as_json:
            print(json.dumps(asdict(report)))
        else:
            print(f"{report.status:<15} {report.rows:>12,} rows {report.stored_bytes:>14,} B  {report.uri}")
            if report.remark:
                print(f"{'':<15} {report.remark}")


def tolerated(report: FileReport, options: Options) -> bool:
    """Whether the user allows a file that nothing here authenticates; with profile sse-c all are S3's affair."""
    policy = options.policy
    if options.profile == SSE_C:
        return True
    return policy.plaintext == "pass" if report.envelope == _PLAIN else policy.legacy == "allow"


def unfinished_overwrites(options: Options) -> list[str]:
    """Return the journals of overwrites under way or broken off: files are there that only s3cse knows to leave out."""
    return [row.location.uri for row in journal.find(session_for(options).store, options.table)]


def unfinished_uploads(options: Options) -> list[str]:
    """Return the uploads under the table that nobody completed: invisible, but paid for."""
    folder = Location(options.table.bucket, f"{options.table.key}/" if options.table.key else "")
    return [upload.location.uri for upload in session_for(options).store.list_uploads(folder)]


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    # The strictest reading; CBC and plain files are let in only to be reported.
    lenient = Policy(integrity="strict", legacy="allow", plaintext="pass")

    def check(job: Job) -> int:
        table = list_table(session_for(job.options).store, job.options.table)
        reports = verify(job, table, lenient)
        rows = arguments.expect_rows
        if arguments.plain is not None:
            rows = job.spark.read.parquet(arguments.plain).count()
        print_reports(reports, arguments.json)
        return summarise(reports, rows, job.options, arguments)

    return run_job("verify_table", arguments.table, arguments, check)


def summarise(
    reports: Sequence[FileReport], expected: int | None, options: Options, arguments: argparse.Namespace
) -> int:
    """Print the table's line and return the exit code."""
    counts = {status: sum(report.status == status for report in reports) for status in _STATUSES}
    rows = sum(report.rows for report in reports)
    remarks = sum(bool(report.remark) for report in reports)
    rows_right = expected is None or rows == expected
    refused = sum(report.status == UNAUTHENTICATED and not tolerated(report, options) for report in reports)
    uploads, overwrites = unfinished_uploads(options), unfinished_overwrites(options)
    summary = {"table": arguments.table, "files": len(reports), **counts, "rows": rows, "expected_rows": expected}
    if arguments.json:
        print(json.dumps({**summary, "unfinished_uploads": uploads, "unfinished_overwrites": overwrites}))
    else:
        print(", ".join(f"{count} {status}" for status, count in counts.items()) + f"; {rows:,} rows", end="")
        print("" if expected is None else f" ({'as' if rows_right else 'NOT as'} expected: {expected:,})")
        for uri in uploads:
            print(f"never completed: {uri} (s3cse uploads abort, or the bucket's lifecycle rule, removes it)")
        for uri in overwrites:
            print(f"overwrite never finished: {uri} (if no job is at it, the next write to the table settles it)")
        if refused:
            print(
                f"{refused} unauthenticated and not allowed (--legacy allow: CBC files; --plaintext pass: plain files)"
            )
    return DONE if rows_right and not counts[FAILED] and not refused and not remarks else NOT_WELL


_STATUSES = (VERIFIED, UNAUTHENTICATED, FAILED)
_PLAIN = "not encrypted"  # FileReport.envelope of a plain file

if __name__ == "__main__":
    sys.exit(main())
