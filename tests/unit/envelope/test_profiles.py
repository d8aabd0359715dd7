"""Profiles: one word decides what is written."""

from __future__ import annotations

import pytest

from s3cse.envelope.model import ContentAlgorithm, Format
from s3cse.envelope.profiles import (
    DEFAULT_PROFILE,
    ENCRYPTION_SDK,
    KMS_PROFILE_NAMES,
    PROFILE_NAMES,
    PROFILES,
    SSE_C,
    CustomerKeyProfile,
    MessageProfile,
    find_profile,
    find_s3_profile,
)
from s3cse.errors import SettingsError

_CBC, _GCM, _COMMITTING = ContentAlgorithm.AES_CBC, ContentAlgorithm.AES_GCM, ContentAlgorithm.AES_GCM_COMMITTING
TABLE = [
    ("emrfs", "kms", Format.V2, _CBC, "kms"),
    ("emrfs", "aes", Format.V1, _CBC, "AES/ECB/PKCS5Padding"),
    ("emrfs", "rsa", Format.V1, _CBC, "RSA/ECB/PKCS1Padding"),
    ("emrfs-v2", "kms", Format.V2, _GCM, "kms+context"),
    ("emrfs-v2", "aes", Format.V2, _GCM, "AES/GCM"),
    ("emrfs-v2", "rsa", Format.V2, _GCM, "RSA-OAEP-SHA1"),
    ("redshift", "aes", Format.V1, _CBC, "AES/ECB/PKCS5Padding"),
    ("s3ec-v4", "kms", Format.V3, _COMMITTING, "kms+context"),
    ("s3ec-v4", "aes", Format.V3, _COMMITTING, "AES/GCM"),
    ("s3ec-v4", "rsa", Format.V3, _COMMITTING, "RSA-OAEP-SHA1"),
]


@pytest.mark.parametrize(("name", "keyring", "message_format", "algorithm", "wrap"), TABLE)
def test_profile_writes_what_the_table_says(
    name: str, keyring: str, message_format: Format, algorithm: ContentAlgorithm, wrap: str
) -> None:
    """DESIGN.md section 4, row by row."""
    profile = find_profile(name, keyring)
    assert (profile.name, profile.keyring) == (name, keyring)
    assert (profile.format, profile.content_algorithm, profile.wrap_algorithm) == (message_format, algorithm, wrap)


def test_table_is_complete() -> None:
    """No profile is without a test of its row, and the lists of names are those of the table."""
    assert [(profile.name, profile.keyring) for profile in PROFILES] == [row[:2] for row in TABLE]
    assert {row[0] for row in TABLE} | {ENCRYPTION_SDK, SSE_C} == set(PROFILE_NAMES)
    assert set(KMS_PROFILE_NAMES) == {row[0] for row in TABLE if row[1] == "kms"}


def test_profiles_outside_the_s3_formats() -> None:
    """Messages are written with keys that know them; SSE-C has no keyring."""
    for kind in ("kms", "aes", "rsa"):
        assert find_profile(ENCRYPTION_SDK, kind) == MessageProfile(keyring=kind)
    assert find_profile(SSE_C, "") == CustomerKeyProfile()
    for name, kind in ((ENCRYPTION_SDK, "hsm"), (SSE_C, "aes"), (ENCRYPTION_SDK, "kms")):
        with pytest.raises(SettingsError, match=f"'{ENCRYPTION_SDK}' with 'kms'"):
            find_s3_profile(name, kind)


def test_default_is_authenticated() -> None:
    """Who chooses nothing gets GCM."""
    assert find_profile(DEFAULT_PROFILE, "kms").content_algorithm is ContentAlgorithm.AES_GCM


@pytest.mark.parametrize(("name", "keyring"), [("emrfs", "hsm"), ("EMRFS", "kms"), ("", "kms"), ("redshift", "kms")])
def test_unknown_combination_names_the_known_ones(name: str, keyring: str) -> None:
    """A combination that the table does not have is an error that lists those it has."""
    with pytest.raises(SettingsError, match=r"'emrfs' with 'kms', .*'emrfs-v2' with 'kms', ") as caught:
        find_profile(name, keyring)
    assert repr(name) in str(caught.value)
