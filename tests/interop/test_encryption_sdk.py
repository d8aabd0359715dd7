"""Official AWS Encryption SDKs read what we write, and we read what they write, of every suite and kind of keyring."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

import s3cse
import s3cse.local
from interop.drivers import UnavailableError, node_encryption_sdk
from interop.esdk import CONTEXT, LENGTHS, Sdk, aes_key, rsa_key, written
from s3cse.errors import S3CSEError
from s3cse.keyrings import KmsDiscoveryKeyring, KmsKeyring, MultiKeyring
from s3cse.keyrings.message_rsa import PADDINGS
from s3cse.message import COMMITTING, COMMITTING_SIGNED, SUITES, MessageReader, decrypt, decrypt_into, encrypt
from s3cse.message.options import MessageOptions

pytestmark = pytest.mark.heavy

PYTHON = Path(__file__).resolve().parents[2] / ".venv-esdk" / "bin" / "python"
DRIVER = Path(__file__).with_name("encryption_sdk.py")


@pytest.fixture(params=["python", "node"])
def sdk(request: pytest.FixtureRequest, tmp_path: Path) -> Sdk:
    """The official client: aws-encryption-sdk for Python, or @aws-crypto/client-node."""
    if request.param == "python":
        return Sdk([PYTHON, DRIVER], tmp_path, required_keys=True, least_frames=(0, 128))
    try:
        return Sdk(node_encryption_sdk(), tmp_path, required_keys=False, least_frames=(1,))
    except UnavailableError as error:
        pytest.skip(f"the AWS Encryption SDK for JavaScript needs node and npm with their registry: {error}")


def test_the_sdk_reads_what_we_write(sdk: Sdk) -> None:
    """Both suites, any length, whole and streamed, threads, every size and padding of raw keys, several keys, required
    keys."""
    wanted = []

    def order(message: bytes, plaintext: bytes, keys: list[dict[str, str]], **options: Any) -> None:
        wanted.append((sdk.order("decrypt", message, keys, **options), plaintext))

    for suite in (COMMITTING, COMMITTING_SIGNED):
        keyring, spec = aes_key()
        options: dict[str, Any] = {"suite": suite, "context": CONTEXT}
        for length in LENGTHS:
            plaintext = os.urandom(length)
            order(encrypt(plaintext, keyring, frame_length=4096, **options), plaintext, [spec], context=CONTEXT)
            order(written(plaintext, keyring, suite=suite, frame_length=4096), plaintext, [spec])
        long = os.urandom(10 << 20)
        order(encrypt(long, keyring, threads=3, **options), long, [spec], context=CONTEXT)
        for pair_keyring, pair_spec in [aes_key(size) for size in (16, 24, 32)] + [rsa_key(name) for name in PADDINGS]:
            message = encrypt(b"text", pair_keyring, **options)
            order(message, b"text", [pair_spec], context=CONTEXT)
            order(message, b"text", [pair_spec])
        several = MultiKeyring([keyring], also_wrap=[aes_key(16, "second")[0], rsa_key("oaep-sha256")[0]])
        message = encrypt(b"text", several, **options)
        for other in (spec, aes_key(16, "second")[1], rsa_key("oaep-sha256")[1]):
            order(message, b"text", [other])
        if sdk.required_keys:
            message = encrypt(b"text", keyring, required_keys=["table"], **options)
            order(message, b"text", [spec], context=CONTEXT, required_keys=["table"])
    assert sdk.answers() == ["ok"] * len(wanted)
    for target, plaintext in wanted:
        assert target.read_bytes() == plaintext


def test_we_read_what_the_sdk_writes(sdk: Sdk) -> None:
    """Every suite, any length, framed and in one piece, whole, streamed and into a buffer; every size and padding of
    raw keys, several keys, required keys; the context said again, or not where nothing of it is required."""
    wanted: list[tuple[Path, bytes, Any, dict[str, str]]] = []

    def order(
        plaintext: bytes, *pairs: tuple[Any, dict[str, str]], context: dict[str, str] = CONTEXT, **options: Any
    ) -> None:
        specs = [spec for _, spec in pairs]
        target = sdk.order("encrypt", plaintext, specs, context=context, **{"frame_length": 4096, **options})
        wanted.extend((target, plaintext, keyring, context) for keyring, _ in pairs)

    for number in SUITES:
        for length in LENGTHS:
            order(os.urandom(length), aes_key(), suite=number)
        for frame_length in sdk.least_frames:
            order(os.urandom(5000), aes_key(), suite=number, context={}, frame_length=frame_length)
        for pair in [aes_key(size) for size in (16, 24)] + [rsa_key(padding) for padding in PADDINGS]:
            order(b"text", pair, suite=number)
        order(b"several keys", aes_key(), aes_key(16, "second"), rsa_key("oaep-sha256"), suite=number)
        if sdk.required_keys:
            order(b"required", aes_key(), suite=number, required_keys=["table"])
    order(os.urandom(5 << 20), aes_key(), suite=COMMITTING_SIGNED.id, frame_length=1 << 16)
    assert sdk.answers() == ["ok"] * len({target for target, _, _, _ in wanted})
    for target, plaintext, keyring, context in wanted:
        message = target.read_bytes()
        for said in [{}, {"context": context}][plaintext == b"required" :]:
            options: dict[str, Any] = {"commitment": "allow", **said}
            result = decrypt(message, keyring, threads=2, **options)
            assert result.plaintext == plaintext
            assert result.context.items() >= context.items()
            out = bytearray(len(message))
            assert decrypt_into(message, out, keyring, **options) == len(plaintext)
            assert out.startswith(plaintext)
            reader = MessageReader(io.BytesIO(message), keyring, signed="release-early", **options)
            assert reader.readall() == plaintext


def test_kms_data_keys_go_both_ways(sdk: Sdk, servers: s3cse.local.Servers, kms: Any, kms_key: str,
                                    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """One KMS key, every suite that either writes, with a context; by the key's name and by discovery."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    keyring, spec = KmsKeyring(kms, kms_key), {"kind": "kms", "key_id": kms_key, "endpoint_url": servers.kms_url}
    suites = (COMMITTING, COMMITTING_SIGNED)
    theirs = [sdk.order("decrypt", encrypt(b"ours", keyring, suite=suite, context=CONTEXT), [spec]) for suite in suites]
    ours = [
        sdk.order("encrypt", b"theirs", [spec], context=CONTEXT, suite=number, frame_length=4096) for number in SUITES
    ]
    assert sdk.answers() == ["ok"] * (len(theirs) + len(ours))
    assert [target.read_bytes() for target in theirs] == [b"ours"] * 2
    for reading in (keyring, KmsDiscoveryKeyring(kms)):
        for target in ours:
            result = decrypt(target.read_bytes(), reading, context=CONTEXT, commitment="allow")
            assert result.plaintext == b"theirs"


