"""get_object and head_object, beside boto3 on the same plaintext."""

from __future__ import annotations

import os
import tracemalloc
import uuid
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from objects.fakes import FakeKms, open_files_in

import s3cse
from s3cse.client import reading
from s3cse.client.reading import plaintext
from s3cse.errors import (
    EnvelopeError,
    IntegrityError,
    KeyringError,
    PolicyError,
    S3CSEError,
    TransferError,
)
from s3cse.objects import fetch, ranges, verified_ranges
from s3cse.objects.ranges import Span
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

from .conftest import Log, Make

TEXT = os.urandom(1 << 16) * 3 + b"end"
FORMATS: list[dict[str, Any]] = [
    {},
    {"profile": "s3ec-v4"},
    {"profile": "emrfs", "legacy": "allow"},
    {"storage": "instruction-file"},
    {"integrity": "stream"},
    {"integrity": "none"},
    {"integrity": "verify-indexed"},
]
RANGES = [
    None, "bytes=0-0", "bytes=0-99", "bytes=17-40000", "bytes=131072-", "bytes=196610-", "bytes=-1", "bytes=-70000",
    "bytes=-999999",    "bytes=0-999999",
]  # fmt: skip


@pytest.fixture
def plain(s3: Any, shared_bucket: str) -> dict[str, str]:
    """The same bytes as a plain object, and where."""
    place = {"Bucket": shared_bucket, "Key": f"{uuid.uuid4().hex}/plain"}
    s3.put_object(**place, Body=TEXT, Metadata={"owner": "me"}, ContentType="text/x")
    return place


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_as_boto3(make: Make, at: dict[str, str], s3: Any, plain: dict[str, str], form: dict[str, Any]) -> None:
    """Whole objects and ranges, GET and HEAD: boto3's shape, boto3's lengths, boto3's bytes."""
    client = make(**form)
    client.put_object(**at, Body=TEXT, Metadata={"owner": "me"}, ContentType="text/x")
    for text in RANGES:
        asked = {} if text is None else {"Range": text}
        ours, theirs = client.get_object(**at, **asked), s3.get_object(**plain, **asked)
        assert set(theirs) - set(ours) <= {"ChecksumCRC32", "ChecksumType"}
        assert set(ours) <= set(theirs)
        for name in ("ContentLength", "ContentRange", "ContentType", "Metadata", "AcceptRanges"):
            assert ours.get(name) == theirs.get(name), (text, name)
        assert ours["ResponseMetadata"]["HTTPStatusCode"] == theirs["ResponseMetadata"]["HTTPStatusCode"]
        assert ours["Body"].read() == theirs["Body"].read()
    ours, theirs = client.head_object(**at), s3.head_object(**plain)
    for name in ("ContentLength", "ContentType", "Metadata"):
        assert ours[name] == theirs[name]
    assert client.head_object(**at, Range="bytes=-7")["ContentLength"] == 7


@pytest.mark.parametrize("text", ["bytes=5-3", "bytes=x", "items=0-1", ""])
def test_invalid_ranges_are_ignored(client: s3cse.Client, at: dict[str, str], text: str) -> None:
    """As S3 does, and unlike the server of these tests, which answers 416."""
    client.put_object(**at, Body=TEXT)
    answer = client.get_object(**at, Range=text)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (200, TEXT)
    assert "ContentRange" not in answer


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 65_519, 65_520, 65_536])
def test_sizes_at_the_borders(make: Make, at: dict[str, str], form: dict[str, Any], size: int) -> None:
    """Empty objects, blocks and the border of what opening brings along."""
    client = make(**form)
    client.put_object(**at, Body=TEXT[:size])
    found = client.get_object(**at)
    assert (found["ContentLength"], found["Body"].read(), found["Body"].read()) == (size, TEXT[:size], b"")
    assert client.head_object(**at)["ContentLength"] == size


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("form", [FORMATS[0], FORMATS[2], FORMATS[5]], ids=str)
def test_any_range_is_the_slice(make: Make, shared_bucket: str, form: dict[str, Any], data: st.DataObject) -> None:
    """Whatever range is asked for, it is the slice of the bytes."""
    client = make(**form)
    size = data.draw(st.sampled_from([1, 16, 33, 1000, 70_000]))
    place = {"Bucket": shared_bucket, "Key": f"slices-{uuid.uuid4().hex}"}
    client.put_object(**place, Body=TEXT[:size])
    for _ in range(4):
        first = data.draw(st.integers(0, size - 1))
        last = data.draw(st.integers(first, size + 5))
        answer = client.get_object(**place, Range=f"bytes={first}-{last}")
        assert answer["Body"].read() == TEXT[:size][first : last + 1]
        assert answer["ContentRange"] == f"bytes {first}-{min(last, size - 1)}/{size}"


