"""put_object and the uploads."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from objects.fakes import FakeKms

import s3cse
from s3cse.errors import KeyringError, SettingsError, TransferError

from .conftest import Log, Make
from .failing_requests import failed, lose

MIB = 1 << 20
LONG = os.urandom(MIB) * 17 + b"end"


def stored(client: s3cse.Client, at: dict[str, str]) -> bytes:
    """Return the object's plaintext."""
    return bytes(client.get_object(**at)["Body"].read())


class Drip(io.RawIOBase):
    """A file that cannot be measured and gives little at once."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def read(self, size: int | None = -1) -> bytes:
        return self._data.read(self._step if not size or size < 0 else min(size, self._step))


@pytest.mark.parametrize(
    "body", [b"abc", bytearray(b"abc"), memoryview(b"abc"), "abc", io.BytesIO(b"abc"), Drip(b"abc", 1)]
)
def test_bodies(client: s3cse.Client, at: dict[str, str], body: Any) -> None:
    """Bytes, buffers, text and files of all kinds; boto3's answer."""
    answer = client.put_object(**at, Body=body)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert stored(client, at) == b"abc"
    assert client.head_object(**at)["ETag"] == answer["ETag"]


def test_no_body_is_an_empty_object(client: s3cse.Client, at: dict[str, str]) -> None:
    """As boto3 has it."""
    client.put_object(**at)
    assert stored(client, at) == b""


def test_answer_has_boto3s_shape(client: s3cse.Client, at: dict[str, str], s3: Any) -> None:
    """The same names as boto3 gives for the plain object."""
    ours = client.put_object(**at, Body=b"abc")
    theirs = s3.put_object(Bucket=at["Bucket"], Key=at["Key"] + "-plain", Body=b"abc")
    assert set(ours) == set(theirs)


@pytest.mark.parametrize("form", [{}, {"profile": "s3ec-v4"}, {"profile": "emrfs", "legacy": "allow"},
                                  {"storage": "instruction-file"}], ids=str)  # fmt: skip
@pytest.mark.parametrize("known", [True, False])
def test_long_files(make: Make, at: dict[str, str], log: Log, form: dict[str, Any], known: bool) -> None:
    """A file longer than a part goes in parts; one whose length is known is never spooled."""
    client = make(**form)
    body = io.BytesIO(b"skip" + LONG) if known else Drip(LONG, 100_003)
    if known:
        body.read(4)
    client.put_object(**at, Body=body)
    assert log.operations.count("UploadPart") == 3
    assert stored(client, at) == LONG


def test_upload_fileobj_takes_a_pipe(client: s3cse.Client, at: dict[str, str]) -> None:
    """What comes through a pipe is encrypted as it comes, and the callback hears of every byte."""
    reader, writer = os.pipe()

    def feed() -> None:
        with open(writer, "wb") as pipe:
            pipe.write(LONG)

    feeder = threading.Thread(target=feed)
    feeder.start()
    taken: list[int] = []
    with open(reader, "rb") as pipe:
        extra = {"ContentType": "text/x", "Metadata": {"a": "b"}}
        client.upload_fileobj(pipe, at["Bucket"], at["Key"], ExtraArgs=extra, Callback=taken.append)
    feeder.join()
    assert sum(taken) == len(LONG)
    assert stored(client, at) == LONG
    head = client.head_object(**at)
    assert (head["ContentType"], head["Metadata"], head["ContentLength"]) == ("text/x", {"a": "b"}, len(LONG))


def test_upload_file(client: s3cse.Client, at: dict[str, str], tmp_path: Path, log: Log) -> None:
    """A local file, in the part size of boto3's TransferConfig."""
    path = tmp_path / "file"
    path.write_bytes(LONG)
    taken: list[int] = []
    config = TransferConfig(multipart_chunksize=5 * MIB + 1)
    client.upload_file(path, at["Bucket"], at["Key"], Callback=taken.append, Config=config)
    assert (stored(client, at), sum(taken)) == (LONG, len(LONG))
    assert len(log.of("UploadPart")) == 4
    with pytest.raises(FileNotFoundError):
        client.upload_file(tmp_path / "none", at["Bucket"], at["Key"])
    with pytest.raises(SettingsError, match="Nonsense"):
        client.upload_file(path, at["Bucket"], at["Key"], ExtraArgs={"Nonsense": 1})
    with pytest.raises(SettingsError, match="needs a file"):
        client.upload_fileobj(b"bytes", at["Bucket"], at["Key"])


