"""Keyrings made from options: the key is found by reference, in any usual form, and shown by no message."""

from __future__ import annotations

import base64
import os
import pickle
import re
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from s3cse.crypto.secret import Secret
from s3cse.envelope.profiles import find_profile
from s3cse.errors import SettingsError
from s3cse.keyrings import AesKeyring, Keyring, KmsDiscoveryKeyring, KmsKeyring, RsaKeyring
from s3cse.keyrings.configured import KeyringSettings, make_customer_keys, make_keyring
from s3cse.keyrings.customer_keys import DerivedCustomerKeys
from s3cse.keyrings.emr_rsa import EmrRsaKeyring
from s3cse.storage.port import Location

from .envelopes import envelope_of

KEY = bytes(range(100, 132))


def opens(writer: Keyring, reader: Keyring, kind: str) -> bool:
    """Whether one keyring opens what the other wrapped."""
    profile = find_profile("emrfs-v2", kind)
    key = writer.new_data_key(profile)
    return reader.unwrap(envelope_of(key, profile)) == key.plaintext


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("form", ["raw", "base64", "hex", "base64 with a newline"])
def test_aes_key_in_a_file(tmp_path: Path, form: str, size: int) -> None:
    """Bytes, base64 and hexadecimal are the same key."""
    key = KEY[:size]
    text = {
        "raw": key,
        "base64": base64.b64encode(key),
        "hex": key.hex().encode(),
        "base64 with a newline": base64.b64encode(key) + b"\n",
    }[form]
    (tmp_path / "key").write_bytes(text)
    made = make_keyring(KeyringSettings(kind="aes", key_file=str(tmp_path / "key"), context={"key": "1"}))
    assert opens(made, AesKeyring(key), "aes")
    assert made.new_data_key(find_profile("emrfs-v2", "aes")).materials_description == {"key": "1"}