@pytest.mark.parametrize("form", FORMATS[:3], ids=str)
@pytest.mark.parametrize("method", ["get_object", "head_object"])
def test_past_the_end_is_416(make: Make, at: dict[str, str], form: dict[str, Any], method: str) -> None:
    """A range past the plaintext's end is S3's InvalidRange, though ciphertext would be there."""
    client = make(**form)
    client.put_object(**at, Body=b"x" * 20)
    for text in ("bytes=20-", "bytes=25-30", "bytes=-0"):
        with pytest.raises(ClientError) as caught:
            getattr(client, method)(**at, Range=text)
        assert caught.value.response["Error"]["Code"] == "InvalidRange"
        assert isinstance(caught.value, TransferError)


def test_conditions_and_missing_objects(client: s3cse.Client, at: dict[str, str]) -> None:
    """404, 304 and 412 are S3's own, in both trees, with boto3's codes."""
    for method, code in (("get_object", "NoSuchKey"), ("head_object", "404")):
        with pytest.raises(ClientError) as caught:
            getattr(client, method)(**at)
        assert caught.value.response["Error"]["Code"] == code
        assert isinstance(caught.value, TransferError)
        assert caught.value.status == 404
    etag = client.put_object(**at, Body=TEXT)["ETag"]
    assert client.get_object(**at, IfMatch=etag)["Body"].read() == TEXT
    assert client.get_object(**at, IfNoneMatch='"other"')["Body"].read() == TEXT
    for method in ("get_object", "head_object"):
        for given_, status in (({"IfNoneMatch": etag}, 304), ({"IfMatch": '"other"'}, 412)):
            with pytest.raises(TransferError) as refused:
                getattr(client, method)(**at, **given_)
            assert refused.value.status == status
            assert isinstance(refused.value, ClientError)


def damage(s3: Any, at: dict[str, str], place: int) -> None:
    """Change one byte of an object and keep its metadata."""
    found = s3.get_object(**at)
    body = bytearray(found["Body"].read())
    body[place] ^= 1
    s3.put_object(**at, Body=bytes(body), Metadata=found["Metadata"])


@pytest.mark.parametrize("place", [0, 100_000, 150_000, -17, -16, -1])
@pytest.mark.parametrize("through_disk", [False, True])
@pytest.mark.parametrize("text", [None, "bytes=99990-100100", "bytes=0-9"])
def test_damaged_objects_release_nothing(
    client: s3cse.Client, at: dict[str, str], s3: Any, monkeypatch: pytest.MonkeyPatch, text: str | None,
    through_disk: bool, place: int,
) -> None:  # fmt: skip
    """One bit changed in the front, the middle, the tail or the tag: no byte of object or range comes out, ever."""
    if through_disk:
        monkeypatch.setattr(reading, "read_verified", lambda opened, span: verified_ranges.read_verified(
            opened, span, memory_bytes=0))  # fmt: skip
    client.put_object(**at, Body=TEXT)
    damage(s3, at, place)
    answer = client.get_object(**at) if text is None else client.get_object(**at, Range=text)
    out = bytearray(8)
    for read in (lambda body: body.read(1), lambda body: body.read(), lambda body: body.readinto(out)):
        with pytest.raises(IntegrityError, match="nothing was released"):
            read(answer["Body"])
    assert not any(out)


