"""The port to whoever holds the wrapping keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import (
    WRAP_AES_GCM,
    WRAP_AES_WRAP,
    WRAP_KMS,
    WRAP_KMS_CONTEXT,
    WRAP_RSA_OAEP_SHA1,
    WRAP_RSA_OAEP_SHA256,
    WRAP_V1_AES,
    WRAP_V1_RSA,
    Envelope,
)
from s3cse.envelope.profiles import Profile

#: The key wraps that each kind of key can open (FORMATS.md section 6).
WRAPS_OF_KIND = {
    "kms": (WRAP_KMS_CONTEXT, WRAP_KMS),
    "aes": (WRAP_AES_GCM, WRAP_AES_WRAP, WRAP_V1_AES),
    "rsa": (WRAP_RSA_OAEP_SHA1, WRAP_RSA_OAEP_SHA256, WRAP_V1_RSA),
}


@dataclass(frozen=True, slots=True)
class DataKey:
    """A fresh data key: the plaintext, its wrapped form, and the context or description to store with it."""

    plaintext: Secret
    encrypted: bytes
    materials_description: Mapping[str, str]


class Keyring(Protocol):
    """Wraps new data keys and unwraps stored ones; safe to use from several threads."""

    @property
    def kind(self) -> str:
        """The word that profiles and options use for it: ``kms``, …"""

    def for_encryption(self, uri: str) -> Keyring:
        """Return the keyring that wraps new data keys for this object: itself, but for providers and the like.

        Its ``kind`` is what finds the profile.

        Raises:
            KeyringError, SettingsError: there is none for this object.
        """

    def new_data_key(self, profile: Profile) -> DataKey:
        """Return a fresh 256-bit data key wrapped as the profile says.

        Raises:
            KeyringError: the key service refused; its error is the cause.
        """

    def unwrap(self, envelope: Envelope) -> Secret:
        """Return the plaintext data key of an object (32 bytes).

        The caller has checked the envelope's consistency and the policy: asking costs a call, and is logged.

        Raises:
            KeyringError: this keyring does not open the object; the key service's error is the cause.
        """


class Claim(Enum):
    """What a keyring says of an object that it has not tried to open; see :class:`Claiming`."""

    #: It cannot open this wrap.
    NONE = "none"
    #: It is of the right kind and has no materials description: the object may be its own.
    POSSIBLE = "possible"
    #: It is of the right kind, and the object has its materials description.
    EQUAL = "equal"
    #: A key service decides, and never gives a wrong key: it does no harm to ask.
    ASK = "ask"


@runtime_checkable
class Claiming(Protocol):
    """A keyring that knows its objects before it opens them, for a choice between several; no Keyring has to."""

    def claim(self, envelope: Envelope) -> Claim:
        """Return whether this object may be one of its own; costs no call to a key service.

        Raises:
            KeyringError: the keyring cannot say, because its device does not answer.
        """


def claim_of(keyring: Keyring, envelope: Envelope) -> Claim:
    """Return the keyring's claim to this object; for one that makes none, what its ``kind`` can open."""
    if isinstance(keyring, Claiming):
        return keyring.claim(envelope)
    if envelope.wrap_algorithm not in WRAPS_OF_KIND.get(keyring.kind, ()):
        return Claim.NONE
    return Claim.ASK if keyring.kind == "kms" else Claim.POSSIBLE


def replaces_description(keyring: Keyring) -> bool:
    """Whether a keyring reads with a description of its own in place of the stored one (``override_context``)."""
    return bool(getattr(keyring, "replaces_description", False))
