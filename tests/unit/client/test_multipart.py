"""Uploads in parts that the caller cuts."""

from __future__ import annotations

import io
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from objects.fakes import FakeKms

import s3cse
from s3cse.errors import SettingsError, TransferError
from s3cse.keyrings import AesKeyring
from s3cse.objects.settlement import UnsettledError
from s3cse.storage.port import Location

from .conftest import Log, Make
from .failing_requests import failed, lose, refuse, unanswered

PART = 5 << 20
TEXT = os.urandom(1 << 20) * 17 + b"end"  # four parts
FORMS: list[dict[str, Any]] = [
    {},
    {"profile": "s3ec-v4"},
    {"storage": "instruction-file"},
    {"profile": "emrfs", "legacy": "allow"},
]


def part(number: int) -> bytes:
    return TEXT[(number - 1) * PART : number * PART]


class Upload:
    """One upload, in short."""

    def __init__(self, client: s3cse.Client, at: dict[str, str], **parameters: Any) -> None:
        parameters.setdefault("PlaintextLength", len(TEXT))
        parameters.setdefault("PartSize", PART)
        self._client = client
        self._at = at
        self.id = client.create_multipart_upload(**at, **parameters)["UploadId"]

    def send(self, number: int, body: Any = None) -> dict[str, Any]:
        content = part(number) if body is None else body
        return self._client.upload_part(**self._at, UploadId=self.id, PartNumber=number, Body=content)

    def complete(self, **parameters: Any) -> dict[str, Any]:
        return self._client.complete_multipart_upload(**self._at, UploadId=self.id, **parameters)

    def abort(self) -> None:
        self._client.abort_multipart_upload(**self._at, UploadId=self.id)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_parts_in_order(make: Make, at: dict[str, str], form: dict[str, Any], s3: Any) -> None:
    """boto3's way: create, parts, complete with their list; boto3's shapes; the object opens."""
    client = make(**form)
    created = client.create_multipart_upload(
        **at, PlaintextLength=len(TEXT), PartSize=PART, Metadata={"a": "b"}, ContentType="text/x"
    )
    assert {name: created[name] for name in at} == at
    parts = []
    for number in (1, 2, 3, 4):
        sent = client.upload_part(**at, UploadId=created["UploadId"], PartNumber=number, Body=part(number))
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    answer = client.complete_multipart_upload(**at, UploadId=created["UploadId"], MultipartUpload={"Parts": parts})
    assert {name: answer[name] for name in at} == at
    head = client.head_object(**at)
    assert (head["ETag"], head["Metadata"], head["ContentType"]) == (answer["ETag"], {"a": "b"}, "text/x")
    assert head["ContentLength"] == len(TEXT)
    assert client.get_object(**at)["Body"].read() == TEXT


@pytest.mark.parametrize("form", FORMS[:3], ids=str)
def test_parts_in_any_order_from_threads(make: Make, at: dict[str, str], form: dict[str, Any]) -> None:
    """GCM parts come as they like, some twice at once; only the last one waits."""
    client = make(**form)
    upload = Upload(client, at)
    numbers = [1, 2, 3, 1, 2, 3]
    random.Random(5).shuffle(numbers)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(upload.send, numbers))
    upload.send(4, io.BytesIO(part(4)))
    upload.complete()
    assert client.get_object(**at)["Body"].read() == TEXT


