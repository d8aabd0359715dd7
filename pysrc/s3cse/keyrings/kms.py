"""Data keys from AWS KMS. Source: FORMATS.md sections 6, 7 and 25."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.envelope.fields import is_text
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, RESERVED_CONTEXT_KEY, WRAP_KMS, WRAP_KMS_CONTEXT, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.base import DataKey

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


class KmsKeyring:
    """Data keys wrapped by one named KMS key. It belongs to the process that made it, as its client does.

    Args:
        kms: a boto3 KMS client.
        key_id: id, ARN or alias of the wrapping key; sent with every call, so that a data key swapped for one under a
            foreign key is refused.
        context: encryption context for new objects. On read a `kms+context` object must have exactly this one; without
            it the object's own is used.

    Raises:
        SettingsError: no key, or the context uses a reserved name or is no map of strings.
    """

    kind = "kms"

    def __init__(self, kms: Any, key_id: str, context: Mapping[str, str] | None = None) -> None:
        if not key_id:
            raise SettingsError("a KMS keyring needs the id, ARN or alias of its key", fix="set kmsKeyId")
        self._kms = kms
        self._key_id = key_id
        self._context = None if context is None else _checked_context(context)
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"KmsKeyring(key_id={self._key_id!r}, context={self._context!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring belongs to one process: make another there")

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring. One GenerateDataKey call."""
        context = dict(self._context or {})
        if profile.wrap_algorithm == WRAP_KMS:
            context[KMS_KEY_ID_ENTRY] = self._key_id
        elif profile.wrap_algorithm == WRAP_KMS_CONTEXT:
            context[RESERVED_CONTEXT_KEY] = profile.content_algorithm.value
        else:
            raise SettingsError(
                "KMS does not wrap keys as this profile wants",
                found=f"profile {profile.name!r}, wrap {profile.wrap_algorithm!r}",
                expected=f"wrap {WRAP_KMS_CONTEXT!r} or {WRAP_KMS!r}",
                fix="choose the profile for a KMS keyring",
            )
        answer = self._call("GenerateDataKey", KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=context)
        encrypted = answer.get("CiphertextBlob")
        if not isinstance(encrypted, bytes) or not encrypted:
            raise self._bad_answer("GenerateDataKey", "no wrapped key", "a wrapped key")
        return DataKey(self._data_key("GenerateDataKey", answer), encrypted, context)

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring. One Decrypt call."""
        answer = self._call(
            "Decrypt",
            KeyId=self._key_id,
            CiphertextBlob=envelope.encrypted_data_key,
            EncryptionContext=self._stored_context(envelope),
        )
        return self._data_key("Decrypt", answer)

    def _stored_context(self, envelope: Envelope) -> dict[str, str]:
        stored = dict(envelope.encryption_context or {})
        if envelope.wrap_algorithm == WRAP_KMS:
            if self._context:
                raise KeyringError(
                    "an encryption context was given for an object of the old wrap 'kms', which stores its own",
                    found=repr(self._context),
                    expected="no context",
                    fix="read this object without a context",
                )
            return stored
        if envelope.wrap_algorithm != WRAP_KMS_CONTEXT:
            raise KeyringError(
                "the object's data key was not wrapped by KMS",
                found=f"wrap {envelope.wrap_algorithm!r}",
                expected=f"{WRAP_KMS_CONTEXT!r} or {WRAP_KMS!r}",
                fix="use the keyring that the object was written with",
            )
        user = {name: value for name, value in stored.items() if name not in (RESERVED_CONTEXT_KEY, KMS_KEY_ID_ENTRY)}
        if self._context is not None and user != self._context:
            raise KeyringError(
                "the object's encryption context is not the one given",
                found=repr(user),
                expected=repr(self._context),
                fix="give the context the object was written with, or none",
            )
        return {**stored, RESERVED_CONTEXT_KEY: envelope.content_algorithm.value}

    def _call(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        if os.getpid() != self._process:
            # Two processes on one TLS connection would read each other's answers.
            raise KeyringError(
                "the KMS client was made in another process",
                found=f"process {self._process}",
                expected=f"process {os.getpid()}",
                fix="make the client and the keyring after the fork",
            )
        method = {"Decrypt": "decrypt", "GenerateDataKey": "generate_data_key"}[operation]
        try:
            answer: Mapping[str, Any] = getattr(self._kms, method)(**arguments)
        except ClientError as error:
            detail = error.response.get("Error", {})
            code = str(detail.get("Code", ""))
            raise KeyringError(
                f"KMS refused {operation}",
                found=f"{code}: {detail.get('Message') or ''}".rstrip(": "),
                expected=f"a data key under {self._key_id}",
                fix=_FIXES.get(code, _OTHER_FIX),
            ) from error
        except BotoCoreError as error:
            raise KeyringError(
                f"KMS could not be asked to {operation}",
                found=str(error),
                expected=f"a data key under {self._key_id}",
                fix="check the network, the KMS endpoint, the Region and the credentials",
            ) from error
        return answer

    def _data_key(self, operation: str, answer: Mapping[str, Any]) -> Secret:
        used = answer.get("KeyId")
        if used is not None and not _may_be_same_key(self._key_id, used):
            # KMS itself checks the KeyId that we send; not every stand-in for it does.
            raise self._bad_answer(operation, f"the data key is under {used}", "one under the key that was named")
        plaintext = answer.get("Plaintext")
        if not isinstance(plaintext, bytes) or len(plaintext) != KEY_BYTES:
            size = len(plaintext) if isinstance(plaintext, bytes) else 0
            raise self._bad_answer(operation, f"a data key of {size} bytes", f"{KEY_BYTES} bytes")
        return Secret(plaintext)

    def _bad_answer(self, operation: str, found: str, expected: str) -> KeyringError:
        return KeyringError(
            f"KMS answered {operation} with key {self._key_id} with something else than a data key of ours",
            found=found,
            expected=expected,
            fix="the wrapped key was swapped, or the KMS endpoint is not KMS: restore the object, check the endpoint",
        )


def _checked_context(context: Mapping[str, str]) -> dict[str, str]:
    reserved = {RESERVED_CONTEXT_KEY, KMS_KEY_ID_ENTRY} & set(context)
    if reserved:
        raise SettingsError(
            "the encryption context uses a reserved name",
            found=", ".join(sorted(reserved)),
            expected="names of your own",
            fix="leave it out: it is added where it belongs",
        )
    if not all(is_text(name) and is_text(value) for name, value in context.items()):
        raise SettingsError(
            "the encryption context is no map of strings", expected='{"team": "flights"}', fix="turn values into text"
        )
    return dict(context)


def _may_be_same_key(configured: str, used: object) -> bool:
    """Whether the key that KMS used can be the configured one; what an alias points to, only KMS knows."""
    if configured.startswith("alias/") or ":alias/" in configured:
        return True
    shown = used if configured.startswith("arn:") else str(used).rpartition("/")[2]
    return shown == configured
