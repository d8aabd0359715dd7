"""Encrypted objects on a real S3 server and a strict KMS over HTTP, with faults in between."""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections import defaultdict
from typing import Any

import pytest

from faults.kms_stub import KmsFault, KmsStub
from faults.s3_faults import SLOW_DOWN, Answer, Call, Fault, Flip, LoseAnswer, Reset, Truncate
from faults.s3_proxy import S3Proxy
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, KeyringError, S3CSEError, TransferError
from s3cse.keyrings import CachingKeyring, Keyring, KmsKeyring
from s3cse.local import Servers, clients
from s3cse.objects.download import read_to_file
from s3cse.objects.open import open_object
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges, read_whole
from s3cse.objects.streaming import read_stream
from s3cse.objects.upload import ObjectWriter, StagedUpload, complete
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

from .fakes import ALLOW

MIB = 1 << 20
PART = 5 * MIB
TEXT = os.urandom(1 << 16) * 200 + b"end"  # 12.5 MiB: three parts, two requests
GCM = find_profile("emrfs-v2", "kms")


@pytest.fixture
def store(servers: Servers, s3_proxy: S3Proxy) -> S3Store:
    """A store behind the fault proxy."""
    return S3Store(servers.s3_client(s3_proxy.url))


@pytest.fixture
def place(shared_bucket: str) -> Location:
    """A place of the test's own."""
    return Location(shared_bucket, f"{uuid.uuid4().hex}/part-0.parquet")


@pytest.fixture
def keyring(kms_stub: KmsStub) -> Keyring:
    """A keyring with cache on the KMS stub."""
    credentials = clients.Credentials("x", "x")
    return CachingKeyring(KmsKeyring(clients.kms_client(kms_stub.url, credentials, retries=0), kms_stub.create_key()))


def write(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, text: bytes = TEXT, *, known: bool = False
) -> StagedUpload:
    length = len(text) if known else None
    with ObjectWriter(store, place, keyring, profile, length=length, part_bytes=PART, memory_bytes=PART) as writer:
        writer.write(text)
        staged = writer.finish()
    complete(store, staged)
    return staged


def test_round_trip(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, s3_proxy: S3Proxy, kms_stub: KmsStub
) -> None:
    """Written in parts, opened in one GET, read whole and in ranges; one KMS call each way; an exact length header."""
    staged = write(store, place, keyring, profile)
    assert len(staged.parts) == 3
    s3_proxy.clear()
    opened = open_object(store, keyring, place, ALLOW)
    assert [(request.method, request.range) for request in s3_proxy.requests] == [("GET", "bytes=-65536")]
    claimed = opened.stored.metadata.get("x-amz-unencrypted-content-length")
    assert claimed == (None if profile.content_algorithm.commits else str(len(TEXT)))
    assert hashlib.sha256(read_whole(opened)).digest() == hashlib.sha256(TEXT).digest()
    spans = [Span(0, 100), Span(6 * MIB + 3, 6 * MIB + 70_001), Span(len(TEXT) - 3, len(TEXT))]
    found = read_unverified_ranges(open_object(store, keyring, place, ALLOW), spans)
    assert [buffer.to_pybytes() for buffer in found] == [TEXT[span.start : span.end] for span in spans]
    assert s3_proxy.count("HEAD") == 0
    assert (kms_stub.count("GenerateDataKey"), kms_stub.count("Decrypt")) == (1, 1)


def test_every_way_to_read(store: S3Store, place: Location, keyring: Keyring, profile: Profile) -> None:
    """Written with a known length; read as a stream, and into a file through a spool."""
    write(store, place, keyring, profile, known=True)
    stream = read_stream(open_object(store, keyring, place, ALLOW))
    assert b"".join(stream) == TEXT
    out = io.BytesIO()
    read_to_file(open_object(store, keyring, place, ALLOW), out, whole_bytes=0)
    assert out.getvalue() == TEXT


@pytest.mark.parametrize("size", [0, 1, 16, 65_536])
def test_small_objects(store: S3Store, place: Location, keyring: Keyring, profile: Profile, size: int) -> None:
    """Objects that fit into the tail, the empty text included."""
    write(store, place, keyring, profile, TEXT[:size])
    assert read_whole(open_object(store, keyring, place, ALLOW)).to_pybytes() == TEXT[:size]


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("fault", [LoseAnswer(), SLOW_DOWN, Reset()], ids=["lost", "busy", "reset"])
def test_retried_parts_carry_the_same_bytes(
    servers: Servers, place: Location, keyring: Keyring, profile: Profile, s3_proxy: S3Proxy, fault: Any, known: bool
) -> None:
    """A part that has to be sent again is sent with the same bytes: others would be a two-time pad."""
    client = servers.s3_client(s3_proxy.url)
    sent: dict[str, list[bytes]] = defaultdict(list)

    def note(request: Any, **_: Any) -> None:
        body = request.body if isinstance(request.body, bytes | bytearray) else request.body.read()
        if not isinstance(request.body, bytes | bytearray):
            request.body.seek(0)
        sent[request.url.partition("partNumber=")[2]].append(hashlib.sha256(body).digest())

    client.meta.events.register("before-send.s3.UploadPart", note)
    store = S3Store(client)
    s3_proxy.fail(
        Fault(fault, method="PUT", query="partNumber=2", nth=1), Fault(fault, method="PUT", query="partNumber=1", nth=1)
    )
    write(store, place, keyring, profile, known=known)
    assert s3_proxy.count("PUT", query="partNumber=2") == 2
    assert sorted(map(len, sent.values())) == [1, 2, 2]
    assert len({one for bodies in sent.values() for one in bodies}) == 3
    assert read_whole(open_object(store, keyring, place, ALLOW)).to_pybytes() == TEXT