def test_stream_raises_in_place_of_the_last_bytes(make: Make, at: dict[str, str], s3: Any) -> None:
    """Under stream a damaged object is told at its end, before the last bytes go; its ranges are strict."""
    client = make(integrity="stream")
    client.put_object(**at, Body=TEXT)
    damage(s3, at, 0)
    answer = client.get_object(**at)
    assert len(answer["Body"].read(len(TEXT) - 1)) == len(TEXT) - 1
    for _ in range(2):
        with pytest.raises(IntegrityError, match="has been released"):
            answer["Body"].read(1)
    with pytest.raises(IntegrityError, match="nothing was released"):
        client.get_object(**at, Range="bytes=50000-50009")["Body"].read()


def test_verify_indexed_verifies_whole_objects(make: Make, at: dict[str, str], s3: Any) -> None:
    """Ranges are released unverified, a whole object is not."""
    client = make(integrity="verify-indexed")
    client.put_object(**at, Body=TEXT)
    damage(s3, at, 0)
    assert client.get_object(**at, Range="bytes=50000-50009")["Body"].read() == TEXT[50000:50010]
    with pytest.raises(IntegrityError, match="nothing was released"):
        client.get_object(**at)["Body"].read(1)


def test_policies_come_before_keys(make: Make, at: dict[str, str], kms: FakeKms) -> None:
    """What the rules refuse costs no call of the key service, in GET and in HEAD."""
    make(profile="emrfs").put_object(**at, Body=TEXT)
    kms.operations.clear()
    for client in (make(), make(legacy="wraps"), make(legacy="allow", commitment="require")):
        for method in ("get_object", "head_object"):
            with pytest.raises(PolicyError, match=at["Key"]):
                getattr(client, method)(**at)
    assert kms.operations == []
    assert make(legacy="allow").get_object(**at)["Body"].read() == TEXT


@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_plain_objects(make: Make, at: dict[str, str], s3: Any, size: int) -> None:
    """Refused by default; passed on request, whole, in ranges and in HEAD."""
    s3.put_object(**at, Body=TEXT[:size], Metadata={"a": "b"})
    for method in ("get_object", "head_object"):
        with pytest.raises(EnvelopeError if method == "get_object" and not size else PolicyError):
            getattr(make(), method)(**at)
    client = make(plaintext="pass")
    answer = client.get_object(**at)
    assert (answer["Body"].read(), answer["Metadata"], answer["ContentLength"]) == (TEXT[:size], {"a": "b"}, size)
    assert client.head_object(**at)["ContentLength"] == size
    if size:
        assert client.get_object(**at, Range="bytes=2-3")["Body"].read() == TEXT[2:4]


@pytest.mark.parametrize("claim", ["0", "7", "99999999999", "-1", "x"])
@pytest.mark.parametrize("form", FORMATS[:3:2], ids=str)
def test_length_headers_that_lie(make: Make, at: dict[str, str], s3: Any, form: dict[str, Any], claim: str) -> None:
    """The stored length or the padding says how long an object is, never its header."""
    client = make(**form)
    client.put_object(**at, Body=TEXT[:1000])
    found = s3.get_object(**at)
    metadata = {**found["Metadata"], "x-amz-unencrypted-content-length": claim}
    s3.put_object(**at, Body=found["Body"].read(), Metadata=metadata)
    assert client.head_object(**at)["ContentLength"] == 1000
    answer = client.get_object(**at)
    assert (answer["ContentLength"], answer["Body"].read()) == (1000, TEXT[:1000])


@pytest.mark.parametrize("form", [{}, {"profile": "s3ec-v4"}, {"storage": "instruction-file"}], ids=str)
def test_non_ascii_context(make: Make, at: dict[str, str], s3: Any, form: dict[str, Any]) -> None:
    """A context in any script is stored as ASCII, and opens the object again; another one does not."""
    context = {"équipe": "Flüge", "空": "✈"}
    client = make(context, **form)
    client.put_object(**at, Body=TEXT)
    assert all(value.isascii() for value in s3.head_object(**at)["Metadata"].values())
    assert client.get_object(**at)["Body"].read() == TEXT
    assert make(**form).get_object(**at)["Body"].read() == TEXT
    with pytest.raises(KeyringError):
        make({"équipe": "x"}, **form).get_object(**at)


