"""Data keys of Encryption SDK messages under KMS keys.

Source: AWS Encryption SDK specification, framework/aws-kms/. The provider is ``aws-kms``, its information the ARN that
KMS answers. A multi-Region key is one key in all its Regions, as for S3 objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s3cse.errors import KeyringError, SettingsError, printable
from s3cse.keyrings.description import shown
from s3cse.keyrings.kms_arn import KeyArn, may_be_same_key, parse_key_arn
from s3cse.keyrings.kms_service import KmsService
from s3cse.keyrings.message_keys import EncryptedDataKey
from s3cse.keyrings.message_names import KMS_PROVIDER


def wrapped(service: KmsService, operation: str, answer: Mapping[str, Any]) -> EncryptedDataKey:
    """Return the wrapped key of an answer, named by the ARN of the key that KMS used.

    Raises:
        KeyringError: KMS gave no wrapped key, or no ARN of a key.
    """
    used = answer.get("KeyId")
    if _key_arn(used) is None:
        raise service.bad_answer(operation, f"key {used!r}", "the ARN of the key that was used")
    return EncryptedDataKey(KMS_PROVIDER, str(used).encode("utf-8"), service.wrapped_key(operation, answer))


def may_be_under(encrypted: EncryptedDataKey, key_id: str) -> bool:
    """Whether the wrapped key may be under this KMS key; where an alias leads, only KMS knows.

    Raises:
        KeyringError: a wrapped key says it is KMS's and does not name a key.
    """
    return encrypted.provider_id == KMS_PROVIDER and may_be_same_key(key_id, named_key(encrypted)[0])


def named_key(encrypted: EncryptedDataKey) -> tuple[str, KeyArn]:
    """Return the ARN that a wrapped key of KMS names, as text and in parts.

    Raises:
        KeyringError: it names no key. The specification wants the whole message refused then.
    """
    text = encrypted.provider_info.decode("utf-8", "backslashreplace")
    arn = _key_arn(text)
    if arn is None:
        raise KeyringError(
            "a data key of the message is KMS's and names no KMS key",
            found=repr(printable(text[:200])),
            expected="arn:aws:kms:REGION:ACCOUNT:key/ID",
            fix="the message was changed, or not written by an AWS Encryption SDK: restore it",
        )
    return text, arn


def in_region(arn: KeyArn, region: str | None) -> KeyArn | None:
    """Return the key as a client of this Region can ask for it: itself, its relative there, or None.

    Source: framework/aws-kms/aws-kms-mrk-discovery-keyring.md.
    """
    if region is None or arn.region == region:
        return arn
    if not arn.is_multi_region:
        return None
    return KeyArn(arn.partition, region, arn.account, arn.resource)


def check_new_context(own: Mapping[str, str] | None, context: Mapping[str, str]) -> None:
    """Refuse to write a message without the pairs of the keyring's own context.

    Raises:
        SettingsError: the message has other pairs.
    """
    if not _has_pairs(context, own):
        raise SettingsError(
            "the keyring has an encryption context of its own, which the message has not",
            found=shown(context),
            expected=shown(own),
            fix="give these pairs to encrypt too; objects in S3 get them by themselves",
        )


def check_read_context(own: Mapping[str, str] | None, context: Mapping[str, str]) -> None:
    """Refuse to open a message without the pairs of the keyring's own context.

    Raises:
        KeyringError: the message has other pairs.
    """
    if not _has_pairs(context, own):
        raise KeyringError(
            "the message has not the keyring's encryption context",
            found=shown(context),
            expected=shown(own),
            fix="it is another message than this keyring is for; or make a keyring without a context of its own",
        )


def _has_pairs(context: Mapping[str, str], own: Mapping[str, str] | None) -> bool:
    return all(context.get(name) == value for name, value in (own or {}).items())


def check_no_override(override: Mapping[str, str] | None) -> None:
    """Refuse a keyring that replaces stored contexts: a message's is authenticated, so it is never damaged.

    Raises:
        SettingsError: it does.
    """
    if override is not None:
        raise SettingsError(
            "a keyring for Encryption SDK messages has no override_context of its own",
            found=shown(override),
            expected="none",
            fix="make another keyring for messages",
        )


def _key_arn(name: object) -> KeyArn | None:
    arn = parse_key_arn(name)
    return arn if arn is not None and arn.resource.startswith("key/") else None