def test_what_s3_took_last_is_what_is_noted(
    client: s3cse.Client, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under SSE-KMS a part sent again gets another ETag; a slow answer to the first send is not the one that stays."""
    upload = Upload(client, at)
    taken: list[str] = []
    again = threading.Event()

    def take(**_: Any) -> Any:
        etag = f'"{len(taken)}"'
        taken.append(etag)
        if len(taken) == 1:
            again.wait(0.3)  # the answer is under way while the part comes again
        else:
            again.set()
        return {"ETag": etag}

    monkeypatch.setattr(logged_s3, "upload_part", take)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upload.send, [1, 1]))
    ((noted, _),) = client._uploads._open[Location(*at.values()), upload.id][0]._parts.values()
    assert noted.etag == taken[-1]


def test_what_can_be_refused_costs_no_key(
    client: s3cse.Client, at: dict[str, str], kms: FakeKms, log: Log, logged_s3: Any
) -> None:
    """The envelope's names, a length that the format has not, and Redshift with a file: neither KMS nor S3 is asked."""
    for wrong in ({"Metadata": {"X-Amz-Iv": "x"}}, {"PlaintextLength": 65 << 30, "PartSize": 1 << 30}):
        with pytest.raises(SettingsError, match=f"s3://{at['Bucket']}/{at['Key']}"):
            Upload(client, at, **wrong)
    redshift = s3cse.Client(logged_s3, AesKeyring(bytes(32)), profile="redshift", storage="instruction-file")
    with pytest.raises(SettingsError, match="Redshift reads no instruction files"):
        Upload(redshift, at)
    assert (kms.operations, log.operations) == ([], [])


def test_last_part_waits(client: s3cse.Client, at: dict[str, str], log: Log) -> None:
    """The part with the tag is refused, and not sent, until all others are in."""
    upload = Upload(client, at)
    for number in (2, 1):
        with pytest.raises(SettingsError, match=r"carries the tag.*first of them part 1|first of them part 3"):
            upload.send(4)
        upload.send(number)
    with pytest.raises(SettingsError, match="first of them part 3"):
        upload.send(4)
    assert len(log.of("UploadPart")) == 2
    with pytest.raises(SettingsError, match="parts are missing; found no part 3"):
        upload.complete()
    upload.send(3)
    upload.send(4)
    upload.complete()
    assert client.get_object(**at)["Body"].read() == TEXT


@pytest.mark.parametrize("form", [FORMS[0], FORMS[3]], ids=str)
def test_repeated_part_must_be_the_same(make: Make, at: dict[str, str], log: Log, form: dict[str, Any]) -> None:
    """Other content under the same number is refused before anything is sent; the same is sent as it was."""
    client = make(**form)
    upload = Upload(client, at)
    first = upload.send(1)
    sent = len(log.of("UploadPart"))
    with pytest.raises(SettingsError, match=f"s3://{at['Bucket']}/{at['Key']}: part 1 has another content"):
        upload.send(1, part(1)[:-1] + b"?")
    assert len(log.of("UploadPart")) == sent
    assert upload.send(1)["ETag"] == first["ETag"]
    for number in (2, 3, 4, 4):
        upload.send(number)
    with pytest.raises(SettingsError, match="part 4 has another content"):
        upload.send(4, b"x" * len(part(4)))
    upload.complete()
    assert client.get_object(**at)["Body"].read() == TEXT


def test_part_that_failed_counts_as_seen(
    client: s3cse.Client, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that S3 did not take may have been seen on the way: only the same content may follow."""
    upload = Upload(client, at)

    with monkeypatch.context() as patch:
        refuse(patch, logged_s3, "upload_part", failed("x", 500))
        with pytest.raises(TransferError):
            upload.send(1)
    with pytest.raises(SettingsError, match="another content"):
        upload.send(1, bytes(PART))
    with pytest.raises(SettingsError, match="first of them part 1"):
        upload.send(4)
    for number in (1, 2, 3, 4):
        upload.send(number)
    upload.complete()


@pytest.mark.parametrize("number", [0, 5, -1, "1", None])
def test_numbers(client: s3cse.Client, at: dict[str, str], number: Any, log: Log) -> None:
    """There are as many parts as the sizes say."""
    upload = Upload(client, at)
    with pytest.raises(SettingsError, match="no such part"):
        upload.send(number, b"")
    assert log.operations == ["CreateMultipartUpload"]


def test_wrong_lengths_are_not_sent(client: s3cse.Client, at: dict[str, str], log: Log) -> None:
    """A part that is too short or too long, from memory or a file, never leaves."""
    upload = Upload(client, at)
    for body in (part(1)[1:], part(1) + b"x", io.BytesIO(part(1) + b"x"), b""):
        with pytest.raises(SettingsError, match="wrong length"):
            upload.send(1, body)
    with pytest.raises(SettingsError, match="ContentLength 7"):
        client.upload_part(**at, UploadId=upload.id, PartNumber=1, Body=part(1), ContentLength=7)
    assert log.operations == ["CreateMultipartUpload"]


@pytest.mark.parametrize("size", [0, 1, PART])
@pytest.mark.parametrize("form", [FORMS[0], FORMS[3]], ids=str)
def test_one_part(make: Make, at: dict[str, str], size: int, form: dict[str, Any]) -> None:
    """An object of one part, the empty one included."""
    client = make(**form)
    upload = Upload(client, at, PlaintextLength=size)
    upload.send(1, TEXT[:size])
    upload.complete()
    assert client.get_object(**at)["Body"].read() == TEXT[:size]


def test_cbc_in_order_only(make: Make, at: dict[str, str]) -> None:
    """A CBC part out of turn is refused."""
    upload = Upload(make(profile="emrfs"), at)
    with pytest.raises(SettingsError, match="in order"):
        upload.send(2)
    upload.send(1)
    upload.send(2)
    with pytest.raises(SettingsError, match="others are in"):
        upload.send(4)


def test_list_must_be_that_of_the_upload(client: s3cse.Client, at: dict[str, str]) -> None:
    """A list of parts with another ETag, or without one of them, is refused; the upload goes on."""
    upload = Upload(client, at, PlaintextLength=5)
    etag = upload.send(1, b"12345")["ETag"]
    for listed in ({"Parts": []}, {"Parts": [{"PartNumber": 1, "ETag": "x"}]}, {}, [etag]):
        with pytest.raises(SettingsError):
            upload.complete(MultipartUpload=listed)
    upload.complete(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    with pytest.raises(SettingsError, match="has ended it"):
        upload.complete()


def test_abort(client: s3cse.Client, make: Make, at: dict[str, str], s3: Any) -> None:
    """Nothing is left of an aborted upload; any client may abort, none but its own may go on."""
    upload = Upload(client, at)
    upload.send(1)
    sealer = client._uploads._open[next(iter(client._uploads._open))][0]._sealer
    other = make()
    with pytest.raises(SettingsError, match="not begun this upload"):
        other.upload_part(**at, UploadId=upload.id, PartNumber=2, Body=part(2))
    upload.abort()
    assert s3.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", []) == []
    with pytest.raises(SettingsError, match="has ended it"):
        upload.send(2)
    with pytest.raises(ValueError, match="closed"):
        sealer.seal(2, PART, bytearray(PART))
    orphan = Upload(client, at)
    other.abort_multipart_upload(**at, UploadId=orphan.id)
    with pytest.raises(TransferError):
        orphan.send(1)


def test_completion_may_be_repeated(
    client: s3cse.Client, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error of Complete the upload is still there."""
    upload = Upload(client, at, PlaintextLength=5)
    upload.send(1, b"12345")

    with monkeypatch.context() as patch:
        refuse(patch, logged_s3, "complete_multipart_upload", failed("x", 503))
        with pytest.raises(TransferError):
            upload.complete()
    upload.complete(IfNoneMatch="*")
    assert client.get_object(**at)["Body"].read() == b"12345"


@pytest.fixture
def over(make: Make, at: dict[str, str]) -> tuple[s3cse.Client, Upload]:
    """An upload, all of it sent, that is to replace an object, both with instruction files."""
    client = make(storage="instruction-file")
    client.put_object(**at, Body=b"old")
    upload = Upload(client, at, PlaintextLength=5)
    upload.send(1, b"12345")
    return client, upload


@pytest.fixture(
    params=[failed("x", 503), unanswered(), KeyboardInterrupt()],
    ids=["failed", "lost", "interrupted"],
)
def unsettled(over: tuple[s3cse.Client, Upload], request: pytest.FixtureRequest, logged_s3: Any) -> Upload:
    """That upload after two completions of which nobody knows what became."""
    _, upload = over
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            refuse(patch, logged_s3, "complete_multipart_upload", request.param)
            with pytest.raises((UnsettledError, KeyboardInterrupt)):
                upload.complete()
    return upload


def test_repeated_completion_remembers_the_first_file(
    client: s3cse.Client, unsettled: Upload, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When S3 refuses in the end, the old object's file is put back, not that of the attempts before."""
    with monkeypatch.context() as patch:
        refuse(patch, logged_s3, "complete_multipart_upload", failed("x", 403))
        with pytest.raises(TransferError):
            unsettled.complete()
    assert client.get_object(**at)["Body"].read() == b"old"
    unsettled.complete()
    assert client.get_object(**at)["Body"].read() == b"12345"


def test_abort_puts_the_old_file_back(
    client: s3cse.Client, unsettled: Upload, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completing again or aborting: either ends with an object that can be read. An abort that fails is repeated."""
    with monkeypatch.context() as patch:
        refuse(patch, logged_s3, "abort_multipart_upload", failed("x", 503))
        with pytest.raises(TransferError):
            unsettled.abort()
    unsettled.abort()
    assert client.get_object(**at)["Body"].read() == b"old"


def test_abort_whose_answer_was_lost_may_be_repeated(
    client: s3cse.Client, unsettled: Upload, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload is gone then (404): the old file is put back all the same, and the upload is forgotten."""
    with monkeypatch.context() as patch:
        lose(patch, logged_s3, "abort_multipart_upload")
        with pytest.raises(TransferError):
            unsettled.abort()
    refuse(monkeypatch, logged_s3, "abort_multipart_upload", failed("x", 404))
    unsettled.abort()
    assert client.get_object(**at)["Body"].read() == b"old"
    with pytest.raises(TransferError):  # as boto3 says of an upload that nobody has begun
        unsettled.abort()


@pytest.mark.parametrize("method", ["head_object", "get_object"])
def test_abort_that_cannot_put_the_old_file_back_says_so(
    client: s3cse.Client, unsettled: Upload, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:  # fmt: skip
    """And is repeated, when S3 answers again."""
    with monkeypatch.context() as patch:
        refuse(patch, logged_s3, method, failed("x", 503))
        with pytest.raises(TransferError):
            unsettled.abort()
    unsettled.abort()
    assert client.get_object(**at)["Body"].read() == b"old"


def test_abort_of_what_is_complete_keeps_its_file(
    over: tuple[s3cse.Client, Upload], at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt came while S3 completed it; some servers have no objection to aborting it then."""
    client, upload = over
    complete = logged_s3.complete_multipart_upload

    def interrupted(**arguments: Any) -> Any:
        complete(**arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(logged_s3, "complete_multipart_upload", interrupted)
    monkeypatch.setattr(logged_s3, "abort_multipart_upload", lambda **_: {})
    with pytest.raises(KeyboardInterrupt):
        upload.complete()
    upload.abort()
    assert client.get_object(**at)["Body"].read() == b"12345"


def test_abort_asks_no_more_than_it_must(client: s3cse.Client, at: dict[str, str], log: Log) -> None:
    """Where no completion was tried, nothing has to be put back."""
    upload = Upload(client, at)
    log.clear()
    upload.abort()
    assert log.operations == ["AbortMultipartUpload"]
