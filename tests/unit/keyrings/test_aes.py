"""AesKeyring: every profile's round trip, and every way in which a wrapped key can be another one's."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from s3cse.crypto import keywrap
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import ContentAlgorithm
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import AesKeyring, Claim

from .envelopes import envelope_of, old_envelope, profile_id, profiles_of

KEY = bytes(range(1, 33))
EMRFS, EMRFS_V2 = find_profile("emrfs", "aes"), find_profile("emrfs-v2", "aes")
REDSHIFT, S3EC_V4 = find_profile("redshift", "aes"), find_profile("s3ec-v4", "aes")
each_profile = pytest.mark.parametrize("profile", profiles_of("aes"), ids=profile_id)


@each_profile
@pytest.mark.parametrize("size", [16, 24, 32])
def test_round_trip(profile: Profile, size: int) -> None:
    """What a profile writes, the same key reads; the description is stored."""
    if profile is REDSHIFT and size != 32:
        return
    matdesc = None if profile is REDSHIFT else {"key": "1"}
    keyring = AesKeyring(KEY[:size], matdesc)
    key = keyring.new_data_key(profile)
    assert len(key.plaintext) == 32
    assert key.materials_description == (matdesc or {})
    assert AesKeyring(KEY[:size]).unwrap(envelope_of(key, profile)) == key.plaintext


@each_profile
def test_layout_is_the_profiles(profile: Profile) -> None:
    """GCM wraps bind the content algorithm's text, V1 is AES/ECB: readable without this keyring."""
    key = AesKeyring(KEY).new_data_key(profile)
    if profile.wrap_algorithm == "AES/GCM":
        bound = {"emrfs-v2": b"AES/GCM/NoPadding", "s3ec-v4": b"115"}[profile.name]
        assert keywrap.unwrap_gcm(KEY, key.encrypted, bound) == key.plaintext
    else:
        assert keywrap.unwrap_ecb(KEY, key.encrypted) == key.plaintext


def test_every_data_key_and_iv_is_new() -> None:
    """Nothing repeats."""
    keyring = AesKeyring(KEY)
    keys = [keyring.new_data_key(EMRFS_V2) for _ in range(50)]
    assert len({bytes(key.plaintext.view()) for key in keys}) == 50
    assert len({key.encrypted[:12] for key in keys}) == 50


@pytest.mark.parametrize("size", [16, 24, 32])
def test_rfc3394_is_read(size: int) -> None:
    """The old wrap AESWrap opens under every length of key."""
    dek = os.urandom(32)
    envelope = old_envelope("AESWrap", keywrap.wrap_rfc3394(KEY[:size], dek))
    assert AesKeyring(KEY[:size]).unwrap(envelope) == Secret(dek)


def test_rfc3394_is_not_written() -> None:
    """A wrap that binds nothing is for reading."""
    with pytest.raises(SettingsError, match=r"wrap 'AESWrap'; expected wrap 'AES/GCM' or 'AES/ECB/PKCS5Padding'"):
        AesKeyring(KEY).new_data_key(replace(EMRFS_V2, wrap_algorithm="AESWrap"))


@each_profile
def test_wrong_key(profile: Profile) -> None:
    """Another key is refused; the message has both descriptions and what to do, and no key."""
    key = AesKeyring(KEY).new_data_key(profile)
    with pytest.raises(KeyringError) as caught:
        AesKeyring(bytes(32), {"key": "2"}).unwrap(envelope_of(key, profile, materials_description={"key": "1"}))
    text = str(caught.value)
    assert "does not open the object's data key" in text
    assert "found wrap" in text
    assert "description {'key': '1'}" in text
    assert "description {'key': '2'}. Use the key that" in text


