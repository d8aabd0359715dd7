"""Will Athena read this table: every rule on files of its own, and what a report looks like."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from s3cse.envelope.model import KMS_KEY_ID_ENTRY, RESERVED_CONTEXT_KEY, Envelope
from s3cse.envelope.profiles import find_profile
from s3cse.errors import KeyringError, TransferError
from s3cse.keyrings import AesKeyring
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.put import put_object
from s3cse.parquet import journal
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.envelope_rules import envelope_findings
from s3cse.services.athena.findings import SCHEMA, CheckReport
from s3cse.services.athena.table_check import check
from s3cse.storage.port import Location, StoredObject
from spark.fakes import CBC, GCM, CountingStore, FakeKeyring, Lake, parquet

KEY = "arn:aws:kms:us-east-1:111122223333:key/fake"
BY_KEY = TableEncryption(KEY)
ROWS = pa.table({"x": range(100), "text": ["marker-of-the-data"] * 100})


def checked(lake: Lake, encryption: TableEncryption = BY_KEY, **more: Any) -> CheckReport:
    """Check a lake's table."""
    return check(more.pop("store", lake.store), lake.keyring, lake.table, encryption, **more)


def found(report: CheckReport) -> list[tuple[str, str]]:
    """Return severity and check of everything that was found, table first."""
    everything = [*report.findings, *(finding for file in report.files for finding in file.findings)]
    return [(finding.severity, finding.check) for finding in everything]


def restamp(lake: Lake, location: Location, **metadata: str | None) -> None:
    """Change an object's metadata; None removes an entry."""
    stored, body = lake.store.get_tail(location, 1 << 30)
    changed = {**stored.metadata, **{name.replace("_", "-"): value for name, value in metadata.items()}}
    lake.store.put(location, body, {name: value for name, value in changed.items() if value is not None})


@pytest.mark.parametrize("profile", [GCM, CBC])
def test_a_good_table(profile: Any) -> None:
    """Files as s3cse writes them have no findings; the report says how each is encrypted and how its key is known."""
    lake = Lake()
    for name in ("month=1/a", "month=2/b"):
        lake.put(name, ROWS, profile)
    report = checked(lake)
    assert report.readable
    assert found(report) == []
    assert [file.status for file in report.files] == ["ok", "ok"]
    assert profile.wrap_algorithm in report.files[0].envelope
    evidence = "names fake" if profile is CBC else "names none"
    assert report.files[0].key == f"opened with the table's key, {evidence}"


def test_one_get_per_file() -> None:
    """A file costs one GET, with a segment index and without."""
    lake = Lake()
    lake.put("a", ROWS)
    lake.put_indexed("b", ROWS)
    store = CountingStore(lake.store)
    assert checked(lake, store=store).readable
    assert sorted(key.rpartition("/")[2] for key, _ in store.gets) == ["a", "b"]


@pytest.mark.parametrize("length", ["0", "1", "99999999", "", "garbage"])
def test_wrong_length_header(length: str) -> None:
    """A length header that lies is an error that says both lengths."""
    lake = Lake()
    restamp(lake, lake.put("f", ROWS), x_amz_unencrypted_content_length=length or None)
    report = checked(lake)
    assert not report.readable
    assert found(report) == [("error", "length")]
    if length:
        assert f"says {length}" in report.text()


def test_format_v3() -> None:
    """A committing object is an error: Athena does not know its format."""
    lake = Lake()
    envelope = opened_envelope(lake, lake.put("f", ROWS))
    v3 = replace(envelope, format=type(envelope.format)("V3"), claimed_length=None)
    assert [each.check for each in envelope_findings(v3, BY_KEY)] == ["format"]


def test_message() -> None:
    """An Encryption SDK message is called what it is, and no plain file that is damaged."""
    lake = Lake()
    keyring = AesKeyring(os.urandom(32), provider_id="flights", key_id="2026")
    put_object(lake.store, lake.table.child("f"), keyring, find_profile("encryption-sdk", "aes"), parquet(ROWS))
    report = checked(lake)
    assert found(report) == [("error", "format")]
    assert report.files[0].envelope == "AWS Encryption SDK message"


