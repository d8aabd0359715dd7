"""Data keys from AWS KMS, under a key that is named. Source: FORMATS.md sections 6, 7, 8 and 25."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import KMS_KEY_ID_ENTRY, RESERVED_CONTEXT_KEY, WRAP_KMS, WRAP_KMS_CONTEXT, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import SettingsError
from s3cse.keyrings import message_kms
from s3cse.keyrings.base import Claim, DataKey
from s3cse.keyrings.kms_arn import may_be_same_key
from s3cse.keyrings.kms_context import checked_context, checked_override, claim_of_kms, decryption_context
from s3cse.keyrings.kms_rewrap import KmsSource, ReEncrypted, check_source
from s3cse.keyrings.kms_service import KmsService, kms_client
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, first_opened
from s3cse.wording import Option, Worded

__all__ = ["KmsKeyring", "kms_client"]


class KmsKeyring:
    """Data keys wrapped by one named KMS key. It belongs to the process that made it, as its client does.

    Args:
        kms: a boto3 KMS client.
        key_id: id, ARN or alias of the wrapping key; sent with every call, so that a data key swapped for one under a
            foreign key is refused. A multi-Region key opens what its relatives in other Regions wrapped.
        context: encryption context for new objects. On read a `kms+context` object must have exactly this one; without
            it the object's own is used.
        override_context: on read, sent in place of the stored context where that was damaged, as non-ASCII text in
            metadata is by some clients (FORMATS.md section 25). The entries that the wrap itself adds are added.

    Raises:
        SettingsError: no key; a context uses a reserved name or is no map of strings; or both contexts are given.
    """

    kind = "kms"

    def __init__(
        self,
        kms: Any,
        key_id: str,
        context: Mapping[str, str] | None = None,
        *,
        override_context: Mapping[str, str] | None = None,
    ) -> None:
        if not key_id:
            raise SettingsError(
                "a KMS keyring needs the id, ARN or alias of its key", fix=Worded("set {}", Option("kmsKeyId"))
            )
        if context is not None and override_context is not None:
            raise SettingsError(
                "a context that the stored one must equal, and one that replaces it, exclude each other",
                found="context and override_context",
                expected="one of them",
                fix="make one keyring for the damaged objects, and another for the rest",
            )
        self._service = KmsService(kms, key_id)
        self._key_id = key_id
        self._context = checked_context(context)
        self._override = checked_override(override_context)

    def __repr__(self) -> str:
        override = "" if self._override is None else f", override_context={self._override!r}"
        return f"KmsKeyring(key_id={self._key_id!r}, context={self._context!r}{override})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring belongs to one process: make another there")

    @property
    def context(self) -> dict[str, str]:
        """The encryption context of new objects."""
        return dict(self._context or {})

    @property
    def replaces_description(self) -> bool:
        """Whether the stored context is not used."""
        return self._override is not None

    def for_encryption(self, uri: str) -> KmsKeyring:  # noqa: ARG002 - one key for all objects
        """See Keyring."""
        return self

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring. One GenerateDataKey call."""
        context = self._new_context(profile, None)
        answer = self._service.generate_data_key(KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=context)
        encrypted = self._service.wrapped_key("GenerateDataKey", answer)
        return DataKey(self._data_key("GenerateDataKey", answer), encrypted, context)

    def _new_context(self, profile: Profile, kept: Mapping[str, str] | None) -> dict[str, str]:
        """Return the context of a new wrap: the keyring's own, or else what is kept; and the wrap's own entry."""
        context = dict((kept if self._context is None else self._context) or {})
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
        return context

    def wrap_data_key(self, plaintext: Secret, profile: Profile, context: Mapping[str, str] | None = None) -> DataKey:
        """See Wrapping. One Encrypt call."""
        bound = self._new_context(profile, context)
        answer = self._service.encrypt(KeyId=self._key_id, Plaintext=bytes(plaintext.view()), EncryptionContext=bound)
        self._check_used_key("Encrypt", answer)
        return DataKey(plaintext, self._service.wrapped_key("Encrypt", answer), bound)

    def kms_sources(self, envelope: Envelope) -> tuple[KmsSource, ...]:
        """See KmsSourced: the one key that is named."""
        context = decryption_context(envelope, self._context, self._override)
        return (KmsSource(self._service.address, self._key_id, context, partial(check_source, self._key_id)),)

    def re_encrypt(
        self, envelope: Envelope, source: KmsSource, profile: Profile, context: Mapping[str, str] | None = None
    ) -> ReEncrypted:
        """See ReEncrypting. One ReEncrypt call."""
        bound = self._new_context(profile, context)
        answer = self._service.re_encrypt(
            CiphertextBlob=envelope.encrypted_data_key,
            SourceEncryptionContext=dict(source.context),
            DestinationKeyId=self._key_id,
            DestinationEncryptionContext=bound,
            **({} if source.key_id is None else {"SourceKeyId": source.key_id}),
        )
        source.check(answer.get("SourceKeyId"))
        self._check_used_key("ReEncrypt", answer)
        encrypted = self._service.wrapped_key("ReEncrypt", answer)
        same_key = answer.get("KeyId") is not None and answer.get("SourceKeyId") == answer.get("KeyId")
        return ReEncrypted(encrypted, bound, str(answer.get("KeyId") or ""), same_key and bound == source.context)

    @property
    def address(self) -> tuple[str | None, str | None]:
        """See ReEncrypting."""
        return self._service.address

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring. One Decrypt call."""
        answer = self._service.decrypt(
            KeyId=self._key_id,
            CiphertextBlob=envelope.encrypted_data_key,
            EncryptionContext=decryption_context(envelope, self._context, self._override),
        )
        return self._data_key("Decrypt", answer)

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        """See MessageKeyring. One GenerateDataKey call."""
        message_kms.check_no_override(self._override)
        message_kms.check_new_context(self._context, context)
        answer = self._service.generate_data_key(
            KeyId=self._key_id, NumberOfBytes=key_bytes, EncryptionContext=dict(context)
        )
        plaintext = self._data_key("GenerateDataKey", answer, key_bytes)
        return MessageKey(plaintext, (message_kms.wrapped(self._service, "GenerateDataKey", answer),))

    def wrap_message_key(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        """See MessageKeyring. One Encrypt call."""
        message_kms.check_no_override(self._override)
        message_kms.check_new_context(self._context, context)
        answer = self._service.encrypt(
            KeyId=self._key_id, Plaintext=bytes(plaintext.view()), EncryptionContext=dict(context)
        )
        self._check_used_key("Encrypt", answer)
        return (message_kms.wrapped(self._service, "Encrypt", answer),)

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        """See MessageKeyring. One Decrypt call for each wrapped key that may be under the keyring's key."""
        message_kms.check_no_override(self._override)
        message_kms.check_read_context(self._context, context)

        def opened(candidate: EncryptedDataKey) -> Secret:
            answer = self._service.decrypt(
                KeyId=self._key_id, CiphertextBlob=candidate.ciphertext, EncryptionContext=dict(context)
            )
            return self._data_key("Decrypt", answer, key_bytes)

        return first_opened(
            encrypted,
            lambda candidate: message_kms.may_be_under(candidate, self._key_id),
            opened,
            f"a data key under KMS key {self._key_id}",
        )

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming."""
        return claim_of_kms(envelope)

    def _data_key(self, operation: str, answer: Mapping[str, Any], key_bytes: int = KEY_BYTES) -> Secret:
        self._check_used_key(operation, answer)
        return self._service.data_key(operation, answer, key_bytes)

    def _check_used_key(self, operation: str, answer: Mapping[str, Any]) -> None:
        used = answer.get("KeyId")
        if used is not None and not may_be_same_key(self._key_id, used):
            # KMS itself checks the KeyId that we send; not every stand-in for it does.
            found = f"the data key is under {used}"
            raise self._service.bad_answer(operation, found, "one under the key that was named")
