"""Envelopes made by hand from a data key, one for each profile and wrap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.envelope.profiles import PROFILES, Profile
from s3cse.keyrings import DataKey


def profiles_of(kind: str) -> list[Profile]:
    """Return the rows of the table for this kind of keyring."""
    return [profile for profile in PROFILES if profile.keyring == kind]


def envelope_of(key: DataKey, profile: Profile, **changes: Any) -> Envelope:
    """Return the envelope of an object with this data key."""
    algorithm = profile.content_algorithm
    envelope = Envelope(
        format=profile.format,
        content_algorithm=algorithm,
        wrap_algorithm=profile.wrap_algorithm,
        encrypted_data_key=key.encrypted,
        iv=bytes(algorithm.iv_bytes),
        materials_description=key.materials_description,
    )
    return replace(envelope, **changes)


def old_envelope(wrap: str, wrapped: bytes, **changes: Any) -> Envelope:
    """Return a V2 GCM object of a wrap that no profile writes any more."""
    gcm = ContentAlgorithm.AES_GCM
    return replace(Envelope(Format.V2, gcm, wrap, wrapped, bytes(12), {}), **changes)


def profile_id(profile: Profile) -> str:
    """Name a profile's row in a test's id."""
    return f"{profile.name}-{profile.keyring}"