def opened_envelope(lake: Lake, location: Location) -> Envelope:
    """Return the envelope of an object."""
    opened = open_object(lake.store, lake.keyring, location, Policy(legacy="allow"))
    assert opened.envelope is not None
    return opened.envelope


@pytest.mark.parametrize("profile", ["emrfs", "emrfs-v2", "redshift", "s3ec-v4"])
def test_raw_keys(profile: str) -> None:
    """An object under a raw AES key is an error, though it does not open: its headers say what it is."""
    lake = Lake()
    put_object(
        lake.store, lake.table.child("f"), AesKeyring(os.urandom(32), {}), find_profile(profile, "aes"), b"x" * 64
    )
    report = checked(lake)
    assert found(report) == [("error", "keyring")]
    assert "raw AES or RSA" in report.files[0].findings[0].problem
    assert report.files[0].key == "did not open"


def test_another_key() -> None:
    """A file under another key is an error beside the good ones, with both keys where the object names one."""
    lake, other = Lake(), FakeKeyring()
    lake.put("good", ROWS)
    for name, profile in (("gcm", GCM), ("cbc", CBC)):
        put_object(lake.store, lake.table.child(name), other, profile, b"x" * 64)
    report = checked(lake, TableEncryption(KEY.replace("fake", "mine")))
    statuses = {file.uri.rpartition("/")[2]: file for file in report.files}
    assert [finding.check for finding in statuses["gcm"].findings] == ["key"]
    assert [finding.check for finding in statuses["cbc"].findings] == ["key"]
    assert "names another key: fake" in statuses["cbc"].findings[0].problem
    assert statuses["good"].status == "ok"


def test_key_of_another_account() -> None:
    """A key of another account than the table's is another key, and both are named."""
    envelope = opened_envelope(lake := Lake(), lake.put("f", ROWS, CBC))
    foreign = KEY.replace("111122223333", "999988887777")
    moved = replace(envelope, materials_description={KMS_KEY_ID_ENTRY: foreign})
    (finding,) = envelope_findings(moved, BY_KEY)
    assert foreign in finding.problem
    assert KEY in finding.problem


def test_user_context() -> None:
    """An entry of one's own in the context is an error; the message names it without its value."""
    envelope = opened_envelope(lake := Lake(), lake.put("f", ROWS))
    context = {RESERVED_CONTEXT_KEY: "AES/GCM/NoPadding", "team": "secret"}
    (finding,) = envelope_findings(replace(envelope, materials_description=context), BY_KEY)
    assert (finding.severity, finding.check) == ("error", "context")
    assert "team" in finding.problem
    assert "secret" not in finding.problem


def test_old_wrap_without_key_id() -> None:
    """Wrap kms without the entry that names the key is an error."""
    envelope = opened_envelope(lake := Lake(), lake.put("f", ROWS, CBC))
    (finding,) = envelope_findings(replace(envelope, materials_description={"a": "b"}), BY_KEY)
    assert (finding.severity, finding.check) == ("error", "key")


def test_has_encrypted_data_reads_old_clients_only() -> None:
    """Under a table without a key, profile emrfs is readable and emrfs-v2 is not."""
    lake = Lake()
    lake.put("f", ROWS, CBC)
    assert checked(lake, TableEncryption()).readable
    lake.put("g", ROWS, GCM)
    assert found(checked(lake, TableEncryption())) == [("note", "format"), ("error", "table")]


def test_instruction_files() -> None:
    """An envelope in an instruction file is an error of the object, and the file itself one of the table."""
    lake = Lake()
    put_object(
        lake.store,
        lake.table.child("f"),
        lake.keyring,
        GCM,
        b"x" * 64,
        storage=EnvelopeStorage(kind="instruction-file"),
    )
    report = checked(lake)
    assert ("error", "storage") in [(each.severity, each.check) for each in report.findings]
    assert ("error", "storage") in [(each.severity, each.check) for each in report.files[0].findings]
    assert len(report.files) == 1


