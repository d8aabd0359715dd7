"""Write a table as files that Redshift's COPY loads: spark-submit redshift_export.py SOURCE TARGET --kms-key-id KEY …

SOURCE is s3://bucket/table/, encrypted, or with --plain anything that spark.read.parquet opens. TARGET is
s3://bucket/folder/, of this export's own. The files are encrypted under Redshift's root key (--redshift-key-file or
--redshift-key-env), or by S3 (--server-side-encryption), which is all that Redshift takes since April 30, 2026. The
manifest is written when all files are there; a job that fails leaves none. With --table and --iam-role the COPY
statement is printed, without the key; --statement-file has it with the key, for its owner's eyes only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame

from s3cse.errors import S3CSEError, SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.services.redshift.encryption import ServerSide
from s3cse.services.redshift.exporting import Export
from s3cse.services.redshift.layout import COPY_COMPRESSION, FORMATS, NULL_AS, CopyLayout
from s3cse.services.redshift.publishing import MANIFEST, folder
from s3cse.services.redshift.root_key import RootKey
from s3cse.services.redshift.statements import Statement, copy_statement
from s3cse.spark import read
from s3cse.spark.flags import READING, add_flags
from s3cse.spark.job import DONE, WRONG_USE, Job, run_job
from s3cse.spark.redshift import Connection, export_table
from s3cse.storage.port import Location

NAME = "redshift_export"
_MIB = 1 << 20


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="encrypted table to read")
    parser.add_argument("target", metavar="TARGET", help="s3://bucket/folder/ to write")
    parser.add_argument("--plain", action="store_true", help="SOURCE is plain Parquet, anywhere that Spark reads")
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    files = parser.add_argument_group("the files")
    files.add_argument("--redshift-key-file", metavar="PATH", help="Redshift's 256-bit key: base64, hex or bytes")
    files.add_argument("--redshift-key-env", metavar="NAME", help="environment variable with that key")
    files.add_argument("--server-side-encryption", metavar="ALGORITHM", help="aws:kms | aws:kms:dsse | AES256")
    files.add_argument("--sse-kms-key-id", metavar="KEY", help="of aws:kms (default: the bucket's own)")
    files.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")
    files.add_argument("--compression", dest="copy_compression", choices=COPY_COMPRESSION, default="gzip")
    files.add_argument("--delimiter", metavar="CHARACTER", help="default: a comma in csv, a pipe in text")
    files.add_argument("--null-as", metavar="TEXT", default=NULL_AS, help=f"stands for NULL (default: {NULL_AS})")
    files.add_argument("--files", type=int, metavar="N", help="files at least: best a multiple of the cluster's slices")
    files.add_argument("--file-mib", type=int, metavar="MIB", default=256, help="compressed size of a file at most")
    statement = parser.add_argument_group("the COPY statement")
    statement.add_argument("--table", metavar="NAME", help="table in Redshift")
    statement.add_argument("--schema", metavar="NAME", help="its schema (default: as the session finds it)")
    statement.add_argument("--iam-role", metavar="ARN", help="role that the cluster may assume, or default")
    statement.add_argument("--copy-region", metavar="REGION", help="of the bucket, where it is not the cluster's")
    statement.add_argument(
        "--statement-file", metavar="PATH", help="new file for the statement WITH the key, mode 0600"
    )
    add_flags(parser, READING)
    return parser


def encryption_of(arguments: argparse.Namespace) -> KeyringSettings | ServerSide:
    """Return who encrypts the files; the flags name exactly one.

    Raises:
        SettingsError: none, or more than one.
    """
    given = (arguments.redshift_key_file, arguments.redshift_key_env, arguments.server_side_encryption)
    if sum(value is not None for value in given) != 1:
        raise SettingsError(
            "say once who encrypts the files",
            expected="--redshift-key-file, --redshift-key-env or --server-side-encryption",
        )
    if arguments.server_side_encryption is not None:
        return ServerSide(algorithm=arguments.server_side_encryption, kms_key_id=arguments.sse_kms_key_id)
    if arguments.sse_kms_key_id is not None:
        raise SettingsError("--sse-kms-key-id goes with --server-side-encryption")
    return KeyringSettings(kind="aes", key_file=arguments.redshift_key_file, key_env=arguments.redshift_key_env)


def layout_of(arguments: argparse.Namespace) -> CopyLayout:
    """Return how the files look."""
    return CopyLayout(
        format=arguments.format,
        compression=arguments.copy_compression,
        delimiter=arguments.delimiter,
        null_as=arguments.null_as,
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse before Spark starts what cannot work.

    Raises:
        SettingsError: with what would.
    """
    encryption = encryption_of(arguments)
    layout_of(arguments)
    folder(arguments.target)
    if isinstance(encryption, KeyringSettings):
        RootKey.from_settings(encryption)
    if min(1 if arguments.files is None else arguments.files, arguments.file_mib) < 1:
        raise SettingsError("--files and --file-mib are numbers from 1 on")
    if (arguments.table is None) != (arguments.iam_role is None):
        raise SettingsError("a COPY statement needs --table and --iam-role")
    statement_of(arguments, folder(arguments.target).child(MANIFEST))
    if arguments.statement_file is not None:
        if arguments.table is None:
            raise SettingsError("--statement-file needs --table and --iam-role")
        _check_new(Path(arguments.statement_file))


