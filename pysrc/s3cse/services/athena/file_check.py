"""Checking one object: opened once, its Parquet footer read, nothing else fetched.

An object that does not open is asked for its headers once more, so that the report says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, Envelope
from s3cse.errors import KeyringError, S3CSEError, SettingsError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.objects.describe import describe
from s3cse.objects.message_front import is_message
from s3cse.objects.open import OpenObject, open_object
from s3cse.objects.policy import Policy
from s3cse.parquet.input import TAIL_BYTES, open_parquet
from s3cse.parquet.table import DataFile
from s3cse.services.athena import envelope_rules
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.findings import FileFindings, Finding
from s3cse.services.athena.hive_types import hive_type
from s3cse.services.athena.names import column_name, refuse_repeated
from s3cse.storage.port import Location, ObjectStore

#: Everything is let in to be reported; where a segment index is, the footer is authenticated.
_LENIENT = Policy(integrity="verify-indexed", legacy="allow", plaintext="pass")
#: What S3's answer to a request for an SSE-C object without its key says, beside status 400.
_SSE_C = "server side encryption"
_MESSAGE = "AWS Encryption SDK message"
_FRONT_BYTES = 16


@dataclass(frozen=True, slots=True)
class FileChecker:
    """Checks the files of one table.

    Args:
        keyring: holds the table's key, and no other.
        encryption: what the catalog says, or will say.
        columns: Hive types by name that the table has; None: whatever the file has.
    """

    store: ObjectStore
    keyring: Keyring
    encryption: TableEncryption
    columns: Mapping[str, str] | None = None

    def check(self, file: DataFile) -> FileFindings:
        """Report on one file; no error of ours escapes."""
        try:
            opened = open_object(self.store, self.keyring, file.location, _LENIENT, tail_bytes=TAIL_BYTES)
        except S3CSEError as error:
            return self._unopened(file, error)
        findings = list(envelope_rules.envelope_findings(opened.envelope, self.encryption))
        if opened.instruction is not None:
            findings.append(envelope_rules.instruction_finding())
        if opened.envelope is not None:
            findings += envelope_rules.length_findings(opened.envelope, opened.plaintext_bytes)
        columns, more = self._parquet(opened)
        said = _said(opened.envelope)
        if opened.envelope is None and not columns and self._is_message(opened):
            said, findings, more = _MESSAGE, [envelope_rules.message_finding()], []
        return FileFindings(
            uri=opened.uri,
            stored_bytes=opened.stored.size,
            envelope=said,
            key=self._evidence(opened.envelope),
            findings=(*findings, *more),
            columns=columns,
        )

    def _is_message(self, opened: OpenObject) -> bool:
        """Whether an object without an envelope, which is no Parquet file, is an Encryption SDK message; one GET."""
        front = bytearray(min(_FRONT_BYTES, opened.stored.size))
        if front:
            self.store.get_into(opened.stored.location, 0, front, opened.stored.etag)
        return is_message(bytes(front))

    def _evidence(self, envelope: Envelope | None) -> str:
        """Say how the key is known: `kms+context` stores no key id, so only opening it is evidence."""
        if envelope is None:
            return ""
        named = (envelope.materials_description or {}).get(KMS_KEY_ID_ENTRY)
        whose = "the table's key" if self.encryption.kms_key else "the key it names"
        return f"opened with {whose}" + (f", names {named}" if named else ", names none")

    def _parquet(self, opened: OpenObject) -> tuple[dict[str, str], list[Finding]]:
        """Return the columns' Hive types, and what is wrong with them or with the footer."""
        try:
            schema = open_parquet(opened, _LENIENT).schema
        except S3CSEError as error:
            return {}, [Finding("error", "parquet", error.problem, "keep other files out of the table's folder")]
        columns: dict[str, str] = {}
        findings: list[Finding] = []
        try:
            refuse_repeated(schema.names)
        except SettingsError as error:
            findings.append(_column_finding(error))
        for field in schema:
            try:
                columns[column_name(field.name)] = hive_type(field.type, field.name)
            except SettingsError as error:
                findings.append(_column_finding(error))
        return columns, [*findings, *column_findings(columns, self.columns or {})]

    def _unopened(self, file: DataFile, error: S3CSEError) -> FileFindings:
        envelope, in_file = _headers(self.store, file.location)
        findings = [] if envelope is None else list(envelope_rules.envelope_findings(envelope, self.encryption))
        if in_file:
            findings.append(envelope_rules.instruction_finding())
        if not any(finding.check in ("keyring", "key") for finding in findings):
            findings.append(_unopened(error))
        return FileFindings(
            uri=file.location.uri,
            stored_bytes=file.size,
            envelope="" if envelope is None else _said(envelope),
            key="did not open",
            findings=tuple(findings),
        )


def _said(envelope: Envelope | None) -> str:
    return "not encrypted" if envelope is None else str(envelope)


def _headers(store: ObjectStore, location: Location) -> tuple[Envelope | None, bool]:
    """Return the envelope and whether it is in an instruction file, as far as that can be had without a key."""
    try:
        stored = store.head(location)
        if stored is None:
            return None, False
        described = describe(store, stored, INSTRUCTION_SUFFIX)
    except S3CSEError:
        return None, False
    return described.envelope, described.instruction is not None


def _unopened(error: S3CSEError) -> Finding:
    fix = error.fix or "see the error"
    said = "; ".join(filter(None, (error.problem, error.found and f"found {error.found}")))
    if isinstance(error, TransferError) and error.status == 400 and _SSE_C in str(error.found).lower():
        return Finding("error", "sse-c", f"S3 wants a key that was sent with the object (SSE-C): {said}", _NO_SSE_C)
    if isinstance(error, KeyringError):
        return Finding("error", "key", f"the table's key does not open it: {said}", fix)
    return Finding("error", "object", said, fix)


_NO_SSE_C = "Athena cannot send one: copy the object without SSE-C"


def _column_finding(error: SettingsError) -> Finding:
    return Finding("error", "column", f"{error.problem}; found {error.found}", error.fix or "see the error")


def column_findings(columns: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the columns whose type is not the table's; Hive types by name in both."""
    for name, found in columns.items():
        wanted = expected.get(name, found)
        if wanted == found or _reads_as(wanted, found):
            continue
        perhaps = (wanted, found) in _PERHAPS or all(each.startswith("decimal") for each in (wanted, found))
        yield Finding(
            "warning" if perhaps else "error",
            "column",
            f"column {name} is {found} in the file and {wanted} in the table",
            ("Some releases of Athena's engine convert it, others fail" if perhaps else "Athena fails")
            + " with HIVE_BAD_DATA: cast it and write the file again, or declare it as the files are",
        )


def _reads_as(wanted: str, found: str) -> bool:
    """Whether every reader takes the file's type for the table's: numbers are widened, texts may have a length."""
    if wanted in _WHOLE and found in _WHOLE:
        return _WHOLE.index(found) < _WHOLE.index(wanted)
    return found == "string" and wanted.startswith(("varchar(", "char("))


_WHOLE = ("tinyint", "smallint", "int", "bigint")
#: Pairs (table, file); bytes under a text are what old writers made of texts.
_PERHAPS = {("double", "float"), ("string", "binary")}

#: Called with each report as it is there.
Progress = Callable[[FileFindings], None]