def test_two_modes_in_one_table() -> None:
    """Plain files among encrypted ones are a warning at the table and at each of them."""
    lake = Lake()
    lake.put("enc", ROWS)
    lake.put("plain", ROWS, None)
    report = checked(lake)
    assert report.readable
    assert found(report) == [("warning", "encryption"), ("warning", "encryption")]
    assert "warning" in report.text()


def test_no_parquet() -> None:
    """A file that is no Parquet is an error, and shows nothing of itself."""
    lake = Lake()
    lake.put("f", b"marker-of-the-data" * 100)
    report = checked(lake)
    assert found(report) == [("error", "parquet")]
    assert "marker-of-the-data" not in report.text()


def test_columns_against_the_catalog() -> None:
    """A column of another type than the catalog's is an error; a narrower number and a missing column are none."""
    lake = Lake()
    lake.put("f", ROWS)
    assert checked(lake, columns={"x": "bigint", "text": "string", "later": "int"}).readable
    report = checked(lake, columns={"x": "string", "text": "string"})
    assert found(report) == [("error", "column")]
    assert "bigint in the file and string in the table" in report.text()


def test_columns_that_engines_may_convert() -> None:
    """Decimals of another precision, and float for double, are warnings: releases of Athena's engine differ."""
    lake = Lake()
    decimals = pa.array([None], pa.decimal128(10, 2))
    lake.put("f", pa.table({"d": decimals, "f": pa.array([1.0], pa.float32())}))
    report = checked(lake, columns={"d": "decimal(12,2)", "f": "double"})
    assert report.readable
    assert found(report) == [("warning", "column")] * 2


def test_columns_that_a_table_declares_wider() -> None:
    """Texts declared as varchar or char, and whole numbers declared wider, are read: nothing is found."""
    lake = Lake()
    numbers = pa.array([1, 2], pa.int8())
    lake.put("f", pa.table({"v": ["a", "b"], "c": ["a", "b"], "n": numbers, "m": numbers}))
    columns = {"v": "varchar(10)", "c": "char(1)", "n": "smallint", "m": "bigint"}
    assert found(checked(lake, columns=columns)) == []
    (finding,) = checked(lake, columns={**columns, "c": "array<string>"}).files[0].findings
    assert "column c is string in the file and array<string> in the table" in finding.problem


def test_bytes_that_a_table_calls_text() -> None:
    """Bytes without the mark of a text, under a table's string, are a warning: old writers leave the mark out."""
    lake = Lake()
    lake.put("f", pa.table({"b": [b"a"]}))
    assert found(checked(lake, columns={"b": "string"})) == [("warning", "column")]


@pytest.mark.parametrize("twice", [pa.table({"x": [1], "X": [2]}), pa.table({"s": [{"a": 1, "A": 2}]})])
def test_columns_that_differ_in_case_only(twice: pa.Table) -> None:
    """A file whose columns, or whose struct's fields, are one to Athena is not readable, and both are named."""
    lake = Lake()
    lake.put("f", twice)
    report = checked(lake)
    assert found(report) == [("error", "column")]
    assert "letter case" in report.text()


def test_columns_against_each_other() -> None:
    """A column of two types in two files is a warning that names both, without a catalog to compare with."""
    lake = Lake()
    lake.put("a", pa.table({"x": pa.array([1], pa.int32())}))
    lake.put("b", pa.table({"x": ["1"]}))
    report = checked(lake)
    assert found(report) == [("warning", "column")]
    assert "int in s3://bucket/lake/table/a, string in s3://bucket/lake/table/b" in report.text()


def test_columns_that_athena_has_no_type_for() -> None:
    """An unsigned column is an error of the file."""
    lake = Lake()
    lake.put("f", pa.table({"x": pa.array([1], pa.uint64())}))
    assert found(checked(lake)) == [("error", "column")]


