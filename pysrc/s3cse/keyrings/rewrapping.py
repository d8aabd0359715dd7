"""What rotation asks of keyrings: the same data key under another wrapping key. No Keyring has to know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import SettingsError
from s3cse.keyrings.base import DataKey, Keyring
from s3cse.keyrings.kms_rewrap import KmsSource, ReEncrypted


@runtime_checkable
class Wrapping(Protocol):
    """A keyring that wraps data keys which exist already."""

    def wrap_data_key(self, plaintext: Secret, profile: Profile, context: Mapping[str, str] | None = None) -> DataKey:
        """Return a data key of 32 bytes wrapped as the profile says, bound to its content algorithm as new ones are.

        Args:
            context: the encryption context to bind where the keyring is of KMS and has none of its own; other keyrings
                take no notice of it.

        Raises:
            KeyringError: the key service refused.
            SettingsError: the profile is for another kind of key.
        """


@runtime_checkable
class ReEncrypting(Protocol):
    """A keyring whose key service takes a data key over from another of its keys."""

    @property
    def address(self) -> tuple[str | None, str | None]:
        """Region and endpoint of its KMS; only sources of the same can be taken over."""

    def re_encrypt(
        self, envelope: Envelope, source: KmsSource, profile: Profile, context: Mapping[str, str] | None = None
    ) -> ReEncrypted:
        """Let the key service wrap an object's data key anew; the data key itself is not seen here.

        Raises:
            OtherKeyError: it is not under the source's key.
            KeyringError: the key service refused.
        """


@runtime_checkable
class KmsSourced(Protocol):
    """A keyring that knows which KMS key an object's data key may be under."""

    def kms_sources(self, envelope: Envelope) -> Sequence[KmsSource]:
        """Return what to try, best first; none where the object is not under a KMS key.

        Raises:
            KeyringError: the object is none of this keyring's.
        """


def kms_sources(keyring: Keyring, envelope: Envelope) -> Sequence[KmsSource]:
    """Return the KMS keys that this object's data key may be under, as far as the keyring knows any."""
    return keyring.kms_sources(envelope) if isinstance(keyring, KmsSourced) else ()


def checked_wrapping(keyring: Keyring) -> Wrapping:
    """Return the keyring as one that wraps data keys which exist.

    Raises:
        SettingsError: it cannot.
    """
    if isinstance(keyring, Wrapping):
        return keyring
    raise SettingsError(
        "this keyring cannot wrap a data key that exists already",
        found=type(keyring).__name__,
        expected="KmsKeyring, AesKeyring, RsaKeyring, Pkcs11Keyring, or one with a method wrap_data_key",
        fix="rotate to one of these, or write new objects with s3cse migrate",
    )
