"""The pair of EMR's sample RSA provider opens what names it, or nobody, and says so of the rest."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError
from s3cse.keyrings.emr_rsa import EmrRsaKeyring

from .envelopes import envelope_of

PROFILES = [find_profile(name, "rsa") for name in ("emrfs", "emrfs-v2")]


@pytest.fixture(scope="module")
def keyring() -> EmrRsaKeyring:
    """A named pair."""
    return EmrRsaKeyring(private_key=rsa.generate_private_key(65537, 2048), matdesc={"rsa_name": "mine"})


@pytest.mark.parametrize("profile", PROFILES, ids=str)
@pytest.mark.parametrize("stored", [{"rsa_name": "mine"}, {}, {"other": "x"}, None])
def test_opens(keyring: EmrRsaKeyring, profile: Profile, stored: dict[str, str] | None) -> None:
    """Its own name, or no name, as the sample does."""
    key = keyring.new_data_key(profile)
    assert key.materials_description == {"rsa_name": "mine"}
    assert keyring.unwrap(envelope_of(key, profile, materials_description=stored)) == key.plaintext


@pytest.mark.parametrize("profile", PROFILES, ids=str)
def test_another_pair(keyring: EmrRsaKeyring, profile: Profile) -> None:
    """Another name is a clear error in format V1 too, where a wrong key would look like a damaged body."""
    key = keyring.new_data_key(profile)
    with pytest.raises(KeyringError, match=r"another RSA key pair.*'theirs'.*rsa_name 'mine'"):
        keyring.unwrap(envelope_of(key, profile, materials_description={"rsa_name": "theirs"}))
