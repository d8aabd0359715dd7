"""The port to whoever holds the wrapping keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile


@dataclass(frozen=True, slots=True)
class DataKey:
    """A fresh data key: the plaintext, its wrapped form, and the context or description to store with it."""

    plaintext: Secret
    encrypted: bytes
    encryption_context: Mapping[str, str]


class Keyring(Protocol):
    """Wraps new data keys and unwraps stored ones; safe to use from several threads."""

    @property
    def kind(self) -> str:
        """The word that profiles and options use for it: ``kms``, …"""

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
