"""A client that writes Encryption SDK messages, on a real S3 server."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from objects.fakes import KEY, FakeKms

import s3cse
from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, PolicyError, SettingsError
from s3cse.keyrings import AesKeyring, KmsKeyring, MultiKeyring
from s3cse.message import COMMITTING_SIGNED, decrypt, encrypt
from s3cse.message.options import MessageOptions

from .conftest import Log, Make

MIB = 1 << 20
LONG = os.urandom(MIB) * 9


@pytest.fixture
def writer(make: Make) -> s3cse.Client:
    """A client that names the profile, with a context of its keyring's."""
    return make(context={"table": "flights"}, profile="encryption-sdk")


@pytest.mark.parametrize("size", [0, 5, 65_536, 65_537, len(LONG)])
def test_there_and_back(writer: s3cse.Client, client: s3cse.Client, at: dict[str, str], size: int) -> None:
    """What one client puts, it and one that names nothing get, describe and list; metadata passes."""
    text = LONG[:size]
    writer.put_object(**at, Body=text, Metadata={"owner": "me"}, ContentType="text/plain")
    for reader in (writer, client):
        answer = reader.get_object(**at)
        assert (answer["ContentLength"], answer["ContentType"], answer["Metadata"]) == (
            size,
            "text/plain",
            {"owner": "me"},
        )
        assert answer["Body"].read() == text
        assert reader.head_object(**at)["ContentLength"] == size
        (row,) = reader.list_objects_v2(Bucket=at["Bucket"], Prefix=at["Key"], PlaintextSizes=True)["Contents"]
        assert row["Size"] == size < row["StoredSize"]


def test_any_sdk_opens_it(writer: s3cse.Client, at: dict[str, str], s3: Any, kms: FakeKms) -> None:
    """The stored body is one message, with the keyring's context."""
    writer.put_object(**at, Body=b"text")
    stored = s3.get_object(**at)["Body"].read()
    found = decrypt(stored, KmsKeyring(kms, KEY))
    assert (found.plaintext, found.context) == (b"text", {"table": "flights"})


def test_it_opens_any_message(client: s3cse.Client, at: dict[str, str], s3: Any, kms: FakeKms) -> None:
    """Whoever put it there."""
    s3.put_object(**at, Body=encrypt(b"text", KmsKeyring(kms, KEY), frame_length=3))
    assert client.get_object(**at)["Body"].read() == b"text"
    assert client.get_object(**at, Range="bytes=1-2")["Body"].read() == b"ex"


def test_ranges_are_cheap_and_verified(writer: s3cse.Client, at: dict[str, str], log: Log, s3: Any) -> None:
    """Strict: a range fetches its frames and no more; a changed frame is an error."""
    writer.put_object(**at, Body=LONG)
    log.clear()
    answer = writer.get_object(**at, Range="bytes=1000000-1000009")
    assert answer["Body"].read() == LONG[1_000_000:1_000_010]
    assert answer["ContentRange"] == f"bytes 1000000-1000009/{len(LONG)}"
    fetched = sum(_length(request["Range"]) for request in log.of("GetObject"))
    assert fetched < 250_000
    stored = bytearray(s3.get_object(**at)["Body"].read())
    stored[1_000_500] ^= 1
    s3.put_object(**at, Body=bytes(stored))
    with pytest.raises(IntegrityError, match="frame 16 does not verify"):
        writer.get_object(**at, Range="bytes=1000000-1000009")["Body"].read()
    assert writer.get_object(**at, Range="bytes=0-9")["Body"].read() == LONG[:10]


def _length(text: str) -> int:
    first, last = text.removeprefix("bytes=").split("-")
    return int(last) - (int(first) if first else 0) + 1


@pytest.mark.parametrize("integrity", ["strict", "stream", "verify-indexed", "none"])
def test_signed_messages(make: Make, at: dict[str, str], integrity: str) -> None:
    """Are read whole and in ranges under each policy."""
    client = make(
        profile="encryption-sdk",
        integrity=integrity,
        message=MessageOptions(suite=COMMITTING_SIGNED.id, frame_length=4096),
    )
    client.put_object(**at, Body=LONG)
    assert client.get_object(**at)["Body"].read() == LONG
    assert client.get_object(**at, Range="bytes=70000-70009")["Body"].read() == LONG[70_000:70_010]
    assert client.head_object(**at)["ContentLength"] == len(LONG)


