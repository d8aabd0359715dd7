"""Profiles: one word decides what is written (DESIGN.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from s3cse.envelope.model import (
    WRAP_AES_GCM,
    WRAP_KMS,
    WRAP_KMS_CONTEXT,
    WRAP_RSA_OAEP_SHA1,
    WRAP_V1_AES,
    WRAP_V1_RSA,
    ContentAlgorithm,
    Format,
)
from s3cse.errors import SettingsError
from s3cse.wording import Option, Worded

DEFAULT_PROFILE = "emrfs-v2"
ENCRYPTION_SDK = "encryption-sdk"
SSE_C = "sse-c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is written for a profile's name and a kind of keyring: one of the S3 client-side formats."""

    name: str
    keyring: str
    format: Format
    content_algorithm: ContentAlgorithm
    wrap_algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageProfile:
    """An AWS Encryption SDK message: the object's body holds its envelope. The keyring wraps as messages have it."""

    keyring: str
    name: str = ENCRYPTION_SDK


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKeyProfile:
    """SSE-C: the body is the plaintext, and S3 encrypts it under a key that is sent along. There is no keyring."""

    name: str = SSE_C


#: Whatever a profile's name may mean.
AnyProfile: TypeAlias = Profile | MessageProfile | CustomerKeyProfile

_CBC, _GCM, _COMMITTING = ContentAlgorithm.AES_CBC, ContentAlgorithm.AES_GCM, ContentAlgorithm.AES_GCM_COMMITTING

PROFILES = tuple(
    Profile(name=name, keyring=keyring, format=format_, content_algorithm=algorithm, wrap_algorithm=wrap)
    for name, keyring, format_, algorithm, wrap in (
        ("emrfs", "kms", Format.V2, _CBC, WRAP_KMS),
        ("emrfs", "aes", Format.V1, _CBC, WRAP_V1_AES),
        ("emrfs", "rsa", Format.V1, _CBC, WRAP_V1_RSA),
        ("emrfs-v2", "kms", Format.V2, _GCM, WRAP_KMS_CONTEXT),
        ("emrfs-v2", "aes", Format.V2, _GCM, WRAP_AES_GCM),
        ("emrfs-v2", "rsa", Format.V2, _GCM, WRAP_RSA_OAEP_SHA1),
        ("redshift", "aes", Format.V1, _CBC, WRAP_V1_AES),
        ("s3ec-v4", "kms", Format.V3, _COMMITTING, WRAP_KMS_CONTEXT),
        ("s3ec-v4", "aes", Format.V3, _COMMITTING, WRAP_AES_GCM),
        ("s3ec-v4", "rsa", Format.V3, _COMMITTING, WRAP_RSA_OAEP_SHA1),
    )
)
_MESSAGE_KEYRINGS = ("kms", "aes", "rsa")
PROFILE_NAMES = tuple(sorted({profile.name for profile in PROFILES} | {ENCRYPTION_SDK, SSE_C}))
#: The S3 client-side formats that a KMS keyring can write.
KMS_PROFILE_NAMES = tuple(sorted(profile.name for profile in PROFILES if profile.keyring == "kms"))


def find_profile(name: str, keyring: str) -> AnyProfile:
    """Return what profile ``name`` writes with a keyring of this kind (``kms``, …); ``sse-c`` asks for no kind.

    Raises:
        SettingsError: there is no such combination; the message names the ones there are.
    """
    if name == SSE_C:
        return CustomerKeyProfile()
    if name == ENCRYPTION_SDK and keyring in _MESSAGE_KEYRINGS:
        return MessageProfile(keyring=keyring)
    return find_s3_profile(name, keyring)


def find_s3_profile(name: str, keyring: str) -> Profile:
    """Return the S3 client-side format that profile ``name`` writes with a keyring of this kind.

    Raises:
        SettingsError: there is no such combination; the message names the ones there are.
    """
    for profile in PROFILES:
        if profile.name == name and profile.keyring == keyring:
            return profile
    known = [(profile.name, profile.keyring) for profile in PROFILES]
    known += [(ENCRYPTION_SDK, kind) for kind in _MESSAGE_KEYRINGS]
    raise SettingsError(
        Worded("no such {} for this keyring", Option("profile")),
        found=Worded("{} {!r} with a {!r} keyring", Option("profile"), name, keyring),
        expected=", ".join(f"{profile!r} with {kind!r}" for profile, kind in known) + f", {SSE_C!r} with customer keys",
        fix="choose one of these",
    )