def _check_new(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise SettingsError("the file is there already", found=str(path), expected="a new file")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise SettingsError("no file can be written there", found=str(path), expected="a folder of yours that exists")


def source_of(job: Job, arguments: argparse.Namespace) -> DataFrame:
    """Return the rows to export."""
    if arguments.plain:
        rows = job.spark.read.parquet(arguments.source)
    else:
        rows = read(job.spark, arguments.source, **job.given)
    return rows if arguments.files is None else rows.repartition(arguments.files)


def statement_of(arguments: argparse.Namespace, manifest: Location, columns: Sequence[str] = ()) -> Statement | None:
    """Return the COPY statement, None where nobody asked for it.

    Raises:
        SettingsError: a name or a text that cannot stand in a statement.
    """
    if arguments.table is None:
        return None
    said = encryption_of(arguments)
    return copy_statement(
        arguments.table,
        manifest,
        encryption=said if isinstance(said, ServerSide) else RootKey.from_settings(said),
        iam_role=arguments.iam_role,
        layout=layout_of(arguments),
        columns=columns,
        schema=arguments.schema,
        region=arguments.copy_region,
    )


def write_secret(path: str, text: str) -> None:
    """Write a new file that its owner alone may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + ";\n")


def report(export: Export, statement: Statement | None, seconds: float, arguments: argparse.Namespace) -> None:
    """Print what was done; the statement without the key."""
    if arguments.json:
        found = {
            "manifest": export.manifest.uri,
            "files": len(export.files),
            "rows": export.rows,
            "stored_bytes": export.stored_bytes,
            "seconds": round(seconds, 3),
            "statement": None if statement is None else str(statement),
        }
        print(json.dumps(found))
        return
    print(
        f"exported {arguments.source} to {export.manifest.uri} in {seconds:.1f} s: "
        f"{len(export.files)} files, {export.rows:,} rows, {export.stored_bytes / 1e6:.1f} MB"
    )
    if statement is not None:
        print(f"\n{statement};")
        if statement.has_key:
            print("\nAWS says that Redshift takes no such key since April 30, 2026: see docs/redshift.md")
    if arguments.statement_file is not None:
        print(f"\nthe statement with the key is in {arguments.statement_file}, for you alone: delete it after use")


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    try:
        check(arguments)
    except S3CSEError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return WRONG_USE
    if arguments.plain and arguments.keyring is None:
        arguments.keyring = "kms-discovery"  # nothing is decrypted, and this one needs no key

    def work(job: Job) -> int:
        started = time.monotonic()
        print(f"exporting {arguments.source}", flush=True)
        export = export_table(
            source_of(job, arguments),
            arguments.target,
            encryption=encryption_of(arguments),
            layout=layout_of(arguments),
            file_bytes=arguments.file_mib * _MIB,
            connection=Connection(region=job.options.region, endpoint_url=job.options.endpoint_url),
        )
        statement = statement_of(arguments, export.manifest, export.columns)
        if statement is not None and arguments.statement_file is not None:
            write_secret(arguments.statement_file, statement.reveal())
        report(export, statement, time.monotonic() - started, arguments)
        return DONE

    return run_job(NAME, arguments.target if arguments.plain else arguments.source, arguments, work)


if __name__ == "__main__":
    sys.exit(main())
