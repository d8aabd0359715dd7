"""Encryption contexts of S3 objects: which one a user may choose, and which one KMS is sent with a stored data key.

Source: FORMATS.md section 7.
"""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.envelope.fields import is_text
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, RESERVED_CONTEXT_KEY, WRAP_KMS, WRAP_KMS_CONTEXT, Envelope
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.base import WRAPS_OF_KIND, Claim
from s3cse.keyrings.description import shown


class OtherKeyError(KeyringError):
    """The data key is under another KMS key than the one that was named, or of another encryption context."""


def checked_context(context: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a copy of an encryption context for new objects.

    Raises:
        SettingsError: it uses a reserved name, or is no map of strings.
    """
    return None if context is None else _checked(context, (RESERVED_CONTEXT_KEY, KMS_KEY_ID_ENTRY))


def checked_override(context: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return a copy of a context that replaces a stored one; it may name the key, as the old wrap's contexts do.

    Raises:
        SettingsError: it holds the entry that binds the algorithm, or is no map of strings.
    """
    return None if context is None else _checked(context, (RESERVED_CONTEXT_KEY,))


def _checked(context: Mapping[str, str], reserved: tuple[str, ...]) -> dict[str, str]:
    used = set(reserved) & set(context)
    if used:
        raise SettingsError(
            "the encryption context uses a reserved name",
            found=", ".join(sorted(used)),
            expected="names of your own",
            fix="leave it out: it is added where it belongs",
        )
    if not all(is_text(name) and is_text(value) for name, value in context.items()):
        raise SettingsError(
            "the encryption context is no map of strings", expected='{"team": "flights"}', fix="turn values into text"
        )
    return dict(context)


def decryption_context(
    envelope: Envelope, context: Mapping[str, str] | None, override: Mapping[str, str] | None
) -> dict[str, str]:
    """Return what to send with Decrypt.

    Args:
        context: the caller's: a `kms+context` object must have exactly this one, an object of the old wrap none.
        override: replaces the stored one; the entries that a wrap adds by itself are added to it, too.

    Raises:
        KeyringError: the wrap is not of KMS, or the context is not the caller's.
    """
    stored = dict(envelope.materials_description or {})
    if envelope.wrap_algorithm == WRAP_KMS:
        return _old_context(stored, context, override)
    if envelope.wrap_algorithm != WRAP_KMS_CONTEXT:
        raise KeyringError(
            "the object's data key was not wrapped by KMS",
            found=f"wrap {envelope.wrap_algorithm!r}",
            expected=f"{WRAP_KMS_CONTEXT!r} or {WRAP_KMS!r}",
            fix="use the keyring that the object was written with",
        )
    user = user_context(stored)
    if context is not None and user != context:
        raise OtherKeyError(
            "the object's encryption context is not the one given",
            found=shown(user),
            expected=shown(context),
            fix="give the context the object was written with, or none; override_context replaces a damaged one",
        )
    return {**(stored if override is None else override), RESERVED_CONTEXT_KEY: envelope.content_algorithm.value}


def user_context(stored: Mapping[str, str]) -> dict[str, str]:
    """Return a stored encryption context without the entries that the wraps add by themselves."""
    return {name: value for name, value in stored.items() if name not in (RESERVED_CONTEXT_KEY, KMS_KEY_ID_ENTRY)}


def _old_context(
    stored: dict[str, str], context: Mapping[str, str] | None, override: Mapping[str, str] | None
) -> dict[str, str]:
    if context:
        raise KeyringError(
            "an encryption context was given for an object of the old wrap 'kms', which stores its own",
            found=shown(context),
            expected="no context",
            fix="read this object without a context",
        )
    if RESERVED_CONTEXT_KEY in stored:
        # The envelope's reader refuses this as well; here it keeps a relabelled object from opening by an override.
        raise KeyringError(
            "an object of the new key wrap is labelled as one of the old wrap 'kms'",
            found=f"{RESERVED_CONTEXT_KEY} in its context",
            expected=f"wrap {WRAP_KMS_CONTEXT!r}",
            fix="the object's envelope was changed: restore it from a copy you trust",
        )
    if override is None:
        return stored
    named = {KMS_KEY_ID_ENTRY: stored[KMS_KEY_ID_ENTRY]} if KMS_KEY_ID_ENTRY in stored else {}
    return {**named, **override}


def claim_of_kms(envelope: Envelope) -> Claim:
    """Return the claim of a keyring that can ask KMS."""
    return Claim.ASK if envelope.wrap_algorithm in WRAPS_OF_KIND["kms"] else Claim.NONE
