"""The official @aws-crypto/client-node reads what we write, and we read what it writes, of every suite and keyring."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

import s3cse.local
from interop.drivers import UnavailableError, node_encryption_sdk
from interop.esdk import CONTEXT, LENGTHS, Sdk, aes_key, rsa_key, written
from s3cse.errors import S3CSEError
from s3cse.keyrings import KmsDiscoveryKeyring, KmsKeyring, MultiKeyring
from s3cse.keyrings.message_rsa import PADDINGS
from s3cse.message import COMMITTING, COMMITTING_SIGNED, SUITES, MessageReader, decrypt, decrypt_into, encrypt

pytestmark = pytest.mark.heavy


@pytest.fixture
def sdk(tmp_path: Path) -> Sdk:
    """The official client."""
    try:
        return Sdk(node_encryption_sdk(), tmp_path)
    except UnavailableError as error:
        pytest.skip(f"the AWS Encryption SDK for JavaScript needs node and npm with their registry: {error}")


def test_the_sdk_reads_what_we_write(sdk: Sdk) -> None:
    """Both suites, any length, whole and streamed, threads, every size and padding of raw keys, several keys."""
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
            order(encrypt(b"text", pair_keyring, **options), b"text", [pair_spec], context=CONTEXT)
        several = MultiKeyring([keyring], also_wrap=[aes_key(16, "second")[0], rsa_key("oaep-sha256")[0]])
        message = encrypt(b"text", several, **options)
        for other in (spec, aes_key(16, "second")[1], rsa_key("oaep-sha256")[1]):
            order(message, b"text", [other])
    assert sdk.answers() == ["ok"] * len(wanted)
    for target, plaintext in wanted:
        assert target.read_bytes() == plaintext


def test_we_read_what_the_sdk_writes(sdk: Sdk) -> None:
    """Every suite, any length, whole, streamed and into a buffer; every size and padding of raw keys; several keys."""
    wanted: list[tuple[Path, bytes, Any]] = []

    def order(plaintext: bytes, *pairs: tuple[Any, dict[str, str]], **options: Any) -> None:
        specs = [spec for _, spec in pairs]
        target = sdk.order("encrypt", plaintext, specs, **{"context": CONTEXT, "frame_length": 4096, **options})
        wanted.extend((target, plaintext, keyring) for keyring, _ in pairs)

    for number in SUITES:
        for length in LENGTHS:
            order(os.urandom(length), aes_key(), suite=number)
        order(b"no context", aes_key(), suite=number, context={}, frame_length=1)
        for pair in [aes_key(size) for size in (16, 24)] + [rsa_key(padding) for padding in PADDINGS]:
            order(b"text", pair, suite=number)
        order(b"several keys", aes_key(), aes_key(16, "second"), rsa_key("oaep-sha256"), suite=number)
    order(os.urandom(5 << 20), aes_key(), suite=COMMITTING_SIGNED.id, frame_length=1 << 16)
    assert sdk.answers() == ["ok"] * len({target for target, _, _ in wanted})
    for target, plaintext, keyring in wanted:
        message = target.read_bytes()
        result = decrypt(message, keyring, commitment="allow", threads=2)
        assert result.plaintext == plaintext
        assert result.context.items() >= (CONTEXT.items() if plaintext != b"no context" else set())
        out = bytearray(len(message))
        assert decrypt_into(message, out, keyring, commitment="allow") == len(plaintext)
        assert out.startswith(plaintext)
        reader = MessageReader(io.BytesIO(message), keyring, commitment="allow", signed="release-early")
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


def test_both_refuse_the_same_changes(sdk: Sdk) -> None:
    """A changed byte in each part of a message, a cut, something behind it: nobody gives plaintext."""
    keyring, spec = aes_key()
    message = encrypt(bytes(100), keyring, suite=COMMITTING_SIGNED, frame_length=40, context=CONTEXT)
    changed = [message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :] for at in range(0, len(message), 7)]
    for wrong in [*changed, message[:-1], message[:-105]]:
        sdk.order("decrypt", wrong, [spec])
        with pytest.raises(S3CSEError):
            decrypt(wrong, keyring)
    assert "ok" not in sdk.answers()
