"""The port between Encryption SDK messages and whoever holds the wrapping keys.

An S3 object has one wrapped data key, and its envelope says how it was wrapped. A message has one or several, each with
the names of its key: provider id and provider information. Source: AWS Encryption SDK specification,
framework/keyring-interface.md and framework/structures.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from s3cse.crypto.secret import Secret
from s3cse.errors import KeyringError, SettingsError, printable

_SHOWN = 3  # wrapped keys that a message names


@dataclass(frozen=True, slots=True)
class EncryptedDataKey:
    """A wrapped data key and the names of the key that wrapped it; each field has 65,535 bytes at most."""

    provider_id: str
    provider_info: bytes
    ciphertext: bytes

    def __str__(self) -> str:
        shown = self.provider_info[:200].decode("utf-8", "backslashreplace")
        return f"{printable(self.provider_id[:200])!r} {printable(shown)!r}"


@dataclass(frozen=True, slots=True)
class MessageKey:
    """A fresh data key and its wrapped forms, any one of which opens the message."""

    plaintext: Secret
    encrypted: tuple[EncryptedDataKey, ...]


@runtime_checkable
class MessageKeyring(Protocol):
    """Wraps and unwraps data keys of messages; safe to use from several threads.

    ``context`` is the message's whole encryption context, pairs that are not stored included. Every wrap authenticates
    it, but for raw RSA keys, which cannot: there only the message does.
    """

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        """Return a fresh data key of ``key_bytes`` (16, 24 or 32), wrapped.

        Raises:
            KeyringError: the key service refused; its error is the cause.
            SettingsError: this keyring cannot write messages.
        """

    def wrap_message_key(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        """Return wrapped forms of a data key that another keyring made.

        Raises:
            KeyringError, SettingsError: as above.
        """

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        """Return the data key (``key_bytes`` long) of the first wrapped form that this keyring opens.

        Raises:
            KeyringError: it opens none; the last error of the key service is the cause.
        """


def checked_message_keyring(keyring: object) -> MessageKeyring:
    """Return the keyring if it works for messages.

    Raises:
        SettingsError: it does not.
    """
    if isinstance(keyring, MessageKeyring):
        return keyring
    raise SettingsError(
        "this keyring knows no Encryption SDK messages",
        found=type(keyring).__name__,
        expected="a keyring of KMS, raw keys or PKCS#11, a MultiKeyring, or one of them in a cache",
        fix="use one of these, or write an S3 format",
    )


def first_opened(
    encrypted: Sequence[EncryptedDataKey],
    is_own: Callable[[EncryptedDataKey], bool],
    opened: Callable[[EncryptedDataKey], Secret],
    expected: str,
) -> Secret:
    """Return the data key of the first own wrapped form that opens, trying them in their order.

    Args:
        encrypted: the message's.
        is_own: whether the names of a wrapped key are the keyring's.
        opened: unwraps one; a KeyringError means the next is tried.
        expected: the keyring's own names, for the error.

    Raises:
        KeyringError: none is the keyring's own, or none of them opens.
    """
    own = [candidate for candidate in encrypted if is_own(candidate)]
    refusals = []
    for candidate in own:
        try:
            return opened(candidate)
        except KeyringError as error:
            if len(own) == 1:
                raise
            refusals.append(error)
    if not own:
        raise KeyringError(
            "none of the message's wrapped data keys is for this keyring",
            found=named(encrypted),
            expected=expected,
            fix="use the keyring that the message was written for, with the same provider id and key id",
        )
    raise KeyringError(
        f"none of the message's {len(own)} data keys for this keyring opens",
        found="; ".join(map(str, refusals[:_SHOWN])),
        expected=expected,
        fix="use the key and the encryption context that the message was written with",
    ) from refusals[-1]


def does_not_open_message_key(encrypted: EncryptedDataKey) -> KeyringError:
    """Return the error of a raw key that does not open a wrapped key with its names; all reasons look alike."""
    return KeyringError(
        "the key does not open the message's data key",
        found=f"a data key under {encrypted}",
        expected="one that this key wrapped, with this encryption context",
        fix="check the key and the context; if they are right, the message was changed: restore it",
    )


def named(encrypted: Sequence[EncryptedDataKey]) -> str:
    """Return the names of a message's keys, not too many of them."""
    shown = ", ".join(map(str, encrypted[:_SHOWN]))
    return shown if len(encrypted) <= _SHOWN else f"{shown} and {len(encrypted) - _SHOWN} more"