def test_files_and_pipes(writer: s3cse.Client, at: dict[str, str], tmp_path: Path) -> None:
    """Go up in parts without waiting for their end, and come down whole."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(LONG)
    writer.upload_file(str(source), *at.values())
    writer.download_file(*at.values(), str(target))
    assert target.read_bytes() == LONG

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.inner = io.BytesIO(LONG)

        def read(self, size: int | None = -1) -> bytes:
            return self.inner.read(min(size or 0, 777_777))

    counted: list[int] = []
    writer.upload_fileobj(Pipe(), *at.values(), Callback=counted.append)
    assert sum(counted) == len(LONG)
    out = io.BytesIO()
    writer.download_fileobj(*at.values(), out)
    assert out.getvalue() == LONG


def test_copies(writer: s3cse.Client, client: s3cse.Client, at: dict[str, str]) -> None:
    """Are made by S3, as they are; with other metadata too, which cannot pass for an envelope."""
    writer.put_object(**at, Body=b"text", Metadata={"owner": "me"})
    to = {**at, "Key": at["Key"] + "-copy"}
    for copier in (writer, client):
        copier.copy_object(**to, CopySource=at)
        assert copier.get_object(**to)["Body"].read() == b"text"
        copier.copy_object(**to, CopySource=at, MetadataDirective="REPLACE", Metadata={"a": "b"})
        assert copier.get_object(**to)["Metadata"] == {"a": "b"}
        with pytest.raises(SettingsError, match="names of the envelope"):
            copier.copy_object(**to, CopySource=at, MetadataDirective="REPLACE", Metadata={"x-amz-iv": "b"})


PART = 5 * MIB + 65_536 - (5 * MIB) % 65_536


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (1, 2, 1, 2)])
def test_uploads_in_parts(writer: s3cse.Client, at: dict[str, str], order: tuple[int, ...]) -> None:
    """Come in any order, and again if they are the same."""
    upload = writer.create_multipart_upload(**at, PlaintextLength=len(LONG), PartSize=PART)["UploadId"]
    for number in order:
        body = LONG[(number - 1) * PART : number * PART]
        writer.upload_part(**at, UploadId=upload, PartNumber=number, Body=body)
    writer.complete_multipart_upload(**at, UploadId=upload)
    assert writer.get_object(**at)["Body"].read() == LONG


@pytest.mark.parametrize("length", [0, 1, 65_536, 65_537])
def test_an_upload_of_one_part(writer: s3cse.Client, at: dict[str, str], length: int) -> None:
    """Has any size."""
    upload = writer.create_multipart_upload(**at, PlaintextLength=length, PartSize=1 << 20)["UploadId"]
    writer.upload_part(**at, UploadId=upload, PartNumber=1, Body=LONG[:length])
    writer.complete_multipart_upload(**at, UploadId=upload)
    assert writer.get_object(**at)["Body"].read() == LONG[:length]


def test_a_part_with_another_content(writer: s3cse.Client, at: dict[str, str], log: Log) -> None:
    """Is refused before it is sent: other bytes under the same frame numbers would give both away."""
    upload = writer.create_multipart_upload(**at, PlaintextLength=len(LONG), PartSize=PART)["UploadId"]
    writer.upload_part(**at, UploadId=upload, PartNumber=1, Body=LONG[:PART])
    with pytest.raises(SettingsError, match="another content"):
        writer.upload_part(**at, UploadId=upload, PartNumber=1, Body=bytes(PART))
    assert len(log.of("UploadPart")) == 1
    writer.abort_multipart_upload(**at, UploadId=upload)


def test_parts_that_messages_do_not_have(make: Make, at: dict[str, str], kms: FakeKms, log: Log) -> None:
    """Ones that cut frames, and those of signed messages: the error names what to use instead."""
    client = make(profile="encryption-sdk")
    with pytest.raises(SettingsError, match=r"whole frames.*upload_fileobj"):
        client.create_multipart_upload(**at, PlaintextLength=len(LONG), PartSize=5 * MIB + 16)
    signing = make(profile="encryption-sdk", message=MessageOptions(suite=COMMITTING_SIGNED.id))
    with pytest.raises(SettingsError, match=r"signed message.*upload_fileobj"):
        signing.create_multipart_upload(**at, PlaintextLength=len(LONG), PartSize=PART)
    assert (kms.operations, log) == ([], [])


def test_several_keys(logged_s3: Any, at: dict[str, str], kms: FakeKms) -> None:
    """Each that also wraps opens the object alone."""
    raw = AesKeyring(bytes(32), provider_id="tests", key_id="a")
    several = MultiKeyring([raw], also_wrap=[AesKeyring(b"b" * 32, provider_id="tests", key_id="b")])
    s3cse.Client(logged_s3, several, profile="encryption-sdk").put_object(**at, Body=b"text")
    other = s3cse.Client(logged_s3, AesKeyring(b"b" * 32, provider_id="tests", key_id="b"))
    assert other.get_object(**at)["Body"].read() == b"text"


def test_what_it_refuses(make: Make, client: s3cse.Client, writer: s3cse.Client, at: dict[str, str], s3: Any) -> None:
    """A plain object, another key, another context: one clear error each, for a GET and for a HEAD."""
    s3.put_object(**at, Body=b"plain")
    for call in (writer.get_object, writer.head_object):
        with pytest.raises(EnvelopeError, match=r"no AWS Encryption SDK message.*706c6169"):
            call(**at)
    for call in (client.get_object, client.head_object):
        with pytest.raises(PolicyError, match="not encrypted"):
            call(**at)
    writer.put_object(**at, Body=b"text")
    raw = AesKeyring(bytes(32), provider_id="tests", key_id="a")
    with pytest.raises(KeyringError, match="none of the message's wrapped data keys is for this keyring"):
        s3cse.Client(s3, raw).get_object(**at)
    with pytest.raises(KeyringError, match="not the keyring's encryption context"):
        make(context={"table": "trains"}).get_object(**at)
    with pytest.raises(PolicyError, match="context is not the one given"):
        make(message=MessageOptions(context={"table": "trains"})).get_object(**at)


def test_a_listing_with_plain_objects(writer: s3cse.Client, at: dict[str, str], s3: Any) -> None:
    """Lists them with their length, whatever the profile says of reading them."""
    s3.put_object(**at, Body=b"plain")
    (row,) = writer.list_objects_v2(Bucket=at["Bucket"], Prefix=at["Key"], PlaintextSizes=True)["Contents"]
    assert (row["Size"], row["StoredSize"]) == (5, 5)


def test_no_instruction_files(make: Make, at: dict[str, str]) -> None:
    """A message holds its envelope."""
    with pytest.raises(SettingsError, match="has no instruction file"):
        make(profile="encryption-sdk", storage="instruction-file").put_object(**at, Body=b"text")
