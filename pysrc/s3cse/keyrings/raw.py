"""What keyrings of raw keys, in memory or in a device, have in common: rules about wraps, and how refusals read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.keywrap import ECB_WRAPPED_BYTES, GCM_WRAPPED_BYTES, RFC3394_WRAPPED_BYTES
from s3cse.crypto.randomness import random_bytes
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import WRAP_AES_GCM, WRAP_AES_WRAP, WRAP_V1_AES, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.base import WRAPS_OF_KIND, Claim
from s3cse.keyrings.description import checked_description, shown

if TYPE_CHECKING:  # typing only
    from typing_extensions import Self

#: Length of the wrapped data key for each wrap under an AES key, in bytes; under an RSA key it is the modulus's.
AES_WRAPPED_BYTES = {
    WRAP_AES_GCM: GCM_WRAPPED_BYTES,
    WRAP_AES_WRAP: RFC3394_WRAPPED_BYTES,
    WRAP_V1_AES: ECB_WRAPPED_BYTES,
}
_NAMES = {"aes": "an AES", "rsa": "an RSA"}
_REDSHIFT = "redshift"


class RawKeyring:
    """One raw key, in memory or in a device: it wraps for every object, and a description tells which are its own.

    Args:
        matdesc: materials description; None: new objects get an empty one.

    Raises:
        SettingsError: the description is no map of strings.
    """

    def __init__(self, matdesc: Mapping[str, str] | None) -> None:
        self._description = checked_description(matdesc)

    @property
    def description(self) -> Mapping[str, str] | None:
        """The materials description, None where none was given."""
        return None if self._description is None else dict(self._description)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring with a raw key cannot be pickled: make another there, from where the key is kept")

    def for_encryption(self, uri: str) -> Self:  # noqa: ARG002 - one key for all objects
        """See Keyring."""
        return self


def new_plaintext_key() -> Secret:
    """Return a fresh 256-bit data key."""
    return Secret(random_bytes(KEY_BYTES))


def bound_text(algorithm: str) -> bytes:
    """Return the content algorithm's text as the newer wraps bind it."""
    return algorithm.encode("ascii")


def check_wrap(kind: str, envelope: Envelope, wrapped_bytes: int) -> None:
    """Refuse an object whose data key was wrapped by another kind of key, or has not the length of such a wrap.

    Raises:
        KeyringError: with what was found and expected.
    """
    if envelope.wrap_algorithm not in WRAPS_OF_KIND[kind]:
        raise KeyringError(
            f"the object's data key was not wrapped by {_NAMES[kind]} key",
            found=f"wrap {envelope.wrap_algorithm!r}",
            expected=" or ".join(map(repr, WRAPS_OF_KIND[kind])),
            fix="use the keyring that the object was written with",
        )
    if len(envelope.encrypted_data_key) != wrapped_bytes:
        raise KeyringError(
            f"the wrapped data key has not the length that wrap {envelope.wrap_algorithm!r} has under this key",
            found=f"{len(envelope.encrypted_data_key)} bytes",
            expected=f"{wrapped_bytes} bytes",
            fix="it was cut, swapped, or belongs to another key: restore the object's envelope, or use its key",
        )


def does_not_open(kind: str, envelope: Envelope, own: Mapping[str, str] | None) -> KeyringError:
    """Return the error for a wrapped key that does not open; all reasons look alike."""
    expected = f"one that this {kind.upper()} key wrapped"
    if own is not None:
        expected += f", description {shown(own)}"
    return KeyringError(
        "the key does not open the object's data key",
        found=f"wrap {envelope.wrap_algorithm!r}, materials description {shown(envelope.materials_description)}",
        expected=expected,
        fix="use the key that the description names; if this is it, the envelope was changed: restore it",
    )


def check_profile(kind: str, profile: Profile, writable: tuple[str, ...]) -> None:
    """Refuse a profile whose wrap this kind of key does not write.

    Raises:
        SettingsError: with the wraps it writes.
    """
    if profile.wrap_algorithm not in writable:
        raise SettingsError(
            f"{_NAMES[kind]} key does not wrap as this profile wants",
            found=f"profile {profile.name!r}, wrap {profile.wrap_algorithm!r}",
            expected="wrap " + " or ".join(map(repr, writable)),
            fix=f"choose the profile for a keyring of kind {kind!r}",
        )


def check_redshift(profile: Profile, key_bytes: int, matdesc: Mapping[str, str] | None) -> None:
    """Refuse what Redshift COPY does not read: other keys than 256-bit ones, and materials descriptions.

    Source: DESIGN.md section 4, FORMATS.md section 18.

    Raises:
        SettingsError: with what it reads.
    """
    if profile.name != _REDSHIFT:
        return
    if key_bytes != KEY_BYTES:
        raise SettingsError(
            "Redshift reads objects under 256-bit keys only",
            found=f"a key of {8 * key_bytes} bits",
            expected=f"{8 * KEY_BYTES} bits",
            fix="use a key of 32 bytes, the one in COPY's master_symmetric_key",
        )
    if matdesc:
        raise SettingsError(
            "an object for Redshift has no materials description",
            found=shown(matdesc),
            expected="{}",
            fix="leave matdesc out",
        )


def claim_by_description(kind: str, envelope: Envelope, own: Mapping[str, str] | None) -> Claim:
    """Return the claim of a key whose objects are told by their materials description."""
    if envelope.wrap_algorithm not in WRAPS_OF_KIND[kind]:
        return Claim.NONE
    if own is None:
        return Claim.POSSIBLE
    return Claim.EQUAL if dict(envelope.materials_description or {}) == own else Claim.NONE