@each_profile
def test_truncated_or_padded_edk(profile: Profile) -> None:
    """A length that the wrap cannot have is named."""
    keyring = AesKeyring(KEY)
    key = keyring.new_data_key(profile)
    length = len(key.encrypted)
    for wrapped in (b"", key.encrypted[:-1], key.encrypted + b"\0", key.encrypted[:16]):
        with pytest.raises(KeyringError, match=f"found {len(wrapped)} bytes; expected {length} bytes"):
            keyring.unwrap(envelope_of(key, profile, encrypted_data_key=wrapped))


def test_edk_of_another_wrap() -> None:
    """A wrapped key under another wrap's name does not open."""
    keyring = AesKeyring(KEY)
    wrapped = {
        "AES/GCM": keyring.new_data_key(EMRFS_V2).encrypted,
        "AESWrap": keywrap.wrap_rfc3394(KEY, bytes(32)),
        "AES/ECB/PKCS5Padding": keyring.new_data_key(EMRFS).encrypted,
    }
    for label in wrapped:
        for name, data in wrapped.items():
            if name != label:
                with pytest.raises(KeyringError, match="has not the length"):
                    keyring.unwrap(old_envelope(label, data))


@pytest.mark.parametrize("wrap", ["kms", "kms+context", "RSA-OAEP-SHA1", "RSA/ECB/PKCS1Padding", "x"])
def test_foreign_wraps(wrap: str) -> None:
    """An object of another kind of key is refused by name."""
    with pytest.raises(
        KeyringError, match=r"not wrapped by an AES key; found wrap .*; expected 'AES/GCM' or 'AESWrap'"
    ):
        AesKeyring(KEY).unwrap(old_envelope(wrap, bytes(60)))


def test_wrong_bound_text() -> None:
    """A V3 object relabelled as V2, or the other way round, does not open."""
    keyring = AesKeyring(KEY)
    for profile, other in ((EMRFS_V2, S3EC_V4), (S3EC_V4, EMRFS_V2)):
        key = keyring.new_data_key(profile)
        with pytest.raises(KeyringError, match="does not open"):
            keyring.unwrap(envelope_of(key, other))
    key = keyring.new_data_key(EMRFS_V2)
    with pytest.raises(KeyringError, match="does not open"):
        keyring.unwrap(envelope_of(key, EMRFS_V2, content_algorithm=ContentAlgorithm.AES_CBC))


def test_changed_and_swapped_edks_fail_or_give_their_own_key() -> None:
    """A changed EDK fails; one swapped with another object's gives that object's key, which the body shows up."""
    keyring = AesKeyring(KEY)
    one, two = keyring.new_data_key(EMRFS_V2), keyring.new_data_key(EMRFS_V2)
    assert keyring.unwrap(envelope_of(one, EMRFS_V2, encrypted_data_key=two.encrypted)) == two.plaintext
    mixed = one.encrypted[:12] + two.encrypted[12:]
    with pytest.raises(KeyringError, match="does not open"):
        keyring.unwrap(envelope_of(one, EMRFS_V2, encrypted_data_key=mixed))


@pytest.mark.parametrize("stored", [None, {}, {"key": "2"}, {"key": "1", "more": "x"}])
def test_single_keyring_does_not_insist_on_the_description(stored: dict[str, str] | None) -> None:
    """As in the S3 Encryption Client, the unwrap decides, not the unauthenticated description."""
    keyring = AesKeyring(KEY, {"key": "1"})
    key = keyring.new_data_key(EMRFS_V2)
    assert keyring.unwrap(envelope_of(key, EMRFS_V2, materials_description=stored)) == key.plaintext


@pytest.mark.parametrize("size", [16, 24])
def test_redshift_needs_256_bits(size: int) -> None:
    """Redshift COPY takes no shorter key."""
    with pytest.raises(SettingsError, match=f"256-bit keys only; found a key of {8 * size} bits; expected 256 bits"):
        AesKeyring(KEY[:size]).new_data_key(REDSHIFT)


