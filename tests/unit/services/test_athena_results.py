"""Results of queries: moto's Athena says where they are, SeaweedFS holds what a CSE_KMS workgroup would have left."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pandas as pd
import pyarrow as pa
import pytest

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.errors import EnvelopeError, KeyringError, PolicyError, S3CSEError, SettingsError, TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects.put import put_object
from s3cse.services.athena.executions import find_execution
from s3cse.services.athena.results import read_results, read_results_at
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fakes import CBC, parquet

CSV = b'"carrier","delay","cost"\n"UA","3","1.50"\n,,\n"","4",\n'
INFO = [
    {"Name": "carrier", "Type": "varchar"},
    {"Name": "delay", "Type": "bigint"},
    {"Name": "cost", "Type": "decimal", "Precision": 10, "Scale": 2},
]
ROWS = [
    {"carrier": "UA", "delay": 3, "cost": pa.scalar("1.50").cast(pa.decimal128(10, 2)).as_py()},
    {"carrier": None, "delay": None, "cost": None},
    {"carrier": "", "delay": 4, "cost": None},
]


@dataclass
class Results:
    """A workgroup's place for results, and queries that ran in it."""

    servers: s3cse.local.Servers
    place: Location
    key: str
    athena: Any
    store: S3Store
    keyring: KmsKeyring

    def run(self, encryption: str | None = "CSE_KMS", info: Any = INFO, workgroup: str = "primary") -> str:
        """Run a query whose result moto is told of, and return its id."""
        queued = {"results": [{"rows": [], "column_info": info}]}
        url = f"{self.servers.kms_url}/moto-api/static/athena/query-results"
        urlopen(Request(url, json.dumps(queued).encode(), {"Content-Type": "application/json"})).close()
        configuration: dict[str, Any] = {"OutputLocation": self.place.uri}
        if encryption:
            configuration["EncryptionConfiguration"] = {"EncryptionOption": encryption, "KmsKey": self.key}
        started = self.athena.start_query_execution(
            QueryString="SELECT 1", ResultConfiguration=configuration, WorkGroup=workgroup
        )
        return str(started["QueryExecutionId"])

    def put(self, name: str, body: bytes, profile: Any = CBC) -> Location:
        """Leave an object as Athena does; profile None: plain."""
        location = self.place.child(name)
        if profile is None:
            self.store.put(location, body)
        else:
            put_object(self.store, location, self.keyring, profile, body)
        return location


@pytest.fixture
def results(servers: s3cse.local.Servers, s3: Any, kms: Any, kms_key: str, shared_bucket: str) -> Results:
    """A place of the test's own."""
    place = Location(shared_bucket, f"results/{uuid.uuid4().hex}")
    return Results(servers, place, kms_key, servers.athena_client(), S3Store(s3), KmsKeyring(kms, kms_key))


class Answering:
    """An Athena client that says more of executions than moto does."""

    def __init__(self, inner: Any, **more: Any) -> None:
        self._inner = inner
        self._more = more

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_query_execution(self, **arguments: Any) -> Any:
        """See boto3."""
        answer = self._inner.get_query_execution(**arguments)
        return {"QueryExecution": {**answer["QueryExecution"], **self._more}}


@pytest.mark.parametrize("profile", ["emrfs", "emrfs-v2"])
def test_csv_of_a_cse_kms_workgroup(results: Results, profile: str) -> None:
    """The CSV is decrypted, with the types that Athena names; NULL and the empty string stay two things."""
    query = results.run()
    results.put(f"{query}.csv", CSV, find_profile(profile, "kms"))
    found = read_results(query, athena=results.athena, store=results.store, keyring=results.keyring)
    assert found.table.to_pylist() == ROWS
    assert found.table.schema.types == [pa.string(), pa.int64(), pa.decimal128(10, 2)]
    assert found.source == results.place.child(f"{query}.csv").uri
    assert found.workgroup == "primary"


