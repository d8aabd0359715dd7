"""Data keys of messages under a key in a token: the raw keyrings' wraps, in the fake that test_pkcs11.py uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from s3cse.errors import IntegrityError, KeyringError, SettingsError
from s3cse.keyrings import (
    AesKeyring,
    CachingKeyring,
    MessageKeyring,
    MultiKeyring,
    Pkcs11Keyring,
    RsaKeyring,
    pkcs11_token,
)
from s3cse.keyrings.message_rsa import PADDINGS
from s3cse.message import COMMITTING, COMMITTING_SIGNED, Suite, decrypt, encrypt

from .fake_hsm import PIN, FakeHsm

KEY = bytes(range(1, 33))
CONTEXT = {"table": "flights"}
each_length = pytest.mark.parametrize("key_bytes", [16, 24, 32])
each_padding = pytest.mark.parametrize("padding", PADDINGS)


@pytest.fixture(scope="module")
def pair() -> rsa.RSAPrivateKey:
    """One pair for all tests."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def hsm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHsm]:
    """A library without keys."""
    fake = FakeHsm()
    monkeypatch.setattr(pkcs11, "lib", lambda path: fake)
    monkeypatch.setattr(pkcs11_token, "_LIBRARIES", {})
    return fake


def device(**changes: Any) -> Pkcs11Keyring:
    """A keyring of the fake's key, named ``k`` in messages."""
    names = {"key_label": "k", "provider_id": "tests"}
    return Pkcs11Keyring("/hsm.so", token_label="token", pin=lambda: PIN, **{**names, **changes})


def raw_aes(key: bytes = KEY, key_id: str = "k") -> AesKeyring:
    """The same key outside of the token."""
    return AesKeyring(key, provider_id="tests", key_id=key_id)


@each_length
@pytest.mark.parametrize("wrapping_bytes", [16, 24, 32])
def test_aes_goes_both_ways(hsm: FakeHsm, key_bytes: int, wrapping_bytes: int) -> None:
    """Token and AesKeyring open what the other wrapped, for a data key of each length."""
    hsm.add_aes(KEY[:wrapping_bytes])
    token, raw = device(), raw_aes(KEY[:wrapping_bytes])
    assert isinstance(token, MessageKeyring)
    for writer in (token, raw):
        made = writer.new_message_key(CONTEXT, key_bytes)
        for reader in (token, raw):
            assert reader.unwrap_message_key(made.encrypted, CONTEXT, key_bytes) == made.plaintext


@each_length
@each_padding
def test_rsa_goes_both_ways(hsm: FakeHsm, pair: rsa.RSAPrivateKey, padding: Any, key_bytes: int) -> None:
    """With every padding; wrapping needs no private operation."""
    hsm.add_rsa(pair)
    token = device(padding=padding)
    raw = RsaKeyring(private_key=pair, provider_id="tests", key_id="k", padding=padding)
    for writer in (token, raw):
        made = writer.new_message_key({}, key_bytes)
        assert not any(line.startswith("decrypt") for line in hsm.log) or writer is raw
        for reader in (token, raw):
            assert reader.unwrap_message_key(made.encrypted, {}, key_bytes) == made.plaintext


@pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED], ids=str)
def test_whole_messages(hsm: FakeHsm, suite: Suite) -> None:
    """Alone, among others, and in a cache, with pairs that are not stored."""
    hsm.add_aes(KEY)
    for writer in (
        device(),
        MultiKeyring([device()], also_wrap=[raw_aes(bytes(32), "other")]),
        CachingKeyring(device()),
    ):
        message = encrypt(b"text", writer, suite=suite, context=CONTEXT, required_keys=["table"])
        for reader in (device(), raw_aes(), CachingKeyring(device()), MultiKeyring([raw_aes(bytes(32)), device()])):
            assert decrypt(message, reader, context=CONTEXT).plaintext == b"text"