@pytest.mark.parametrize(
    "fault",
    [LoseAnswer(), Call(after=None), Answer.error(200, "InternalError"), Answer.error(404, "NoSuchUpload")],
    ids=["lost", "none", "error in 200", "gone"],
)
def test_complete_is_settled(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, s3_proxy: S3Proxy, fault: Any
) -> None:
    """A lost or wrong answer to Complete is either settled as done, or an error after which it can be repeated."""
    with ObjectWriter(store, place, keyring, profile, part_bytes=PART) as writer:
        writer.write(TEXT)
        staged = writer.finish()
    s3_proxy.fail(Fault(fault, method="POST", query="uploadId"))
    done = isinstance(fault, (LoseAnswer, Call))
    if done:
        complete(store, staged)
    else:
        with pytest.raises(TransferError):
            complete(store, staged)
        assert store.head(place) is None
    s3_proxy.clear()
    complete(store, staged)
    complete(store, staged)
    assert read_whole(open_object(store, keyring, place, ALLOW)).to_pybytes() == TEXT


@pytest.mark.parametrize("known", [False, True])
def test_failed_upload_leaves_nothing(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, s3_proxy: S3Proxy, known: bool
) -> None:
    """A part that S3 refuses: a clear error, no object, no upload."""
    s3_proxy.fail(Fault(Answer.error(403, "AccessDenied"), method="PUT", query="partNumber=3"))
    with pytest.raises(TransferError, match=f"{place.uri}: S3 did not take part 3 .*AccessDenied"):
        write(store, place, keyring, profile, known=known)
    s3_proxy.clear()
    assert store.head(place) is None
    assert list(store.list_uploads(place)) == []


@pytest.mark.parametrize("fault", [Reset(after=MIB), Truncate(after=1), SLOW_DOWN], ids=["reset", "cut", "busy"])
def test_reading_goes_on_after_faults(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, s3_proxy: S3Proxy, fault: Any
) -> None:
    """Connections that break and a busy server cost time, not the read."""
    write(store, place, keyring, profile)
    s3_proxy.fail(*(Fault(fault, method="GET", nth=nth) for nth in (1, 2, 3)))
    assert read_whole(open_object(store, keyring, place, ALLOW)).to_pybytes() == TEXT


def test_flipped_byte_on_the_way(store: S3Store, place: Location, keyring: Keyring, s3_proxy: S3Proxy) -> None:
    """A byte that changes between server and reader is found in every request that could bring it."""
    write(store, place, keyring, GCM)
    for nth in (1, 2, 3):
        s3_proxy.fail(Fault(Flip(at=1000), method="GET", nth=nth))
        with pytest.raises(IntegrityError, match="nothing was released"):
            read_whole(open_object(store, keyring, place, ALLOW))


def test_object_replaced_while_it_is_read(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, s3_proxy: S3Proxy, servers: Servers
) -> None:
    """An overwrite between opening and reading is a 412 that says so, never a mix."""
    write(store, place, keyring, profile)
    behind = S3Store(servers.s3_client())
    opened = open_object(store, keyring, place, ALLOW)
    write(behind, place, keyring, profile, TEXT[::-1])
    for read in (lambda: read_whole(opened), lambda: read_unverified_ranges(opened, [Span(0, 9)])):
        with pytest.raises(TransferError, match="t was replaced while it was read") as caught:
            read()
        assert (caught.value.status, caught.value.uri) == (412, place.uri)
    assert read_whole(open_object(store, keyring, place, ALLOW)).to_pybytes() == TEXT[::-1]


def test_plain_copy_that_lost_its_metadata(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, s3: Any, kms_stub: KmsStub
) -> None:
    """A copy without metadata is refused as not encrypted and costs no KMS call; the object is still there."""
    staged = write(store, place, keyring, profile)
    body = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    s3.put_object(Bucket=place.bucket, Key=place.key, Body=body)
    with pytest.raises(S3CSEError, match=f"{place.uri}: the object is not encrypted"):
        open_object(store, keyring, place, ALLOW)
    assert kms_stub.count("Decrypt") == 0
    s3.put_object(Bucket=place.bucket, Key=place.key, Body=body, Metadata=dict(staged.metadata))
    assert read_whole(open_object(store, keyring, place, ALLOW)).to_pybytes() == TEXT


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "DisabledException"])
def test_kms_faults_end_clearly(
    store: S3Store, place: Location, keyring: Keyring, profile: Profile, kms_stub: KmsStub, code: str
) -> None:
    """KMS refuses: the error names object, code and advice, and the next try works."""
    write(store, place, keyring, profile, b"text")
    kms_stub.fail(KmsFault(code, times=1))
    with pytest.raises(KeyringError, match=f"{place.uri}: KMS refused Decrypt; found {code}") as caught:
        open_object(store, keyring, place, ALLOW)
    assert caught.value.__cause__ is not None
    assert caught.value.fix is not None
    assert read_whole(open_object(store, keyring, place, ALLOW)).to_pybytes() == b"text"