def test_clients_are_made_where_none_are_given(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing but an id, S3 and the key that the execution names are found as boto3 finds them."""
    for name, value in results.servers.environment().items():
        monkeypatch.setenv(name, value)
    query = results.run()
    results.put(f"{query}.csv", CSV)
    assert read_results(query, athena=results.athena).table.to_pylist() == ROWS


def test_pandas(results: Results) -> None:
    """pandas gets nullable types: NULL makes no floats of whole numbers and no NaN of texts."""
    results.put("q.csv", CSV)
    types = {"carrier": "varchar", "delay": "bigint", "cost": "decimal(10,2)"}
    frame = read_results_at(results.place.child("q.csv").uri, results.store, results.keyring, types=types).to_pandas()
    assert frame["delay"].dtype == pd.Int64Dtype()
    assert frame["delay"].tolist() == [3, pd.NA, 4]
    assert frame["carrier"].tolist() == ["UA", pd.NA, ""]


def test_place_without_types(results: Results) -> None:
    """Without types every value is a text."""
    results.put("q.csv", CSV)
    found = read_results_at(results.place.child("q.csv"), results.store, results.keyring)
    assert found.table.column("delay").to_pylist() == ["3", None, "4"]


def test_types_over_athenas(results: Results) -> None:
    """A type that the caller names stands over Athena's, which says 3 digits of timestamps with 6."""
    query = results.run(info=[{"Name": "at", "Type": "timestamp", "Precision": 3}])
    results.put(f"{query}.csv", b'"at"\n"2026-01-31 10:11:12.123456"\n')
    reading: dict[str, Any] = {"athena": results.athena, "store": results.store, "keyring": results.keyring}
    with pytest.raises(EnvelopeError, match="does not fit"):
        read_results(query, **reading)
    (moment,) = read_results(query, **reading, types={"at": "timestamp(6)"}).table.column("at").to_pylist()
    assert moment.microsecond == 123456


@pytest.mark.parametrize("encryption", [None, "SSE_KMS"])
def test_plain_results(results: Results, encryption: str | None) -> None:
    """Results of workgroups without client-side encryption are read as they are."""
    query = results.run(encryption)
    results.put(f"{query}.csv", CSV, None)
    assert read_results(query, athena=results.athena, store=results.store).table.to_pylist() == ROWS


def test_plain_result_where_encryption_was_said(results: Results) -> None:
    """An execution that says CSE_KMS with a plain result is refused: somebody put another object there."""
    query = results.run()
    place = results.put(f"{query}.csv", CSV, None)
    with pytest.raises(PolicyError, match="not encrypted"):
        read_results(query, athena=results.athena, store=results.store, keyring=results.keyring)
    with pytest.raises(PolicyError, match="not encrypted"):
        read_results_at(place, results.store, results.keyring)


def test_unload(results: Results) -> None:
    """Files that an UNLOAD or CTAS wrote are read through its manifest, with the columns of their folders."""
    query = results.run()
    keys = []
    for month in (1, 2):
        rows = pa.table({"carrier": [f"C{month}"], "delay": pa.array([month], pa.int64())})
        keys.append(results.put(f"data/month={month}/part", parquet(rows), find_profile("emrfs", "kms")).uri)
    manifest = results.put(f"{query}-manifest.csv", "\n".join(keys).encode() + b"\n")
    athena = Answering(results.athena, SubstatementType="UNLOAD", Statistics={"DataManifestLocation": manifest.uri})
    expected = [{"carrier": "C1", "delay": 1, "month": 1}, {"carrier": "C2", "delay": 2, "month": 2}]
    found = read_results(query, athena=athena, store=results.store, keyring=results.keyring)
    assert found.table.to_pylist() == expected
    assert found.source == manifest.uri
    assert read_results_at(manifest, results.store, results.keyring).table.to_pylist() == expected


def test_plain_manifest_of_encrypted_files(results: Results) -> None:
    """A manifest holds addresses only and may be plain; a file that it names may not."""
    data = results.put("data/part", parquet(pa.table({"x": [1]})))
    manifest = results.put("q-manifest.csv", data.uri.encode(), None)
    assert read_results_at(manifest, results.store, results.keyring).table.to_pylist() == [{"x": 1}]
    plain = results.put("data/plain", parquet(pa.table({"x": [1]})), None)
    results.put("q-manifest.csv", plain.uri.encode())
    with pytest.raises(PolicyError, match="data/plain"):
        read_results_at(manifest, results.store, results.keyring)


def test_unload_of_nothing(results: Results) -> None:
    """An UNLOAD of no rows wrote no files: a table without columns."""
    assert read_results_at(results.put("q-manifest.csv", b""), results.store, results.keyring).table.num_rows == 0


def test_unload_of_other_formats(results: Results) -> None:
    """A file that is no Parquet is a clear error, and shows nothing of itself."""
    data = results.put("data/part", b'{"marker": 1}')
    manifest = results.put("q-manifest.csv", data.uri.encode())
    with pytest.raises(S3CSEError, match="no readable Parquet") as caught:
        read_results_at(manifest, results.store, results.keyring)
    assert "marker" not in str(caught.value)


def test_no_manifest(results: Results) -> None:
    """A manifest that is no list of addresses is an error that names it."""
    manifest = results.put("q-manifest.csv", b"\xff\xfe no addresses")
    with pytest.raises(EnvelopeError, match=r"q-manifest\.csv"):
        read_results_at(manifest, results.store, results.keyring)


def test_files_that_do_not_go_together(results: Results) -> None:
    """Files of contradicting columns are an error."""
    uris = [
        results.put(f"data/{name}", parquet(pa.table({"x": values}))).uri
        for name, values in (("a", [1]), ("b", ["text"]))
    ]
    manifest = results.put("q-manifest.csv", "\n".join(uris).encode())
    with pytest.raises(SettingsError, match="do not go together"):
        read_results_at(manifest, results.store, results.keyring)


def test_another_workgroup(results: Results) -> None:
    """A query of another workgroup than the one asked for is one clear error that names both."""
    results.athena.create_work_group(Name=f"w{uuid.uuid4().hex}")
    query = results.run()
    with pytest.raises(SettingsError, match="found primary; expected analysts"):
        read_results(query, athena=results.athena, workgroup="analysts")
    assert find_execution(results.athena, query, "primary").workgroup == "primary"


def test_unknown_query() -> None:
    """An id that Athena does not know, or refuses for its workgroup, is a clear error with Athena's words."""

    class Refusing:
        def get_query_execution(self, QueryExecutionId: str) -> Any:  # noqa: N803 - boto3's name
            from botocore.exceptions import ClientError

            raise ClientError(
                {"Error": {"Code": "InvalidRequestException", "Message": "QueryExecution q was not found"}}, "x"
            )

    with pytest.raises(TransferError, match=r"query q.*InvalidRequestException.*athena:GetQueryExecution"):
        read_results("q", athena=Refusing())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"Status": {"State": "FAILED", "StateChangeReason": "no such column"}}, "FAILED: no such column"),
        ({"Status": {"State": "RUNNING"}}, "RUNNING"),
        ({"ResultConfiguration": {}}, "left no result in S3"),
        ({"ResultConfiguration": {"OutputLocation": "s3://b/q.txt"}}, "no rows of columns"),
    ],
)
def test_queries_without_a_result(results: Results, more: dict[str, Any], said: str) -> None:
    """What has not succeeded, is managed by Athena itself, or is the text of a DDL statement is one clear error."""
    with pytest.raises(SettingsError, match=said):
        read_results(results.run(), athena=Answering(results.athena, **more), store=results.store)


def test_key_of_another_workgroup(results: Results) -> None:
    """A result under another key than the one given does not open; the error names the result."""
    query = results.run()
    results.put(f"{query}.csv", CSV)
    other = KmsKeyring(results.servers.kms_client(), results.servers.create_key())
    with pytest.raises(KeyringError, match=f"{query}.csv"):
        read_results(query, athena=results.athena, store=results.store, keyring=other)