def test_the_devices_own_iv_is_stored(hsm: FakeHsm) -> None:
    """CloudHSM writes it over ours."""
    hsm.add_aes(KEY)
    hsm.own_iv = bytes(range(50, 62))
    (wrapped,) = device(device_iv=True).new_message_key(CONTEXT, 32).encrypted
    assert wrapped.provider_info.endswith(hsm.own_iv)
    hsm.own_iv = None
    assert len(raw_aes().unwrap_message_key([wrapped], CONTEXT, 32)) == 32


def test_what_is_not_its_own_is_not_asked_for(hsm: FakeHsm) -> None:
    """Other names cost no operation of the device; the error names both."""
    hsm.add_aes(KEY)
    made = raw_aes(KEY, "other").new_message_key(CONTEXT, 32)
    with pytest.raises(KeyringError, match="none of the message's wrapped data keys is for this keyring"):
        device().unwrap_message_key(made.encrypted, CONTEXT, 32)
    assert not any(line.startswith("decrypt") for line in hsm.log)


def test_aes_that_does_not_open_is_one_error(hsm: FakeHsm) -> None:
    """Another context, another key, another length, changed bytes."""
    hsm.add_aes(KEY)
    (wrapped,) = raw_aes().new_message_key(CONTEXT, 32).encrypted
    (foreign,) = raw_aes(bytes(32)).new_message_key(CONTEXT, 32).encrypted
    cut = replace(wrapped, ciphertext=wrapped.ciphertext[:-1])
    for candidate, context, key_bytes in (
        (wrapped, {}, 32),
        (wrapped, CONTEXT, 16),
        (foreign, CONTEXT, 32),
        (cut, CONTEXT, 32),
    ):
        with pytest.raises(KeyringError, match="the key does not open the message's data key"):
            device().unwrap_message_key([candidate], context, key_bytes)


@each_padding
def test_rsa_that_does_not_open(hsm: FakeHsm, pair: rsa.RSAPrivateKey, padding: Any) -> None:
    """OAEP says so; PKCS#1 v1.5 makes a key up, the same one each time, and the message's header fails."""
    hsm.add_rsa(pair)
    token = device(padding=padding)
    (wrapped,) = token.new_message_key({}, 32).encrypted
    wrong = replace(wrapped, ciphertext=bytes(255) + b"\1")
    if padding != "pkcs1":
        with pytest.raises(KeyringError, match="does not open"):
            token.unwrap_message_key([wrong], {}, 32)
        return
    first, second = (token.unwrap_message_key([wrong], {}, 32) for _ in range(2))
    assert first == second
    message = encrypt(b"text", token)
    at = message.index(wrapped.provider_info + b"\1\0") + len(wrapped.provider_info) + 2
    with pytest.raises(IntegrityError, match="commits to"):
        decrypt(message[:at] + bytes(255) + b"\1" + message[at + 256 :], token)
    with pytest.raises(KeyringError, match="does not open"):
        token.unwrap_message_key([replace(wrapped, ciphertext=b"short")], {}, 32)


def test_names_are_needed(hsm: FakeHsm) -> None:
    """Without a provider id there are no messages; the key's name is its label unless another is given."""
    hsm.add_aes(KEY)
    with pytest.raises(SettingsError, match="provider_id"):
        encrypt(b"", device(provider_id=None))
    (wrapped,) = device().new_message_key({}, 32).encrypted
    assert wrapped.provider_info.startswith(b"k\0")
    (wrapped,) = device(key_name="another name").new_message_key({}, 32).encrypted
    assert wrapped.provider_info.startswith(b"another name\0")
    with pytest.raises(SettingsError, match="padding"):
        device(padding="oaep")


def test_a_device_that_fails_is_no_verdict_on_the_message(hsm: FakeHsm) -> None:
    """To wrap: an error of the keyring."""
    hsm.add_aes(KEY)
    token = device()
    assert token.kind == "aes"
    hsm.faults.append(pkcs11.FunctionFailed())
    with pytest.raises(KeyringError, match="did not wrap"):
        token.new_message_key({}, 32)
