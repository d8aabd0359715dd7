"""Profiles: one word decides what is written (DESIGN.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.envelope.model import WRAP_KMS, WRAP_KMS_CONTEXT, ContentAlgorithm, Format
from s3cse.errors import SettingsError

DEFAULT_PROFILE = "emrfs-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is written for a profile's name and a kind of keyring."""

    name: str
    keyring: str
    format: Format
    content_algorithm: ContentAlgorithm
    wrap_algorithm: str


PROFILES = (
    Profile(
        name="emrfs",
        keyring="kms",
        format=Format.V2,
        content_algorithm=ContentAlgorithm.AES_CBC,
        wrap_algorithm=WRAP_KMS,
    ),
    Profile(
        name="emrfs-v2",
        keyring="kms",
        format=Format.V2,
        content_algorithm=ContentAlgorithm.AES_GCM,
        wrap_algorithm=WRAP_KMS_CONTEXT,
    ),
)
PROFILE_NAMES = tuple(sorted({profile.name for profile in PROFILES}))


def find_profile(name: str, keyring: str) -> Profile:
    """Return what profile ``name`` writes with a keyring of this kind (``kms``, …).

    Raises:
        SettingsError: there is no such combination; the message names the ones there are.
    """
    for profile in PROFILES:
        if profile.name == name and profile.keyring == keyring:
            return profile
    raise SettingsError(
        "no such profile for this keyring",
        found=f"profile {name!r} with a {keyring!r} keyring",
        expected=", ".join(f"{profile.name!r} with {profile.keyring!r}" for profile in PROFILES),
        fix="choose one of these",
    )