def test_objects_in_s3_go_both_ways(sdk: Sdk, s3: Any, shared_bucket: str) -> None:
    """What a client puts the SDK opens, in parts and with frames of any length; what the SDK made a client gets, heads
    and reads in ranges."""
    keyring, spec = aes_key()
    ours: list[tuple[Path, bytes]] = []
    theirs: list[tuple[Path, bytes, int]] = []
    for suite in (COMMITTING, COMMITTING_SIGNED):
        for frame_length in (4096, 65_536):
            client = s3cse.Client(
                s3,
                keyring,
                profile="encryption-sdk",
                message=MessageOptions(suite=suite.id, frame_length=frame_length, context=CONTEXT),
            )
            for length in (0, 65_536, 100_000, 9 << 20):
                place, text = (
                    {"Bucket": shared_bucket, "Key": f"esdk/{suite}/{frame_length}/{length}"},
                    os.urandom(length),
                )
                client.put_object(**place, Body=text)
                stored = s3.get_object(**place)["Body"].read()
                ours.append((sdk.order("decrypt", stored, [spec], context=CONTEXT), text))
    for number in SUITES:
        for frame_length in [length for length in (0, 4096, 65_536) if length >= min(sdk.least_frames)]:
            text = os.urandom(100_000)
            made = sdk.order("encrypt", text, [spec], context=CONTEXT, suite=number, frame_length=frame_length)
            theirs.append((made, text, frame_length))
    assert set(sdk.answers()) == {"ok"}
    for target, text in ours:
        assert target.read_bytes() == text
    client = s3cse.Client(s3, keyring, legacy="allow", message=MessageOptions(context=CONTEXT))
    for number, (target, text, frame_length) in enumerate(theirs):
        place = {"Bucket": shared_bucket, "Key": f"esdk/theirs/{number}-{frame_length}"}
        s3.put_object(**place, Body=target.read_bytes())
        assert client.head_object(**place)["ContentLength"] == len(text)
        assert client.get_object(**place)["Body"].read() == text
        assert client.get_object(**place, Range="bytes=65530-65540")["Body"].read() == text[65_530:65_541]


def test_both_refuse_the_same_changes(sdk: Sdk) -> None:
    """A changed byte in each part of a message, and a cut: nobody gives plaintext."""
    keyring, spec = aes_key()
    message = encrypt(bytes(100), keyring, suite=COMMITTING_SIGNED, frame_length=40, context=CONTEXT)
    changed = [message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :] for at in range(0, len(message), 7)]
    for wrong in [*changed, message[:-1], message[:-105]]:
        sdk.order("decrypt", wrong, [spec])
        with pytest.raises(S3CSEError):
            decrypt(wrong, keyring)
    assert "ok" not in sdk.answers()