def test_redshift_has_no_description() -> None:
    """Redshift's objects have an empty description; an empty one given is one."""
    with pytest.raises(SettingsError, match=r"no materials description; found \{'a': 'b'\}; expected \{\}. Leave"):
        AesKeyring(KEY, {"a": "b"}).new_data_key(REDSHIFT)
    assert AesKeyring(KEY, {}).new_data_key(REDSHIFT).materials_description == {}


@pytest.mark.parametrize("length", [0, 1, 15, 17, 31, 33, 64])
def test_no_aes_key_has_another_length(length: int) -> None:
    """The message has the length, not the key."""
    with pytest.raises(SettingsError, match=f"found {length} bytes; expected 16, 24 or 32 bytes"):
        AesKeyring(b"\x5a" * length)


@pytest.mark.parametrize("key", ["k" * 32, 32, None, [1, 2]])
def test_key_must_be_bytes(key: Any) -> None:
    """Text would be the base64 of a key, most likely; it is not shown."""
    with pytest.raises(SettingsError, match="bytes") as caught:
        AesKeyring(key)
    assert "kkk" not in str(caught.value)


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, Secret])
def test_forms_of_a_key(form: Any) -> None:
    """Every bytes-like form does, and is copied."""
    given = form(KEY)
    keyring = AesKeyring(given)
    if isinstance(given, (bytearray, Secret)):
        given.wipe() if isinstance(given, Secret) else given.clear()
    key = keyring.new_data_key(EMRFS_V2)
    assert AesKeyring(KEY).unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext


@pytest.mark.parametrize("matdesc", [{"a": 1}, {1: "a"}, {"a": None}, {"a": "\ud800"}, "text", [("a", "b")]])
def test_description_must_be_a_map_of_strings(matdesc: Any) -> None:
    """What could not be read back is not written."""
    with pytest.raises(SettingsError, match="no map of strings"):
        AesKeyring(KEY, matdesc)


def test_long_description_is_cut_in_messages() -> None:
    """Whoever can write an object does not fill the log."""
    key = AesKeyring(KEY).new_data_key(EMRFS_V2)
    with pytest.raises(KeyringError) as caught:
        AesKeyring(bytes(32)).unwrap(envelope_of(key, EMRFS_V2, materials_description={"a": "x" * 1_000_000}))
    assert len(str(caught.value)) < 1000


def test_claims() -> None:
    """By wrap first, then by description."""
    key = AesKeyring(KEY, {"a": "b"}).new_data_key(EMRFS_V2)
    envelope = envelope_of(key, EMRFS_V2)
    assert AesKeyring(KEY, {"a": "b"}).claim(envelope) is Claim.EQUAL
    assert AesKeyring(KEY).claim(envelope) is Claim.POSSIBLE
    assert AesKeyring(KEY, {"a": "c"}).claim(envelope) is Claim.NONE
    assert AesKeyring(KEY, {}).claim(replace(envelope, materials_description=None)) is Claim.EQUAL
    assert AesKeyring(KEY).claim(replace(envelope, wrap_algorithm="kms")) is Claim.NONE


def test_it_shows_no_key() -> None:
    """Neither text forms nor a pickled data key give key bytes away; names for Encryption SDK messages are kept."""
    keyring = AesKeyring(KEY, {"a": "b"}, provider_id="p", key_id="k")
    key = keyring.new_data_key(EMRFS_V2)
    assert repr(keyring) == "AesKeyring(<256-bit key>, matdesc={'a': 'b'})"
    assert (keyring.kind, keyring.provider_id, keyring.key_id) == ("aes", "p", "k")
    for secret in (KEY, bytes(key.plaintext.view())):
        assert secret.hex() not in repr(key) + repr(vars(keyring))
        assert repr(secret)[2:-1] not in repr(key) + repr(vars(keyring))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(key)


def test_threads() -> None:
    """Many threads wrap and unwrap at once."""
    keyring = AesKeyring(KEY)

    def work(_: int) -> bool:
        key = keyring.new_data_key(EMRFS_V2)
        return keyring.unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
