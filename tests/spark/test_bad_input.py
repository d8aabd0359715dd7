"""What is wrong ends as one clear error that names the object; nothing is lost and nothing leaks."""

from __future__ import annotations

import base64
import contextlib
import io
import pickle
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

import s3cse.local
from faults.kms_stub import KmsFault, KmsStub
from faults.s3_faults import SLOW_DOWN, Answer, Fault
from faults.s3_proxy import S3Proxy
from s3cse.errors import S3CSEError
from s3cse.keyrings import KmsKeyring
from s3cse.options.table import parse_options
from s3cse.spark.explain import explain
from s3cse.spark.planning import ReadJob, table_schema
from s3cse.spark.staging import WriteJob
from s3cse.spark.types import to_spark
from spark.fixtures import Table

#: In every data file here; no message may show it.
MARKER = "marker-value-in-the-data"


def fails(action: Callable[[], Any]) -> str:
    """Run what has to fail; return the whole text of the error, in which nothing secret may be."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks into it
        action()
    # With its kind, which Spark puts before the errors of its workers, and Python before those of this process.
    text = "".join(traceback.format_exception_only(caught.value))
    assert explain(caught.value) is not None, f"no error of ours: {text[-2000:]}"
    assert MARKER not in text
    return text


def cause(text: str) -> str:
    """Return the line that a job would print."""
    return explain(RuntimeError(text)) or ""


@pytest.fixture
def one_file(table: Table) -> Table:
    """A table of one encrypted file."""
    table.put("f.parquet", pa.table({"id": range(2000), "text": [MARKER] * 2000}))
    return table


SCHEMA = "id bigint, text string"


def test_truncated_object(one_file: Table) -> None:
    """An object cut short does not verify; no row is released."""
    body, metadata = one_file.body("f.parquet")
    for length in (len(body) // 2, 5):
        one_file.replace("f.parquet", body[:length], metadata)
        line = cause(fails(lambda: one_file.read(SCHEMA).collect()))
        assert line.startswith(f"IntegrityError: {one_file.uri}f.parquet: ")


@pytest.mark.parametrize("at", [100, -1])
def test_flipped_bit_releases_no_row(one_file: Table, at: int) -> None:
    """A changed body or tag is an integrity error; rows of the intact file beside it are no excuse for one."""
    one_file.put("a.parquet", pa.table({"id": [1], "text": [MARKER]}))
    body, metadata = one_file.body("f.parquet")
    changed = bytearray(body)
    changed[at] ^= 1
    one_file.replace("f.parquet", bytes(changed), metadata)
    text = fails(lambda: one_file.read(SCHEMA).write.format("noop").mode("overwrite").save())
    assert cause(text).startswith(f"IntegrityError: {one_file.uri}f.parquet: ")
    # Nothing was lost: with the byte put right the file reads.
    one_file.replace("f.parquet", body, metadata)
    assert one_file.read().count() == 2001


def headers(change: dict[str, str | None]) -> Callable[[dict[str, str]], dict[str, str]]:
    """Return a function that replaces or removes (None) headers."""

    def changed(metadata: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in {**metadata, **change}.items() if value is not None}

    return changed


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (headers({"x-amz-iv": None}), "EnvelopeError"),
        (headers({"x-amz-wrap-alg": None}), "EnvelopeError"),
        (headers({"x-amz-iv": "%%%"}), "EnvelopeError"),
        (headers({"x-amz-iv": base64.b64encode(bytes(8)).decode()}), "EnvelopeError"),
        (headers({"x-amz-tag-len": "96"}), "EnvelopeError"),
        (headers({"x-amz-cek-alg": "AES/XTS"}), "EnvelopeError"),
        (headers({"x-amz-matdesc": "{"}), "EnvelopeError"),
        (headers({"x-amz-key": "AAAA"}), "EnvelopeError"),
        (headers({"x-amz-cek-alg": "AES/CBC/PKCS5Padding", "x-amz-tag-len": None}), "EnvelopeError"),
        (headers({"x-amz-key-v2": base64.b64encode(bytes(184)).decode()}), "KeyringError"),
    ],
    ids=["no IV", "no wrap", "IV no base64", "short IV", "tag length", "unknown cipher", "matdesc", "two formats",
         "relabelled", "another wrapped key"],
)  # fmt: skip
def test_bad_headers(one_file: Table, change: Callable[[dict[str, str]], dict[str, str]], kind: str) -> None:
    """Missing, malformed, contradicting or swapped headers are an error that names the object, and no key is shown."""
    body, metadata = one_file.body("f.parquet")
    one_file.replace("f.parquet", body, change(metadata))
    text = fails(lambda: one_file.read().collect())
    assert cause(text).startswith(f"{kind}: {one_file.uri}f.parquet: ")
    assert metadata["x-amz-key-v2"] not in text


def test_wrong_kms_key(one_file: Table, servers: s3cse.local.Servers, kms_stub: KmsStub) -> None:
    """Naming another key than the one that wrapped the data key is refused, with the object and the advice."""
    right, wrong = kms_stub.create_key(), kms_stub.create_key()
    one_file.keyring = KmsKeyring(servers.kms_client(kms_stub.url), right)
    one_file.put("f.parquet", pa.table({"id": [1], "text": [MARKER]}))
    line = cause(fails(lambda: one_file.read(kmsKeyId=wrong, kmsEndpointUrl=kms_stub.url).collect()))
    assert line.startswith(f"KeyringError: {one_file.uri}f.parquet: KMS refused Decrypt")
    assert "IncorrectKeyException" in line
    assert one_file.read(kmsKeyId=right, kmsEndpointUrl=kms_stub.url).count() == 1


@pytest.mark.parametrize("service", ["kms", "s3"])
def test_access_denied(
    table: Table, servers: s3cse.local.Servers, kms_stub: KmsStub, s3_proxy: S3Proxy, service: str
) -> None:
    """Missing permissions are said in one line, with the object, at once."""
    key = kms_stub.create_key()
    table.keyring = KmsKeyring(servers.kms_client(kms_stub.url), key)
    table.options = {"kmsKeyId": key, "endpointUrl": s3_proxy.url, "kmsEndpointUrl": kms_stub.url}
    table.put("f.parquet", pa.table({"id": [1], "text": [MARKER]}))
    if service == "kms":
        kms_stub.fail(KmsFault("AccessDeniedException", operation="Decrypt"))
    else:
        s3_proxy.fail(Fault(Answer.error(403, "AccessDenied"), method="GET", key="*/f.parquet"))
    line = cause(fails(lambda: table.read().collect()))
    kind = "KeyringError" if service == "kms" else "TransferError"
    assert line.startswith(f"{kind}: {table.uri}f.parquet: ")
    assert "AccessDenied" in line


def test_throttling_is_waited_out(
    table: Table, servers: s3cse.local.Servers, kms_stub: KmsStub, s3_proxy: S3Proxy
) -> None:
    """KMS and S3 that are busy for a while delay a read, and nobody sees an error."""
    key = kms_stub.create_key()
    table.keyring = KmsKeyring(servers.kms_client(kms_stub.url), key)
    table.options = {"kmsKeyId": key, "endpointUrl": s3_proxy.url, "kmsEndpointUrl": kms_stub.url}
    table.put("f.parquet", pa.table({"id": [1], "text": [MARKER]}))
    kms_stub.fail(KmsFault("ThrottlingException", operation="Decrypt", times=2))
    s3_proxy.fail(Fault(SLOW_DOWN, method="GET", key="*/f.parquet", nth=1))
    assert table.read().count() == 1
    assert kms_stub.count("Decrypt") >= 3


def test_throttling_without_end(
    table: Table, servers: s3cse.local.Servers, s3_proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 that stays busy is an error in the end, which says so (asked as Spark's planner asks, without the waits)."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    table.put("f.parquet", pa.table({"id": [1], "text": [MARKER]}))
    s3_proxy.fail(Fault(SLOW_DOWN, method="GET", key="*/f.parquet"))
    options = parse_options({**table.options, "path": table.uri, "endpointUrl": s3_proxy.url})
    line = cause(fails(lambda: table_schema(options))).removeprefix("TransferError: ")
    assert line.startswith(f"{table.uri}f.parquet: ")
    assert "SlowDown" in line
    assert s3_proxy.count("GET", key="*/f.parquet") > 3


def test_object_replaced_between_two_reads(one_file: Table) -> None:
    """A DataFrame that was planned before a file was replaced does not mix old and new: it says load again."""
    df = one_file.read(SCHEMA)
    assert df.count() == 2000
    one_file.put("f.parquet", pa.table({"id": range(3), "text": [MARKER] * 3}))
    line = cause(fails(df.count))
    assert f"{one_file.uri}f.parquet: the file was replaced" in line
    assert "oad the table again" in line
    assert one_file.read().count() == 3


def test_empty_object_among_the_files(one_file: Table) -> None:
    """An object of no bytes is no encrypted file: it is named, not skipped, since it may have held data."""
    one_file.put("empty.parquet", b"", profile=None)
    for action in (lambda: one_file.read(), lambda: one_file.read(SCHEMA).collect()):
        assert f"{one_file.uri}empty.parquet: the object is empty" in cause(fails(action))


def test_table_that_is_not_there(table: Table) -> None:
    """An address without data files is an error, not a table without rows."""
    for action in (lambda: table.read(), lambda: table.read(SCHEMA).collect()):
        line = cause(fails(action))
        assert table.location.uri in line
        assert "no data files" in line


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        ({"columns": "id,nope"}, "found 'nope'; expected id, text"),
        ({"schema": "id bigint, nope string"}, "found 'nope'; expected id, text"),
        ({"filter": "nope = 1"}, "nope"),
        ({"filter": "id ="}, "filter"),
        ({"colums": "id"}, "id you mean columns?"),
        ({"integrity": "lax"}, "strict"),
        ({"schema": "id string"}, "f.parquet: column 'id'"),
    ],
    ids=str,
)
def test_wrong_requests(one_file: Table, ask: dict[str, str], found: str) -> None:
    """A column, option, value, filter or type that does not fit is refused with what would have."""
    line = cause(fails(lambda: one_file.read(**ask).collect()))
    assert line.startswith("SettingsError: ")
    assert found in line


@pytest.mark.data_source
@pytest.mark.parametrize("mode", ["errorifexists", "ignore"])
def test_save_modes_that_are_not_supported(spark: SparkSession, table: Table, mode: str) -> None:
    """Spark refuses other modes than append and overwrite, and nothing is written."""
    with pytest.raises(Exception, match="UNSUPPORTED_DATA_SOURCE_SAVE_MODE"):
        table.write(spark.range(3), mode)
    assert table.names() == []


def test_plan_and_messages_hold_no_secret(
    spark: SparkSession, table: Table, servers: s3cse.local.Servers, kms: Any
) -> None:
    """explain(), the pickled read, its splits, and the pickled write: no data key, no plaintext."""
    location = table.put("f.parquet", pa.table({"id": range(5), "text": [MARKER] * 5}))
    stored = table.store.head(location)
    assert stored is not None
    import json

    wrapped = base64.b64decode(stored.metadata["x-amz-key-v2"])
    context = json.loads(stored.metadata["x-amz-matdesc"])
    data_key = kms.decrypt(CiphertextBlob=wrapped, EncryptionContext=context)["Plaintext"]
    df = table.read(filter="id > 1")
    assert df.count() == 3
    with contextlib.redirect_stdout(io.StringIO()) as plan:
        df.explain("extended")
    reading = ReadJob(
        parse_options({"path": table.uri, **table.options, "endpointUrl": servers.s3_url,
                       "kmsEndpointUrl": servers.kms_url}, {}),
        df.schema,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in servers.environment().items():
            patch.setenv(name, value)
        splits = reading.splits()
    writing = WriteJob(parse_options({"path": table.uri, **table.options}, {}), to_spark(reading.schema), False)
    seen = plan.getvalue().encode() + pickle.dumps((reading, splits, writing))
    assert len(splits) == 1
    for secret in (data_key, MARKER.encode(), servers.secret_key.encode()):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in seen


def test_failing_query_over_a_table_shows_no_secret(spark: SparkSession, one_file: Table) -> None:
    """An error in the user's own function over decrypted rows shows what that function says, and no key of ours."""

    def broken(batches: Any) -> Any:
        for batch in batches:
            raise ValueError(f"{batch.num_rows} rows came")
        yield

    df: DataFrame = one_file.read().mapInArrow(broken, "id bigint")
    with pytest.raises(Exception, match="rows came") as caught:
        df.collect()
    wrapped = one_file.body("f.parquet")[1]["x-amz-key-v2"]
    assert wrapped not in str(caught.value)
    assert MARKER not in str(caught.value)
    assert not isinstance(caught.value, S3CSEError)