@pytest.mark.parametrize("size", [10, 20 * MIB])
@pytest.mark.parametrize("wrong", [-3, 3])
def test_content_length_is_believed_and_checked(
    client: s3cse.Client, at: dict[str, str], size: int, wrong: int, s3: Any
) -> None:
    """A ContentLength that is not the body's is an error, and nothing is visible."""
    with pytest.raises(SettingsError):
        client.put_object(**at, Body=Drip(bytes(size), MIB), ContentLength=size + wrong)
    with pytest.raises(ClientError):
        s3.head_object(**at)
    assert s3.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", []) == []
    client.put_object(**at, Body=Drip(bytes(size), MIB), ContentLength=size)
    assert client.head_object(**at)["ContentLength"] == size


def test_file_that_fails_leaves_nothing(client: s3cse.Client, at: dict[str, str], s3: Any) -> None:
    """The file's own error comes out, the upload is aborted."""

    class Broken(Drip):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            if not data:
                raise OSError("mine")
            return data

    with pytest.raises(OSError, match="mine"):
        client.put_object(**at, Body=Broken(LONG, MIB))
    assert s3.list_multipart_uploads(Bucket=at["Bucket"], Prefix=at["Key"]).get("Uploads", []) == []


@pytest.mark.parametrize("size", [5, 9 * MIB])
@pytest.mark.parametrize("storage", ["metadata", "instruction-file"])
def test_conditional_writes(make: Make, at: dict[str, str], size: int, storage: str) -> None:
    """If-None-Match refuses to overwrite, in both trees, and what was there still opens."""
    client = make(storage=storage)
    client.put_object(**at, Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        client.put_object(**at, Body=bytes(size), IfNoneMatch="*")
    assert isinstance(caught.value, TransferError)
    assert caught.value.response["Error"]["Code"] == "PreconditionFailed"
    assert stored(client, at) == b"first"


@pytest.mark.parametrize("profile", ["emrfs-v2", "emrfs", "s3ec-v4"])
def test_context_too_big_for_metadata(make: Make, at: dict[str, str], profile: str, log: Log) -> None:
    """A long context is an error that proposes the instruction file, before S3 is asked; there it fits."""
    context = {f"name-{index}": "x" * 90 for index in range(30)}
    with pytest.raises(SettingsError, match="storage=instruction-file"):
        make(context, profile=profile).put_object(**at, Body=b"abc")
    assert log == []
    if profile != "emrfs":  # the wrap `kms` takes no context of the caller's when it reads
        client = make(context, profile=profile, storage="instruction-file", legacy="allow")
        client.put_object(**at, Body=b"abc")
        assert stored(client, at) == b"abc"


def test_user_metadata_counts(client: s3cse.Client, at: dict[str, str]) -> None:
    """The user's own metadata shares S3's 2 KB."""
    with pytest.raises(SettingsError, match="does not fit"):
        client.put_object(**at, Body=b"abc", Metadata={"a": "b" * 2000})


def test_key_service_that_refuses(client: s3cse.Client, at: dict[str, str], kms: FakeKms, log: Log) -> None:
    """No data key, no request."""
    kms.refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GenerateDataKey")
    with pytest.raises(KeyringError):
        client.put_object(**at, Body=b"abc")
    assert log == []


def test_lost_answer_is_settled(
    make: Make, at: dict[str, str], logged_s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where S3's answer to Complete is lost, a HEAD says what became of it, and gives the ETag."""
    client = make()
    lose(monkeypatch, logged_s3, "complete_multipart_upload", failed("NoSuchUpload", 404))
    answer = client.put_object(**at, Body=LONG)
    assert answer["ETag"] == client.head_object(**at)["ETag"]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
