"""Data keys of messages under raw AES and RSA keys: layout, names, and everything that does not open."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3cse.crypto.secret import Secret
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import AesKeyring, EncryptedDataKey, MessageKey, MessageKeyring, MultiKeyring, RsaKeyring
from s3cse.keyrings.encryption_context import serialized
from s3cse.keyrings.message_rsa import PADDINGS

KEY = bytes(range(1, 33))
CONTEXT = {"table": "flights", "a": ""}
each_length = pytest.mark.parametrize("key_bytes", [16, 24, 32])
each_padding = pytest.mark.parametrize("padding", PADDINGS)


def aes(key: bytes = KEY, provider_id: str = "tests", key_id: str = "key") -> AesKeyring:
    """A raw AES keyring."""
    return AesKeyring(key, provider_id=provider_id, key_id=key_id)


@cache
def private_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, made once."""
    return rsa.generate_private_key(65_537, bits)


def rsa_keyring(padding: Any = "oaep-sha256", number: int = 0, **options: Any) -> RsaKeyring:
    """A raw RSA keyring with its private key."""
    names = {"provider_id": "tests", "key_id": "key", **options}
    return RsaKeyring(private_key=private_key(number), padding=padding, **names)


# --- AES --------------------------------------------------------------------------------------------------------


@each_length
@pytest.mark.parametrize("wrapping_bytes", [16, 24, 32])
def test_aes_layout_is_the_specifications(key_bytes: int, wrapping_bytes: int) -> None:
    """Name ‖ 128 ‖ 12 ‖ IV, and GCM with the context: readable without this keyring."""
    keyring = aes(KEY[:wrapping_bytes])
    made = keyring.new_message_key(CONTEXT, key_bytes)
    (encrypted,) = made.encrypted
    assert encrypted.provider_id == "tests"
    assert encrypted.provider_info[:-12] == b"key" + bytes.fromhex("00000080 0000000c")
    iv = encrypted.provider_info[-12:]
    opened = AESGCM(KEY[:wrapping_bytes]).decrypt(iv, encrypted.ciphertext, serialized(CONTEXT))
    assert Secret(opened) == made.plaintext == keyring.unwrap_message_key([encrypted], CONTEXT, key_bytes)
    assert len(opened) == key_bytes


def test_aes_ivs_and_data_keys_are_new() -> None:
    """Nothing repeats."""
    made = [aes().new_message_key(CONTEXT, 32) for _ in range(50)]
    assert len({key.encrypted[0].provider_info for key in made}) == 50
    assert len({bytes(key.plaintext.view()) for key in made}) == 50


def changed_aes(made: MessageKey) -> list[EncryptedDataKey]:
    """Each byte of names and ciphertext changed, and other lengths."""
    (own,) = made.encrypted
    info, sealed = own.provider_info, own.ciphertext
    changed = [
        replace(own, provider_info=info[:at] + bytes([info[at] ^ 1]) + info[at + 1 :]) for at in range(len(info))
    ]
    changed += [replace(own, ciphertext=sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) for at in range(48)]
    changed += [replace(own, ciphertext=other) for other in (b"", sealed[:-1], sealed + b"\0", sealed[:16])]
    changed += [replace(own, provider_info=other) for other in (b"", info[:-1], info + b"\0", b"k" + info, info[:11])]
    return [
        *changed,
        replace(own, provider_id="test"),
        replace(own, provider_id="tests2"),
        replace(own, provider_id=""),
    ]


def test_aes_opens_nothing_that_was_changed() -> None:
    """All failures are KeyringErrors that show no key."""
    made = aes().new_message_key(CONTEXT, 32)
    for encrypted in changed_aes(made):
        with pytest.raises(KeyringError) as caught:
            aes().unwrap_message_key([encrypted], CONTEXT, 32)
        assert made.plaintext.view().hex() not in str(caught.value)
    for context in ({}, {"table": "flights"}, {**CONTEXT, "b": ""}):
        with pytest.raises(KeyringError, match="does not open"):
            aes().unwrap_message_key(made.encrypted, context, 32)
    for length in (16, 24):
        with pytest.raises(KeyringError, match="does not open"):
            aes().unwrap_message_key(made.encrypted, CONTEXT, length)


def test_a_name_that_begins_like_another_is_not_it() -> None:
    """``key`` opens nothing of ``key2``, even where the rest could be taken for lengths."""
    made = aes(key_id="key2").new_message_key(CONTEXT, 32)
    with pytest.raises(KeyringError, match="is for this keyring"):
        aes(key_id="key").unwrap_message_key(made.encrypted, CONTEXT, 32)


# --- RSA --------------------------------------------------------------------------------------------------------


@each_length
@each_padding
def test_rsa_round_trip(key_bytes: int, padding: str) -> None:
    """Every padding; the public half writes, the private one reads."""
    public = RsaKeyring(private_key(0).public_key(), provider_id="tests", key_id="key", padding=padding)  # type: ignore[arg-type]
    made = public.new_message_key(CONTEXT, key_bytes)
    (encrypted,) = made.encrypted
    assert (encrypted.provider_id, encrypted.provider_info, len(encrypted.ciphertext)) == ("tests", b"key", 256)
    assert rsa_keyring(padding).unwrap_message_key([encrypted], {}, key_bytes) == made.plaintext
    with pytest.raises(KeyringError, match="write only"):
        public.unwrap_message_key([encrypted], {}, key_bytes)


