"""The same data key under another wrapping key."""

from __future__ import annotations

import os
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from faults.kms_stub import KmsStub
from s3cse.envelope.model import RESERVED_CONTEXT_KEY, Envelope
from s3cse.envelope.profiles import PROFILES, Profile
from s3cse.errors import SettingsError
from s3cse.keyrings import AesKeyring, CachingKeyring, KmsDiscoveryKeyring, KmsKeyring, MultiKeyring, RsaKeyring
from s3cse.keyrings.base import Keyring
from s3cse.keyrings.kms_context import OtherKeyError
from s3cse.keyrings.rewrapping import checked_wrapping, kms_sources

RSA = RsaKeyring(private_key=generate_private_key(65537, 2048))
AES = AesKeyring(os.urandom(32))


def client(stub: KmsStub) -> Any:
    return boto3.client(
        "kms",
        endpoint_url=stub.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def profile_of(name: str, kind: str) -> Profile:
    return next(profile for profile in PROFILES if (profile.name, profile.keyring) == (name, kind))


def envelope_of(profile: Profile, encrypted: bytes, description: Any) -> Envelope:
    return Envelope(
        format=profile.format,
        content_algorithm=profile.content_algorithm,
        wrap_algorithm=profile.wrap_algorithm,
        encrypted_data_key=encrypted,
        iv=bytes(12),
        materials_description=description,
    )


def new_envelope(keyring: Keyring, name: str = "emrfs-v2") -> Envelope:
    profile = profile_of(name, "kms")
    made = keyring.new_data_key(profile)
    return envelope_of(profile, made.encrypted, made.materials_description)


@pytest.mark.parametrize("name", ["emrfs-v2", "s3ec-v4", "emrfs"])
@pytest.mark.parametrize("keyring", [AES, RSA], ids=["aes", "rsa"])
def test_a_raw_key_wraps_a_data_key_that_it_opens_again(keyring: AesKeyring | RsaKeyring, name: str) -> None:
    """What wrap_data_key wraps, unwrap gives back, in every profile of the kind."""
    profile = profile_of(name, keyring.kind)
    made = AES.new_data_key(profile_of("emrfs-v2", "aes"))
    wrapped = keyring.wrap_data_key(made.plaintext, profile)
    assert keyring.unwrap(envelope_of(profile, wrapped.encrypted, {})) == made.plaintext


@pytest.mark.parametrize("name", ["emrfs-v2", "s3ec-v4", "emrfs"])
def test_kms_wraps_a_data_key_that_it_opens_again(kms_stub: KmsStub, name: str) -> None:
    """One Encrypt call binds the context that was kept and the wrap's own entry."""
    keyring = KmsKeyring(client(kms_stub), kms_stub.create_key())
    plaintext = AES.new_data_key(profile_of("emrfs-v2", "aes")).plaintext
    profile = profile_of(name, "kms")
    wrapped = keyring.wrap_data_key(plaintext, profile, {"team": "flights"})
    assert wrapped.materials_description["team"] == "flights"
    assert keyring.unwrap(envelope_of(profile, wrapped.encrypted, wrapped.materials_description)) == plaintext


def test_re_encrypt_never_decrypts(kms_stub: KmsStub) -> None:
    """KMS to KMS is one ReEncrypt, and what it gives opens with the new key to the same data key."""
    kms = client(kms_stub)
    old, new = (KmsKeyring(kms, kms_stub.create_key(), {"team": text}) for text in ("old", "new"))
    envelope = new_envelope(old)
    kms_stub.clear()
    profile = profile_of("emrfs-v2", "kms")
    (source,) = kms_sources(CachingKeyring(old), envelope)
    made = new.re_encrypt(envelope, source, profile)
    assert [call.operation for call in kms_stub.calls] == ["ReEncrypt"]
    assert not made.unchanged
    assert made.context == {"team": "new", RESERVED_CONTEXT_KEY: "AES/GCM/NoPadding"}
    assert new.unwrap(envelope_of(profile, made.encrypted, made.context)) == old.unwrap(envelope)


def test_another_source_key_is_its_own_error(kms_stub: KmsStub) -> None:
    """A data key that is not under the named source key is an OtherKeyError: the object may be rotated already."""
    kms = client(kms_stub)
    old, other, new = (KmsKeyring(kms, kms_stub.create_key()) for _ in range(3))
    envelope = new_envelope(other)
    (source,) = kms_sources(old, envelope)
    with pytest.raises(OtherKeyError, match="IncorrectKeyException"):
        new.re_encrypt(envelope, source, profile_of("emrfs-v2", "kms"))


def test_the_same_key_and_context_are_seen(kms_stub: KmsStub) -> None:
    """ReEncrypt to the key and context that the data key has already says that nothing changed."""
    kms = client(kms_stub)
    new = KmsKeyring(kms, kms_stub.create_key())
    envelope = new_envelope(new)
    (source,) = kms_sources(KmsDiscoveryKeyring(kms), envelope)
    assert new.re_encrypt(envelope, source, profile_of("emrfs-v2", "kms")).unchanged
    changed = new.re_encrypt(envelope, source, profile_of("emrfs-v2", "kms"), {"team": "flights"})
    assert not changed.unchanged


def test_several_keyrings_give_several_sources(kms_stub: KmsStub) -> None:
    """A multi keyring offers what each member of KMS may ask, in order; raw keys offer nothing."""
    kms = client(kms_stub)
    keys = [kms_stub.create_key() for _ in range(2)]
    members = [KmsKeyring(kms, key) for key in keys]
    envelope = new_envelope(members[1])
    assert [source.key_id for source in kms_sources(MultiKeyring([AES, *members]), envelope)] == keys
    assert kms_sources(AES, envelope) == ()


def test_a_keyring_that_cannot_wrap_is_refused() -> None:
    """Discovery names no key, so it cannot be rotated to."""
    with pytest.raises(SettingsError, match="cannot wrap a data key that exists already"):
        checked_wrapping(KmsDiscoveryKeyring(object()))
