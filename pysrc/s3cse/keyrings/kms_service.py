"""What KMS is asked, and what is believed of its answers; for the keyrings that use it.

Source: FORMATS.md sections 6, 7 and 25.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.envelope.fields import is_text
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, RESERVED_CONTEXT_KEY, WRAP_KMS, WRAP_KMS_CONTEXT, Envelope
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.base import WRAPS_OF_KIND, Claim
from s3cse.keyrings.description import shown

_REQUESTS = 8
_THROTTLED = "KMS is throttling: run fewer tasks at once, or ask AWS for a higher quota"
_FIXES = {
    "AccessDeniedException": "allow this identity kms:Decrypt (reading) and kms:GenerateDataKey (writing) on the key",
    "IncorrectKeyException": "the data key was wrapped under another KMS key: name that key",
    "InvalidCiphertextException": "the wrapped key or its encryption context was changed, or belongs to another key",
    "NotFoundException": "check the key's id, Region and account",
    "DisabledException": "enable the key, or use another",
    "KMSInvalidStateException": "the key is pending deletion or import: see its state in KMS",
    "ThrottlingException": _THROTTLED,
    "LimitExceededException": _THROTTLED,
}
_OTHER_FIX = "look the error up in the KMS documentation; check the key, its Region and this identity's credentials"


def kms_client(region: str | None = None, endpoint_url: str | None = None) -> Any:
    """Return a boto3 KMS client that waits out throttling: up to 8 requests with growing, random pauses.

    Args:
        region: AWS Region; None: as boto3 finds it.
        endpoint_url: for another KMS; None: as boto3 finds it.
    """
    config = Config(retries={"mode": "standard", "total_max_attempts": _REQUESTS})
    return boto3.session.Session().client("kms", region_name=region, endpoint_url=endpoint_url, config=config)


class KmsService:
    """Calls of one process to KMS about one key, or about whatever key a data key is under.

    Args:
        kms: a boto3 KMS client.
        key: how messages name the key.
    """

    def __init__(self, kms: Any, key: str) -> None:
        self._kms = kms
        self._key = key
        self._process = os.getpid()

    def generate_data_key(self, **arguments: Any) -> Mapping[str, Any]:
        """Call GenerateDataKey.

        Raises:
            KeyringError: KMS refused or could not be asked, or this is another process.
        """
        return self._call("GenerateDataKey", "generate_data_key", arguments)

    def decrypt(self, **arguments: Any) -> Mapping[str, Any]:
        """Call Decrypt.

        Raises:
            KeyringError: as above.
        """
        return self._call("Decrypt", "decrypt", arguments)

    def encrypt(self, **arguments: Any) -> Mapping[str, Any]:
        """Call Encrypt.

        Raises:
            KeyringError: as above.
        """
        return self._call("Encrypt", "encrypt", arguments)

    @property
    def region(self) -> str | None:
        """The client's AWS Region, None where it does not say."""
        return getattr(getattr(self._kms, "meta", None), "region_name", None)

    def _call(self, operation: str, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if os.getpid() != self._process:
            # Two processes on one TLS connection would read each other's answers.
            raise KeyringError(
                "the KMS client was made in another process",
                found=f"process {self._process}",
                expected=f"process {os.getpid()}",
                fix="make the client and the keyring after the fork",
            )
        try:
            answer: Mapping[str, Any] = getattr(self._kms, method)(**arguments)
        except ClientError as error:
            detail = error.response.get("Error", {})
            code = str(detail.get("Code", ""))
            raise KeyringError(
                f"KMS refused {operation}",
                found=f"{code}: {detail.get('Message') or ''}".rstrip(": "),
                expected=f"a data key under {self._key}",
                fix=_FIXES.get(code, _OTHER_FIX),
            ) from error
        except BotoCoreError as error:
            raise KeyringError(
                f"KMS could not be asked to {operation}",
                found=str(error),
                expected=f"a data key under {self._key}",
                fix="check the network, the KMS endpoint, the Region and the credentials",
            ) from error
        return answer

    def data_key(self, operation: str, answer: Mapping[str, Any], key_bytes: int = KEY_BYTES) -> Secret:
        """Return the plaintext key of an answer.

        Raises:
            KeyringError: there is none, or it has another length.
        """
        plaintext = answer.get("Plaintext")
        if not isinstance(plaintext, bytes) or len(plaintext) != key_bytes:
            size = len(plaintext) if isinstance(plaintext, bytes) else 0
            raise self.bad_answer(operation, f"a data key of {size} bytes", f"{key_bytes} bytes")
        return Secret(plaintext)

    def wrapped_key(self, operation: str, answer: Mapping[str, Any]) -> bytes:
        """Return the wrapped key of an answer.

        Raises:
            KeyringError: there is none.
        """
        wrapped = answer.get("CiphertextBlob")
        if not isinstance(wrapped, bytes) or not wrapped:
            raise self.bad_answer(operation, "no wrapped key", "a wrapped key")
        return wrapped

    def bad_answer(self, operation: str, found: str, expected: str) -> KeyringError:
        """Return the error for an answer that KMS itself would not give."""
        return KeyringError(
            f"KMS answered {operation} with key {self._key} with something else than a data key of ours",
            found=found,
            expected=expected,
            fix="the wrapped key was swapped, or the KMS endpoint is not KMS: restore the object, check the endpoint",
        )


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
    user = {name: value for name, value in stored.items() if name not in (RESERVED_CONTEXT_KEY, KMS_KEY_ID_ENTRY)}
    if context is not None and user != context:
        raise KeyringError(
            "the object's encryption context is not the one given",
            found=shown(user),
            expected=shown(context),
            fix="give the context the object was written with, or none; override_context replaces a damaged one",
        )
    return {**(stored if override is None else override), RESERVED_CONTEXT_KEY: envelope.content_algorithm.value}


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