def test_unfinished_overwrite() -> None:
    """A journal under the table is an error: Athena would see old and new files."""
    lake = Lake()
    lake.put("f", ROWS)
    journal.write(lake.store, lake.table, journal.Journal("job", journal.DONE, ("f",), ("old",)))
    assert found(checked(lake)) == [("error", "overwrite")]


def test_folders_that_are_no_partitions() -> None:
    """A layout that is no table's is a finding, not an exception."""
    lake = Lake()
    lake.put("sub/f", ROWS)
    report = checked(lake)
    assert not report.readable
    assert found(report) == [("error", "layout")]


def test_two_folders_of_one_partition() -> None:
    """A value that two folders spell differently is an error: the catalog has one place for it."""
    lake = Lake()
    for folder in ("city=San Juan", "city=San%20Juan"):
        lake.put(f"{folder}/f", ROWS)
    report = checked(lake)
    assert found(report) == [("error", "layout")]
    assert "city=San%20Juan/" in report.text()


def test_nothing_there() -> None:
    """An empty place is not readable."""
    report = checked(Lake())
    assert not report.readable
    assert found(report) == [("error", "layout")]


def test_folders_in_capitals() -> None:
    """Folders that MSCK REPAIR TABLE does not find are a note."""
    lake = Lake()
    lake.put("Month=1/f", ROWS)
    report = checked(lake)
    assert report.readable
    assert found(report) == [("note", "layout")]


def test_empty_object() -> None:
    """An object of no bytes is an error of its own, and the others are still checked."""
    lake = Lake()
    lake.put("f", ROWS)
    lake.store.put(lake.table.child("g"), b"")
    assert [file.status for file in checked(lake).files] == ["ok", "error"]


#: S3's own words.
SSE_C = (
    "InvalidRequest: The object was stored using a form of Server Side Encryption. The correct parameters must be "
    "provided to retrieve the object."
)


class SsecStore(CountingStore):
    """A store of one object that S3 gives out only with a key in the request."""

    def get_tail(self, location: Location, length: int) -> tuple[StoredObject, bytes]:
        """Refuse as S3 does."""
        raise TransferError("S3 did not send the object", found=SSE_C, status=400, code="InvalidRequest")

    def head(self, location: Location) -> StoredObject | None:
        """Refuse as S3 does."""
        raise TransferError("S3 did not describe the object", found="400", status=400, code="400")


def test_sse_c() -> None:
    """An object under SSE-C is an error that says so."""
    lake = Lake()
    lake.put("f", ROWS)
    report = checked(lake, store=SsecStore(lake.store))
    assert found(report) == [("error", "sse-c")]


class RefusingKeyring(FakeKeyring):
    """A keyring whose service is out of reach."""

    def unwrap(self, envelope: Envelope) -> Any:
        """Refuse."""
        raise KeyringError("KMS refused Decrypt", found="AccessDeniedException", fix="allow kms:Decrypt")


def test_denied_key() -> None:
    """A key that may not be used is an error with KMS's words and what to do; the envelope is still told."""
    lake = Lake()
    lake.put("f", ROWS)
    lake.keyring = RefusingKeyring()
    report = checked(lake)
    assert found(report) == [("error", "key")]
    assert "AccessDeniedException" in report.text()
    assert "wrap 'kms+context'" in report.files[0].envelope


def test_report_as_arrow() -> None:
    """The Arrow table has a row for the table and one per file, with the findings inside."""
    lake = Lake()
    lake.put("f", ROWS)
    restamp(lake, lake.put("g", ROWS), x_amz_unencrypted_content_length="1")
    seen: list[str] = []
    report = checked(lake, progress=lambda file: seen.append(file.status))
    assert seen == ["ok", "error"]
    table = report.to_arrow()
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert [row["uri"].rpartition("/")[2] for row in rows] == ["table", "f", "g"]
    assert [row["status"] for row in rows] == ["ok", "ok", "error"]
    assert rows[2]["findings"][0]["check"] == "length"
    assert "files: 1 error, 1 ok" in report.text()
    assert "does NOT read it" in report.text()