@pytest.mark.parametrize("padding", [padding for padding in PADDINGS if padding != "pkcs1"])
def test_oaep_says_that_it_does_not_open(padding: str) -> None:
    """Another key, padding, length or byte."""
    made = rsa_keyring(padding).new_message_key({}, 32)
    (own,) = made.encrypted
    other_padding = "oaep-sha1" if padding != "oaep-sha1" else "oaep-sha512"
    flipped = own.ciphertext[:-1] + bytes([own.ciphertext[-1] ^ 1])
    attempts = [
        (rsa_keyring(padding, 1), own, 32),
        (rsa_keyring(other_padding), own, 32),
        (rsa_keyring(padding), own, 16),
    ]
    attempts += [
        (rsa_keyring(padding), replace(own, ciphertext=data), 32) for data in (b"", flipped, own.ciphertext[1:])
    ]
    for keyring, encrypted, length in attempts:
        with pytest.raises(KeyringError, match="does not open"):
            keyring.unwrap_message_key([encrypted], {}, length)


@each_length
def test_pkcs1_never_says_so(key_bytes: int) -> None:
    """What does not open gives a made-up key of the right length, always the same, that says nothing."""
    made = rsa_keyring("pkcs1").new_message_key({}, 32)
    (own,) = made.encrypted
    wrong = [replace(own, ciphertext=bytes(255) + bytes([number])) for number in range(2, 6)]
    if key_bytes != 32:
        wrong.append(own)
    for encrypted in wrong:
        first, second = (rsa_keyring("pkcs1").unwrap_message_key([encrypted], {}, key_bytes) for _ in range(2))
        assert first == second
        assert len(first) == key_bytes
        assert first != made.plaintext
        assert any(first.view())


def test_short_rsa_keys_write_nothing() -> None:
    """As for S3 objects."""
    keyring = RsaKeyring(private_key=private_key(0, 1024), provider_id="tests", key_id="key")
    with pytest.raises(SettingsError, match="too short"):
        keyring.new_message_key({}, 32)


@pytest.mark.parametrize("padding", ["", "oaep", "OAEP-SHA256", "pss"])
def test_other_paddings_are_refused(padding: Any) -> None:
    """When the keyring is made."""
    with pytest.raises(SettingsError, match="no padding"):
        rsa_keyring(padding)


# --- names and several keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [{"provider_id": None}, {"key_id": None}, {"provider_id": ""}, {"key_id": "\ud800"}])
def test_both_names_are_needed(names: dict[str, Any]) -> None:
    """For messages only: the keyring itself may be without."""
    keyrings: list[Any] = [AesKeyring(KEY, **{"provider_id": "p", "key_id": "k", **names}), rsa_keyring(**names)]
    for keyring in keyrings:
        for call in (lambda k: k.new_message_key({}, 32), lambda k: k.unwrap_message_key([], {}, 32)):
            with pytest.raises(SettingsError, match="for Encryption SDK messages"):
                call(keyring)


@pytest.mark.parametrize("name", ["aws-kms", "aws-kms-hierarchy", "aws-kms2"])
def test_providers_of_kms_are_reserved(name: str) -> None:
    """A raw key must not pass for one."""
    with pytest.raises(SettingsError, match="reserved"):
        aes(provider_id=name).new_message_key({}, 32)


def test_several_keys_wrap_one_data_key() -> None:
    """The writer makes it, the others wrap it, each opens it, and a nested keyring's others do too."""
    first, second, third = aes(), aes(key_id="second"), rsa_keyring(key_id="third")
    keyring = MultiKeyring([MultiKeyring([first], also_wrap=[second])], also_wrap=[third])
    assert isinstance(keyring, MessageKeyring)
    made = keyring.new_message_key(CONTEXT, 32)
    assert [key.provider_info[:5] for key in made.encrypted] == [b"key\0\0", b"secon", b"third"]
    members: list[MessageKeyring] = [first, second, third, keyring, MultiKeyring([third, second, first])]
    for member in members:
        assert member.unwrap_message_key(made.encrypted, CONTEXT, 32) == made.plaintext
    assert len(keyring.wrap_message_key(made.plaintext, CONTEXT)) == 3


def test_without_also_wrap_only_the_writer_wraps() -> None:
    """A keyring for reading old messages gets no new ones by accident."""
    made = MultiKeyring([aes(), aes(key_id="old")]).new_message_key(CONTEXT, 32)
    assert len(made.encrypted) == 1


def test_a_multi_keyring_tells_all_refusals() -> None:
    """And asks each member for its own."""
    made = aes(key_id="third").new_message_key(CONTEXT, 32)
    with pytest.raises(KeyringError, match=r"none of 2 keyrings opens the message.*1: .*2: "):
        MultiKeyring([aes(), aes(key_id="second")]).unwrap_message_key(made.encrypted, CONTEXT, 32)
    with pytest.raises(KeyringError, match="is for this keyring"):
        MultiKeyring([aes()]).unwrap_message_key(made.encrypted, CONTEXT, 32)
