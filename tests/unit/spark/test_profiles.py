"""Jobs with the profiles encryption-sdk and sse-c, without Spark's JVM: staged, committed, planned, read."""

from __future__ import annotations

import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

import s3cse.local
from s3cse.errors import KeyringError, S3CSEError
from s3cse.keyrings.customer_keys import DerivedCustomerKeys
from s3cse.message import decrypt
from s3cse.options.table import parse_options
from s3cse.parquet.counts import collect
from s3cse.spark.planning import ReadJob, table_schema
from s3cse.spark.reports import read_report
from s3cse.spark.staging import WriteJob
from s3cse.spark.types import to_spark
from s3cse.storage.customer_key_store import CustomerKeyStore, as_target
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

ROWS = pa.table(
    {"id": range(1000), "part": [row % 2 for row in range(1000)], "text": [f"{row:040}" for row in range(1000)]}
)
KEY = bytes(range(60, 92))


@pytest.fixture
def table(servers: s3cse.local.Servers, shared_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Location:
    """An address where nothing is yet; this process sees the servers."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    return Location(shared_bucket, f"jobs/{uuid.uuid4().hex}")


@pytest.fixture
def sse_c(tmp_path: Path) -> dict[str, str]:
    """Options of SSE-C."""
    (tmp_path / "root").write_bytes(KEY)
    return {"profile": "sse-c", "keyring": "aes", "keyFile": str(tmp_path / "root"), "customerKeys": "derived"}


def write(table: Location, options: dict[str, str], rows: pa.Table = ROWS, *, overwrite: bool = False) -> list[Any]:
    """Write as one task and the driver do; return what travelled between them."""
    parsed = parse_options({"path": table.uri, "partitionBy": "part", **options}, {}, use="write")
    job = WriteJob(parsed, to_spark(rows.schema), overwrite)
    staged = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(job)).stage(rows.to_batches())))
    job.commit(staged)
    return list(staged)


def read(table: Location, options: dict[str, str]) -> pa.Table:
    """Read as planner and tasks do."""
    parsed = parse_options({"path": table.uri, **options}, {}, use="read")
    known = table_schema(parsed)
    wanted = known if parsed.columns is None else pa.schema([known.field(name) for name in parsed.columns])
    job = pickle.loads(pickle.dumps(ReadJob(parsed, to_spark(wanted))))
    batches = [batch for split in job.splits() for batch in job.read(pickle.loads(pickle.dumps(split)))]
    return pa.Table.from_batches(batches, job.schema)


def files(store: S3Store, table: Location) -> list[Location]:
    """Return the data files."""
    return [row.location for row in store.list(table) if row.location.key.endswith(".parquet")]


def test_sse_c(s3: Any, table: Location, sse_c: dict[str, str]) -> None:
    """Appended to, replaced, read back; every object, marks and reports too, is under its own key and no other."""
    write(table, sse_c, ROWS.slice(0, 10))
    staged = write(table, sse_c, overwrite=True)
    report = table.child("_report")
    found = read(table, {**sse_c, "columns": "id,part", "filter": "part = 1", "report": report.uri})
    assert sorted(found.column("id").to_pylist()) == list(range(1, 1000, 2))
    keys = DerivedCustomerKeys(KEY)
    everything = [row.location for row in S3Store(s3).list(table)]
    assert len(everything) >= 2 + 2  # files, the mark, at least one report
    for place in everything:
        key = keys.customer_key(place)
        assert s3.head_object(Bucket=place.bucket, Key=place.key, **as_target(key))["SSECustomerAlgorithm"] == "AES256"
        with pytest.raises(ClientError):
            s3.head_object(Bucket=place.bucket, Key=place.key)
    counts = read_report(report.uri, **sse_c)
    assert counts == collect(CustomerKeyStore(s3, keys), report)
    assert (counts.by_s3_files > 0, counts.verified_files, counts.unverified_files) == (True, 0, 0)
    assert not list(S3Store(s3).list_uploads(table))
    for travelled in (repr(staged), repr(pickle.dumps(staged))):
        assert KEY.hex() not in travelled
        assert repr(KEY)[2:-1] not in travelled


def test_sse_c_with_a_wrong_key(table: Location, sse_c: dict[str, str], tmp_path: Path) -> None:
    """The error names the file and shows no key; so does an error of a table that is not under SSE-C."""
    write(table, sse_c)
    (tmp_path / "other").write_bytes(bytes(32))
    with pytest.raises(KeyringError, match=r"part-0.*refused access with this customer key"):
        read(table, {**sse_c, "keyFile": str(tmp_path / "other")})


def test_sse_c_beside_a_foreign_mark(s3: Any, table: Location, sse_c: dict[str, str]) -> None:
    """A ``_SUCCESS`` that another tool left without a key stands in no writer's way, and is replaced."""
    S3Store(s3).put(table.child("_SUCCESS"), b"")
    write(table, sse_c)
    assert read(table, sse_c).num_rows == 1000


@pytest.mark.parametrize("named", [True, False])
def test_messages(s3: Any, kms: Any, kms_key: str, table: Location, named: bool) -> None:
    """Appended to, replaced, read back: named or found; each file is a message that holds a Parquet file."""
    options = {"profile": "encryption-sdk", "kmsKeyId": kms_key, "context": '{"team": "flights"}', "frameBytes": "4k"}
    write(table, options, ROWS.slice(0, 10))
    write(table, options, overwrite=True)
    reading = {name: value for name, value in options.items() if name != "frameBytes" and (named or name != "profile")}
    report = table.child("_report")
    found = read(table, {**reading, "columns": "id", "report": report.uri})
    assert sorted(found.column("id").to_pylist()) == list(range(1000))
    counts = read_report(report.uri)
    assert (counts.verified_files, counts.unverified_files) == (2, 0)
    store = S3Store(s3)
    for place in files(store, table):
        stored, body = store.get_tail(place, 1 << 30)
        message = decrypt(body, s3cse.keyrings.KmsKeyring(kms, kms_key), context={"team": "flights"})
        assert (message.header.frame_length, bytes(message.plaintext[:4])) == (4096, b"PAR1")
        assert not [name for name in stored.metadata if name.startswith("x-amz-")]


def test_messages_of_raw_keys(table: Location, tmp_path: Path) -> None:
    """A raw key goes by its names; a context that is asked for and not there is an error that names the file."""
    (tmp_path / "key").write_bytes(KEY)
    raw = {"profile": "encryption-sdk", "keyring": "aes", "keyFile": str(tmp_path / "key")}
    options = {**raw, "keyNamespace": "flights", "keyName": "2026", "context": json.dumps({"a": "b"})}
    write(table, options)
    assert read(table, options).num_rows == 1000
    for change in ({"context": json.dumps({"a": "c"})}, {"keyName": "2027"}):
        with pytest.raises(S3CSEError, match="part-0"):
            read(table, {**options, **change})


def test_server_side_encryption(s3: Any, kms_key: str, table: Location) -> None:
    """What S3 itself is to encrypt with goes with everything that a write leaves."""
    write(table, {"kmsKeyId": kms_key, "sse": "AES256"})
    for row in S3Store(s3).list(table):
        assert s3.head_object(Bucket=row.location.bucket, Key=row.location.key)["ServerSideEncryption"] == "AES256"