def test_aes_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable holds text."""
    monkeypatch.setenv("WRAPPING_KEY", base64.b64encode(KEY).decode())
    assert opens(make_keyring(KeyringSettings(kind="aes", key_env="WRAPPING_KEY")), AesKeyring(KEY), "aes")


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    """One pair for all tests: making one takes time."""
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_rsa_key_in_a_file(tmp_path: Path, private: rsa.RSAPrivateKey, encoding: Encoding) -> None:
    """A private key opens and writes, in either encoding."""
    (tmp_path / "key").write_bytes(private.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption()))
    made = make_keyring(KeyringSettings(kind="rsa", key_file=str(tmp_path / "key")))
    assert opens(made, RsaKeyring(private_key=private), "rsa")
    assert opens(made, made, "rsa")


def test_rsa_key_in_the_environment(monkeypatch: pytest.MonkeyPatch, private: rsa.RSAPrivateKey) -> None:
    """PEM as it is, DER in base64; a public key writes."""
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    monkeypatch.setenv("PUBLIC", pem.decode())
    monkeypatch.setenv("PRIVATE", base64.b64encode(der).decode())
    writer = make_keyring(KeyringSettings(kind="rsa", key_env="PUBLIC"))
    assert opens(writer, make_keyring(KeyringSettings(kind="rsa", key_env="PRIVATE")), "rsa")


def test_kms_keyrings_need_no_answer_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one asks nothing over the network."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert isinstance(make_keyring(KeyringSettings(kms_key_id="alias/x")), KmsKeyring)
    assert isinstance(make_keyring(KeyringSettings(kind="kms-discovery", region="eu-west-1")), KmsDiscoveryKeyring)


ARN = "arn:aws:kms:us-east-1:111122223333:key/1"


@pytest.mark.parametrize(
    ("settings", "region"),
    [
        (KeyringSettings(kms_key_id=ARN), "us-east-1"),
        (KeyringSettings(kms_key_id=ARN, region="eu-west-1", kms_region="us-east-1"), "us-east-1"),
        (KeyringSettings(kms_key_id="alias/x", region="eu-west-1"), "eu-west-1"),
        (KeyringSettings(kms_key_id="alias/x", region="eu-west-1", kms_region="eu-west-2"), "eu-west-2"),
        (KeyringSettings(kind="kms-discovery", region="eu-west-1", kms_region="eu-west-2"), "eu-west-2"),
        (KeyringSettings(kms_key_id="alias/x"), None),
    ],
)
def test_region_of_the_key(settings: KeyringSettings, region: str | None) -> None:
    """The one that was said for it, its ARN's, or else the bucket's."""
    settings.check()
    assert settings.region_of_key == region


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"region": "eu-west-1"}, "region=eu-west-1"),
        ({"region": "us-east-1", "kms_region": "eu-west-2"}, "kmsRegion=eu-west-2"),
    ],
)
def test_key_of_another_region(said: dict[str, str], words: str) -> None:
    """The message names the key and the Region that was said, and the option that tells them apart."""
    with pytest.raises(SettingsError, match="another Region than said") as caught:
        KeyringSettings(kms_key_id=ARN, **said).check()  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in (ARN, words, "kmsRegion=us-east-1"))


def test_pair_of_the_sample_provider(tmp_path: Path, private: rsa.RSAPrivateKey) -> None:
    """A description that is an rsa_name alone makes the keyring of EMR's sample; DER keys, either half."""
    context = {"rsa_name": "pair-1"}
    (tmp_path / "private.der").write_bytes(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "public.der").write_bytes(
        private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    made = [
        make_keyring(KeyringSettings(kind="rsa", key_file=(tmp_path / name).as_uri(), context=context))
        for name in ("public.der", "private.der")
    ]
    assert [type(keyring) for keyring in made] == [EmrRsaKeyring, EmrRsaKeyring]
    assert opens(made[0], made[1], "rsa")
    assert made[0].new_data_key(find_profile("emrfs", "rsa")).materials_description == context


def test_discovery_has_its_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts and Regions of the settings are the keyring's, and none are none."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    settings = KeyringSettings(kind="kms-discovery", kms_accounts=("111122223333",), kms_regions=("us-east-1",))
    assert "accounts=('111122223333',), regions=('us-east-1',)" in repr(make_keyring(settings))
    assert "accounts=None, regions=None" in repr(make_keyring(KeyringSettings(kind="kms-discovery")))


class Mine:
    """A provider."""

    def for_encrypt(self, uri: str, job: str | None) -> Any:
        """See MaterialsProvider."""
        assert uri.startswith("s3://")
        assert job in (None, "j-1")
        return AesKeyring(KEY, {"provider": "mine"})

    def for_decrypt(self, matdesc: Any) -> Any:
        """See MaterialsProvider."""
        assert matdesc == {"provider": "mine"}
        return AesKeyring(KEY)


def test_provider_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class is found by module and name."""
    module = types.ModuleType("my_provider")
    module.Mine = Mine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_provider", module)
    made = make_keyring(KeyringSettings(kind="provider", provider="my_provider:Mine"))
    assert opens(made.for_encryption("s3://bucket/key"), made, "aes")


BAD = {
    "no account": (KeyringSettings(kind="kms-discovery", kms_accounts=("12",)), "12 digits"),
    "no Region": (KeyringSettings(kind="kms-discovery", kms_regions=()), "at least one"),
    "missing file": (KeyringSettings(kind="aes", key_file="nowhere/key"), "nowhere/key: No such file"),
    "missing variable": (KeyringSettings(kind="aes", key_env="S3CSE_TEST_NOTHING"), "S3CSE_TEST_NOTHING"),
    "no AES key": (KeyringSettings(kind="aes", key_env="S3CSE_TEST_SECRET"), "17 bytes in S3CSE_TEST_SECRET"),
    "no RSA key": (KeyringSettings(kind="rsa", key_env="S3CSE_TEST_SECRET"), "RSA key"),
    "no RSA file": (KeyringSettings(kind="rsa", key_file=__file__), f"bytes of something else in {__file__}"),
    "no module": (KeyringSettings(kind="provider", provider="nowhere_at_all:Mine"), "--py-files"),
    "no class": (KeyringSettings(kind="provider", provider="os:Mine"), "module:Class"),
    "no name": (KeyringSettings(kind="provider", provider="os"), "module:Class"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_key_is_a_clear_error(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which reference and what was expected, and nothing of the value."""
    monkeypatch.setenv("S3CSE_TEST_SECRET", "hunter2-secret-17")
    settings, words = BAD[case]
    with pytest.raises(SettingsError) as caught:
        make_keyring(settings)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(caught.value)


def test_settings_travel_without_a_key(tmp_path: Path) -> None:
    """What goes into a plan is the reference."""
    (tmp_path / "key").write_bytes(KEY)
    settings = KeyringSettings(kind="aes", key_file=str(tmp_path / "key"))
    assert KEY not in pickle.dumps(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings
    os.remove(tmp_path / "key")


def test_customer_keys(tmp_path: Path) -> None:
    """The raw key that is named becomes every object's customer key, or the root of theirs."""
    (tmp_path / "key").write_bytes(bytes(range(32)))
    settings = KeyringSettings(kind="aes", key_file=str(tmp_path / "key"))
    place = Location("lake", "a")
    assert make_customer_keys(settings).customer_key(place) == Secret(bytes(range(32)))
    derived = DerivedCustomerKeys(bytes(range(32))).customer_key(place)
    assert make_customer_keys(replace(settings, customer_keys="derived")).customer_key(place) == derived


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (KeyringSettings(kind="kms", kms_key_id="alias/a"), "keyring=aes"),
        (KeyringSettings(kind="aes"), "one place"),
        (KeyringSettings(kind="aes", key_env="S3CSE_SHORT"), "16 bytes"),
        (KeyringSettings(kind="aes", key_env="S3CSE_SHORT", context={"a": "b"}), "context"),
        (KeyringSettings(kind="aes", key_env="S3CSE_SHORT", customer_keys="two"), "one | derived"),
    ],
)
def test_customer_keys_refused(monkeypatch: pytest.MonkeyPatch, settings: KeyringSettings, expected: str) -> None:
    """Another keyring, no key, a short one, a description, and what is no kind."""
    monkeypatch.setenv("S3CSE_SHORT", bytes(range(16)).hex())
    with pytest.raises(SettingsError, match=re.escape(expected)):
        make_customer_keys(settings)