def test_only_the_users_metadata_is_seen(make: Make, at: dict[str, str]) -> None:
    """Names of the envelope and the mark of an upload are ours."""
    for storage in ("metadata", "instruction-file"):
        client = make(storage=storage)
        client.put_object(**at, Body=TEXT, Metadata={"Mine": "1"})
        assert client.get_object(**at)["Metadata"] == client.head_object(**at)["Metadata"] == {"mine": "1"}


def test_custom_suffix(make: Make, at: dict[str, str], s3: Any) -> None:
    """An instruction file of another suffix is found by the client that knows it, and by no other."""
    client = make(storage="instruction-file", instruction_suffix=".key")
    client.put_object(**at, Body=TEXT)
    assert s3.head_object(Bucket=at["Bucket"], Key=at["Key"] + ".key")
    assert client.get_object(**at)["Body"].read() == TEXT
    with pytest.raises(S3CSEError):
        make(storage="instruction-file").get_object(**at)


def test_requests_that_a_read_costs(
    make: Make, at: dict[str, str], log: Log, kms: FakeKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening is one GET and one key call, HEAD of a GCM object one HEAD and none, of a CBC one a HEAD and a GET."""
    client = make(integrity="none", legacy="allow")
    client.put_object(**at, Body=TEXT)
    log.clear()
    kms.operations.clear()
    answer = client.get_object(**at)
    assert (log.operations, kms.operations) == (["GetObject"], ["Decrypt"])
    answer["Body"].read(1)
    assert {params.get("IfMatch") for params in log.of("GetObject")} == {None, answer["ETag"]}
    log.clear()
    client.head_object(**at)
    assert (log.operations, kms.operations) == (["HeadObject"], ["Decrypt"])
    make(profile="emrfs").put_object(**at, Body=TEXT)
    log.clear()
    client.head_object(**at)
    assert log.operations == ["HeadObject", "GetObject"]
    log.clear()
    assert client.get_object(**at, Range="bytes=-100")["Body"].read() == TEXT[-100:]
    assert log.operations == ["GetObject"]


def test_object_replaced_between_open_and_read(client: s3cse.Client, at: dict[str, str]) -> None:
    """An overwrite meanwhile is a 412, never a mix."""
    client.put_object(**at, Body=TEXT)
    answer = client.get_object(**at)
    client.put_object(**at, Body=TEXT[::-1])
    with pytest.raises(TransferError) as caught:
        answer["Body"].read()
    assert caught.value.status == 412


@pytest.mark.parametrize("span", [None, Span(1 << 20, 31 << 20), Span(5, 100)])
def test_memory_is_bounded(
    make: Make, at: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, span: Span | None, servers: Any
) -> None:
    """A long object or range under strict needs a window, whatever its length, and leaves no file."""
    request = 1 << 18
    size = 32 << 20
    client = make()
    client.put_object(**at, Body=bytes(size))
    monkeypatch.setattr(fetch, "cut", lambda span, most: ranges.cut(span, request))
    monkeypatch.setattr(reading, "read_verified", lambda opened, span: verified_ranges.read_verified(
        opened, span, spool_directory=str(tmp_path), memory_bytes=4 * request))  # fmt: skip
    opened = client._setup.open(S3Store(servers.s3_client()), Location(at["Bucket"], at["Key"]))
    tracemalloc.start()
    try:
        count = sum(memoryview(chunk).nbytes for chunk in plaintext(opened, span, "strict"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == (size if span is None else len(span))
    # Six rooms, and what boto3 and the connections hold of six requests.
    assert peak < 2 * verified_ranges.WINDOW * request + (4 << 20)
    assert open_files_in(tmp_path) == 0


@pytest.mark.parametrize("form", [{"integrity": "none"}, {"profile": "emrfs", "legacy": "allow"}], ids=str)
def test_long_unverified_ranges_come_piece_by_piece(
    make: Make, at: dict[str, str], monkeypatch: pytest.MonkeyPatch, form: dict[str, Any]
) -> None:
    """A range of any length is held in memory one window at a time."""
    monkeypatch.setattr(reading, "WHOLE_BYTES", 4096)
    client = make(**form)
    client.put_object(**at, Body=TEXT)
    assert client.get_object(**at, Range="bytes=33-150000")["Body"].read() == TEXT[33:150001]
