"""Data keys from AWS KMS. Source: FORMATS.md sections 6, 7 and 25."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, RESERVED_CONTEXT_KEY, WRAP_KMS, WRAP_KMS_CONTEXT, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.base import DataKey

_FIXES = {
    "AccessDeniedException": "allow this identity kms:Decrypt (reading) and kms:GenerateDataKey (writing) on the key",
    "IncorrectKeyException": "the data key was wrapped under another KMS key: name that key",
    "InvalidCiphertextException": "the wrapped key or its encryption context was changed, or belongs to another key",
    "NotFoundException": "check the key's id, Region and account",
    "DisabledException": "enable the key, or use another",
    "KMSInvalidStateException": "the key is pending deletion or import: see its state in KMS",
    "ThrottlingException": "KMS is throttling: run fewer tasks at once, or ask AWS for a higher quota",
}


def kms_client(region: str | None = None, endpoint_url: str | None = None) -> Any:
    """Return a boto3 KMS client that waits out throttling: up to 8 attempts with growing, random pauses.

    Args:
        region: AWS Region; None: as boto3 finds it.
        endpoint_url: for another KMS; None: as boto3 finds it.
    """
    config = Config(retries={"mode": "standard", "max_attempts": 8})
    return boto3.session.Session().client("kms", region_name=region, endpoint_url=endpoint_url, config=config)


class KmsKeyring:
    """Data keys wrapped by one named KMS key.

    Args:
        kms: a boto3 KMS client.
        key_id: id, ARN or alias of the wrapping key; sent with every call, so that a data key swapped for one under a
            foreign key is refused.
        context: encryption context for new objects. On read a `kms+context` object must have exactly this one; without
        it
            the object's own is used.

    Raises:
        SettingsError: no key, or the context uses a reserved name.
    """

    kind = "kms"

    def __init__(self, kms: Any, key_id: str, context: Mapping[str, str] | None = None) -> None:
        if not key_id:
            raise SettingsError("a KMS keyring needs the id, ARN or alias of its key", fix="set kmsKeyId")
        reserved = {RESERVED_CONTEXT_KEY, KMS_KEY_ID_ENTRY} & set(context or ())
        if reserved:
            raise SettingsError("the encryption context uses a reserved name", found=", ".join(sorted(reserved)))
        self._kms = kms
        self._key_id = key_id
        self._context = None if context is None else dict(context)

    def __repr__(self) -> str:
        return f"KmsKeyring(key_id={self._key_id!r}, context={self._context!r})"

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring. One GenerateDataKey call."""
        context = dict(self._context or {})
        if profile.wrap_algorithm == WRAP_KMS:
            context[KMS_KEY_ID_ENTRY] = self._key_id
        else:
            context[RESERVED_CONTEXT_KEY] = profile.content_algorithm.value
        answer = self._call("GenerateDataKey", KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=context)
        return DataKey(self._data_key(answer), answer["CiphertextBlob"], context)

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring. One Decrypt call."""
        answer = self._call(
            "Decrypt",
            KeyId=self._key_id,
            CiphertextBlob=envelope.encrypted_data_key,
            EncryptionContext=self._stored_context(envelope),
        )
        return self._data_key(answer)

    def _stored_context(self, envelope: Envelope) -> dict[str, str]:
        stored = dict(envelope.encryption_context or {})
        if envelope.wrap_algorithm == WRAP_KMS:
            if self._context is not None:
                raise KeyringError(
                    "an encryption context was given for an object of the old wrap 'kms', which stores its own",
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
        method = {"Decrypt": "decrypt", "GenerateDataKey": "generate_data_key"}[operation]
        try:
            answer: Mapping[str, Any] = getattr(self._kms, method)(**arguments)
        except ClientError as error:
            detail = error.response.get("Error", {})
            code = str(detail.get("Code", ""))
            raise KeyringError(
                f"KMS refused {operation} with key {self._key_id}",
                found=f"{code}: {detail.get('Message', '')}".rstrip(": "),
                fix=_FIXES.get(code),
            ) from error
        except BotoCoreError as error:
            raise KeyringError(f"KMS could not be asked to {operation}", found=str(error)) from error
        return answer

    def _data_key(self, answer: Mapping[str, Any]) -> Secret:
        plaintext = answer["Plaintext"]
        if len(plaintext) != KEY_BYTES:
            raise KeyringError(
                "KMS returned a data key of the wrong size",
                found=f"{len(plaintext)} bytes",
                expected=f"{KEY_BYTES} bytes",
            )
        return Secret(plaintext)
