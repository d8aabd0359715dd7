"""Will Athena read this table? Every file opened once, in parallel, and the table's surroundings looked at.

Requests: two or three listings, one HeadBucket, one DescribeKey, and per file one GET and one Decrypt (two GETs where
the envelope is in an instruction file or the footer is long, one HEAD more where it does not open).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.parquet import journal
from s3cse.parquet.table import DataFile, list_table
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.file_check import FileChecker, Progress
from s3cse.services.athena.findings import CheckReport, FileFindings, Finding
from s3cse.services.athena.surroundings import bucket_region, key_findings, region_findings
from s3cse.services.athena.table_survey import partitions_of
from s3cse.storage.port import Location, ObjectStore

WORKERS = 8
_MANY_FILES, _SMALL_BYTES = 100, 16 << 20


def check(
    store: ObjectStore,
    keyring: Keyring,
    table: Location,
    encryption: TableEncryption,
    *,
    kms: Any = None,
    region: str | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Check every data file of a table and what surrounds it.

    Args:
        keyring: with the table's key and no other, so that a file that opens is under it.
        encryption: what the catalog says of the table, or will say.
        kms: a boto3 KMS client to ask about the key; None: it is not asked.
        region: where Athena runs; None: unknown.
        columns: Hive types by name that the table has in the catalog; None: any that Athena has, files compared.
        progress: called with each file's report as it is there, from this thread.

    Raises:
        TransferError: S3 does not list the table. What is wrong with files is in the report.
    """
    findings = list(_key_and_regions(store, table, encryption, kms, region))
    findings += _strays(store, table)
    try:
        files = list_table(store, table).files
    except SettingsError as error:
        findings.append(
            Finding("error", "layout", f"{error.problem}; found {error.found}", error.fix or "see the path")
        )
        files = ()
    checker = FileChecker(store, keyring, encryption, columns)
    reports = []
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="s3cse-check") as pool:
        for report in pool.map(checker.check, files):
            reports.append(report)
            if progress is not None:
                progress(report)
    findings += _layout(table, files)
    findings += _mixed(reports)
    findings += _contradicting_columns(reports)
    return CheckReport(table=table.uri, encryption=str(encryption), files=tuple(reports), findings=tuple(findings))


def _key_and_regions(
    store: ObjectStore, table: Location, encryption: TableEncryption, kms: Any, region: str | None
) -> Iterator[Finding]:
    yield from region_findings(encryption, {"bucket": bucket_region(store, table.bucket), "Athena": region})
    if kms is not None:
        yield from key_findings(kms, encryption)


def _strays(store: ObjectStore, table: Location) -> Iterator[Finding]:
    """Yield what lies under the table, is no data file for us, and one for Athena."""
    folder = f"{table.key}/" if table.key else ""
    for row in store.list(Location(table.bucket, folder)):
        if row.location.key.endswith(INSTRUCTION_SUFFIX):
            yield Finding(
                "error",
                "storage",
                f"an instruction file is under the table: {row.location.uri}",
                "Athena takes it for a data file: write the table with storage=metadata",
            )
    for row in journal.find(store, table):
        yield Finding(
            "error",
            "overwrite",
            f"an overwrite is under way or was broken off: {row.location.uri}",
            "Athena sees old and new files at once until the job, or the next write, has finished it",
        )


def _layout(table: Location, files: Sequence[DataFile]) -> Iterator[Finding]:
    try:
        partitions_of(table, (file.location.key for file in files))
    except SettingsError as error:
        yield Finding("error", "layout", f"{error.problem}: {error.found}", error.fix or "see the paths")
    names = {file.location.key.removeprefix(table.key).lstrip("/") for file in files}
    folders = {segment.partition("=")[0] for name in names for segment in name.split("/")[:-1]}
    capitals = sorted(name for name in folders if name != name.lower())
    if capitals:
        yield Finding(
            "note",
            "layout",
            f"folders in capitals: {', '.join(capitals)}",
            "MSCK REPAIR TABLE does not find them: register the partitions (jobs/register_table.py)",
        )
    mean = sum(file.size for file in files) // max(len(files), 1)
    if len(files) > _MANY_FILES and mean < _SMALL_BYTES:
        yield Finding(
            "note",
            "size",
            f"{len(files)} files of {mean >> 10} KiB on average",
            "Athena asks KMS once per GET and may be throttled: write fewer, larger files",
        )


def _mixed(reports: Sequence[FileFindings]) -> Iterator[Finding]:
    kinds = sorted({report.envelope for report in reports if report.envelope})
    plain = "not encrypted" in kinds
    if plain and len(kinds) > 1:
        yield Finding(
            "warning",
            "encryption",
            f"plain and encrypted files in one table: {'; '.join(kinds)}",
            "encrypt the plain ones: whoever may read the bucket reads them",
        )
    elif len(kinds) > 1:
        yield Finding("note", "format", f"several formats in one table: {'; '.join(kinds)}", "Athena reads each")


def _contradicting_columns(reports: Sequence[FileFindings]) -> Iterator[Finding]:
    """Yield the columns that are of one type in one file and of another in the next."""
    seen: dict[str, dict[str, str]] = {}
    for report in reports:
        for column, found in report.columns.items():
            seen.setdefault(column, {}).setdefault(found, report.uri)
    for column, types in seen.items():
        if len(types) > 1:
            said = ", ".join(f"{found} in {uri}" for found, uri in types.items())
            yield Finding(
                "warning", "column", f"column {column} has more than one type: {said}", "write the files with one type"
            )
