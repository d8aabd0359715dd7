"""Will Athena read this table? python athena_check.py s3://bucket/table/ --kms-key-id KEY, or DATABASE.NAME

Opens every file once (one GET and one KMS call each, in parallel) and reports what Athena would stumble over: format,
key, context, length header, instruction files, columns, Regions. With DATABASE.NAME, location, key and columns are the
Glue catalog's, and folders that are not registered as partitions are reported, too. Exit code 0: Athena reads it;
1: it does not, or something failed; 2: asked wrongly.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from s3cse.errors import SettingsError, TransferError
from s3cse.services import athena
from s3cse.services.athena.command import DONE, FAILED, Connection, Progress, add_connection, run
from s3cse.services.athena.surroundings import bucket_region, table_encryption
from s3cse.services.glue import CatalogTable, find_table, partition_findings
from s3cse.storage.port import Location


def make_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE", help="s3://bucket/table/, or database.name of the Glue catalog")
    parser.add_argument("--json", action="store_true", help="one JSON object per file, and one for the table")
    parser.add_argument("--report", metavar="FILE", help="write the report as Parquet, too")
    add_connection(parser)
    return parser


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be checked: a place, what the catalog says or will say of its key, and the table that it knows."""

    location: Location
    encryption: athena.TableEncryption
    known: CatalogTable | None = None

    @property
    def columns(self) -> Mapping[str, str] | None:
        """Hive types by name that the catalog has."""
        return None if self.known is None else self.known.columns


def find_target(connection: Connection, text: str) -> Target:
    """Return what an address or a name of the catalog means.

    Raises:
        SettingsError: no such table, one without client-side encryption, or no key.
        S3CSEError: Glue, S3 or KMS refused.
    """
    if "://" in text:
        place = Location.parse(text)
        place = Location(place.bucket, place.key.strip("/"))
        if connection.key_per_object:
            return Target(place, athena.TableEncryption())
        if not connection.kms_key_id:
            raise SettingsError("no key was named", expected="--kms-key-id, or --key-per-object")
        regions = {"bucket": bucket_region(connection.store, place.bucket)}
        return Target(place, table_encryption(connection.kms, connection.kms_key_id, regions))
    known = find_table(connection.glue, athena.TableName.parse(text))
    if known is None:
        raise SettingsError("the catalog has no such table", found=text, fix="register it: jobs/register_table.py")
    encryption = known.encryption
    if encryption is None:
        raise SettingsError(
            "the catalog does not say that this table is client-side encrypted: Athena would read ciphertext",
            found=text,
            expected="the property encryption_option or has_encrypted_data",
            fix="register it again: jobs/register_table.py",
        )
    if not known.parquet:
        raise SettingsError(
            "the catalog's table is no table of Parquet files",
            found=known.properties.get("table_type")
            or str(known.described.get("StorageDescriptor", {}).get("InputFormat") or known.described.get("TableType")),
            expected="STORED AS PARQUET",
            fix="check its files by their address, or register them under another name: jobs/register_table.py",
        )
    place = Location.parse(known.location)
    return Target(Location(place.bucket, place.key.strip("/")), encryption, known)


def check_table(arguments: argparse.Namespace) -> int:
    """Do the job's work and return its exit code."""
    connection = Connection.of(arguments)
    target = find_target(connection, arguments.table)
    progress = Progress()
    report = athena.check(
        connection.store,
        connection.keyring(target.encryption),
        target.location,
        target.encryption,
        kms=connection.kms,
        region=connection.region,
        columns=target.columns,
        progress=progress,
    )
    progress.end()
    if target.known is not None:
        report = replace(report, findings=(*report.findings, *_partitions(connection, target.known, report)))
    if arguments.json:
        for row in report.to_arrow().to_pylist():
            print(json.dumps(row))
        print(json.dumps({"table": report.table, "readable": report.readable, "files": len(report.files)}))
    else:
        print(report.text())
    if arguments.report:
        _write(report, arguments.report)
    return DONE if report.readable else FAILED


def _partitions(connection: Connection, known: CatalogTable, report: athena.CheckReport) -> tuple[athena.Finding, ...]:
    """Return what is wrong with the catalog's partitions; where Glue does not tell them, that is what is wrong."""
    files = [Location.parse(file.uri) for file in report.files]
    try:
        return tuple(partition_findings(connection.glue, known, files))
    except TransferError as error:
        fix = error.fix or "see the error"
        return (athena.Finding("error", "partitions", f"not known: {error.problem}; found {error.found}", fix),)


def _write(report: athena.CheckReport, path: str) -> None:
    try:
        pq.write_table(report.to_arrow(), path)
    except OSError as error:
        raise SettingsError("the report cannot be written", found=str(error), fix="name another file") from error


def main() -> int:
    """Run the job and return its exit code."""
    arguments = make_parser().parse_args()
    return run("athena_check", lambda: check_table(arguments))


if __name__ == "__main__":
    sys.exit(main())
