"""Profiles: one word decides what is written."""

from __future__ import annotations

import pytest

from s3cse.envelope.model import ContentAlgorithm, Format
from s3cse.envelope.profiles import DEFAULT_PROFILE, PROFILE_NAMES, find_profile
from s3cse.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "algorithm", "wrap"),
    [("emrfs", ContentAlgorithm.AES_CBC, "kms"), ("emrfs-v2", ContentAlgorithm.AES_GCM, "kms+context")],
)
def test_profile_writes_what_the_table_says(name: str, algorithm: ContentAlgorithm, wrap: str) -> None:
    """DESIGN.md section 4, row by row."""
    profile = find_profile(name, "kms")
    assert (profile.name, profile.format, profile.content_algorithm, profile.wrap_algorithm) == (
        name,
        Format.V2,
        algorithm,
        wrap,
    )


def test_default_is_authenticated() -> None:
    """Who chooses nothing gets GCM."""
    assert find_profile(DEFAULT_PROFILE, "kms").content_algorithm is ContentAlgorithm.AES_GCM


def test_names_are_all_there_are() -> None:
    """The list that options show is the list that works."""
    assert [find_profile(name, "kms").name for name in PROFILE_NAMES] == ["emrfs", "emrfs-v2"]


@pytest.mark.parametrize(("name", "keyring"), [("emrfs", "aes"), ("EMRFS", "kms"), ("", "kms"), ("redshift", "kms")])
def test_unknown_combination_names_the_known_ones(name: str, keyring: str) -> None:
    """A combination that the table does not have is an error that lists those it has."""
    with pytest.raises(SettingsError, match="'emrfs' with 'kms', 'emrfs-v2' with 'kms'") as caught:
        find_profile(name, keyring)
    assert repr(name) in str(caught.value)
