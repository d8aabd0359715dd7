"""Data keys wrapped by a raw AES key. Source: FORMATS.md sections 5 and 6, DESIGN.md section 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import GCM_IV_BYTES
from s3cse.crypto.keywrap import AES_KEY_BYTES, unwrap_ecb, unwrap_gcm, unwrap_rfc3394, wrap_ecb, wrap_gcm
from s3cse.crypto.randomness import random_bytes
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import WRAP_AES_GCM, WRAP_AES_WRAP, WRAP_V1_AES, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import IntegrityError, SettingsError
from s3cse.keyrings import message_aes
from s3cse.keyrings.base import Claim, DataKey
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, first_opened
from s3cse.keyrings.message_names import KeyNames, checked_names
from s3cse.keyrings.raw import (
    AES_WRAPPED_BYTES,
    RawKeyring,
    bound_text,
    check_profile,
    check_redshift,
    check_wrap,
    claim_by_description,
    does_not_open,
    new_plaintext_key,
)

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

_WRITABLE = (WRAP_AES_GCM, WRAP_V1_AES)


class AesKeyring(RawKeyring):
    """Data keys wrapped by an AES key that you hold.

    A materials description says which key an object is under; it is stored with new objects and authenticated by
    nothing. On read a single keyring does not insist on it, as the S3 Encryption Client does not: the unwrap decides.
    Only a MultiKeyring chooses by it. AES-GCM takes a random IV for each data key: one key wraps 2^32 objects at most
    (NIST SP 800-38D).

    Args:
        key: 16, 24 or 32 raw bytes, copied.
        matdesc: materials description; None: new objects get an empty one.
        provider_id: the key's namespace in Encryption SDK messages, which need both names.
        key_id: the key's name in Encryption SDK messages.

    Raises:
        SettingsError: no AES key, or the description is no map of strings.
    """

    kind = "aes"

    def __init__(
        self,
        key: Buffer | Secret,
        matdesc: Mapping[str, str] | None = None,
        *,
        provider_id: str | None = None,
        key_id: str | None = None,
    ) -> None:
        super().__init__(matdesc)
        self._key = _checked_key(key)
        self.provider_id = provider_id
        self.key_id = key_id

    def __repr__(self) -> str:
        return f"AesKeyring(<{8 * len(self._key)}-bit key>, matdesc={self._description!r})"

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring.

        Raises:
            SettingsError: the profile is for another kind of key; or it is ``redshift``, and the key has not 256 bits
                or there is a description.
        """
        return self.wrap_data_key(new_plaintext_key(), profile)

    def wrap_data_key(
        self,
        plaintext: Secret,
        profile: Profile,
        context: Mapping[str, str] | None = None,  # noqa: ARG002 - of KMS
    ) -> DataKey:
        """See Wrapping. Errors as new_data_key."""
        check_profile(self.kind, profile, _WRITABLE)
        check_redshift(profile, len(self._key), self._description)
        if profile.wrap_algorithm == WRAP_V1_AES:
            wrapped = wrap_ecb(self._key.view(), plaintext.view())
        else:
            bound = bound_text(profile.content_algorithm.value)
            wrapped = wrap_gcm(self._key.view(), plaintext.view(), random_bytes(GCM_IV_BYTES), bound)
        return DataKey(plaintext, wrapped, dict(self._description or {}))

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring."""
        check_wrap(self.kind, envelope, AES_WRAPPED_BYTES.get(envelope.wrap_algorithm, 0))
        try:
            return self._unwrap(envelope)
        except IntegrityError as error:
            raise does_not_open(self.kind, envelope, self._description) from error

    def _unwrap(self, envelope: Envelope) -> Secret:
        wrapped = envelope.encrypted_data_key
        if envelope.wrap_algorithm == WRAP_V1_AES:
            return unwrap_ecb(self._key.view(), wrapped)
        if envelope.wrap_algorithm == WRAP_AES_WRAP:
            return unwrap_rfc3394(self._key.view(), wrapped)
        return unwrap_gcm(self._key.view(), wrapped, bound_text(envelope.content_algorithm.value))

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        """See MessageKeyring."""
        plaintext = Secret(random_bytes(key_bytes))
        return MessageKey(plaintext, self.wrap_message_key(plaintext, context))

    def wrap_message_key(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        """See MessageKeyring."""
        return (message_aes.wrap(self._key, self._names(), plaintext, context),)

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        """See MessageKeyring."""
        names = self._names()
        return first_opened(
            encrypted,
            lambda candidate: message_aes.is_own(candidate, names),
            lambda candidate: message_aes.unwrap(self._key, candidate, context, key_bytes),
            f"a data key under AES key {names}",
        )

    def _names(self) -> KeyNames:
        return checked_names(self.provider_id, self.key_id)

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming."""
        return claim_by_description(self.kind, envelope, self._description)


def _checked_key(key: Buffer | Secret) -> Secret:
    if isinstance(key, str):
        raise SettingsError(
            "an AES key is bytes, not text",
            found=f"text of {len(key)} characters",
            expected="16, 24 or 32 bytes",
            fix="decode it: base64.b64decode(...) or bytes.fromhex(...)",
        )
    try:
        secret = key if isinstance(key, Secret) else Secret(memoryview(key).cast("B"))
    except TypeError as error:
        raise SettingsError(
            "an AES key is bytes", found=type(key).__name__, expected="16, 24 or 32 bytes", fix="pass the raw key"
        ) from error
    if len(secret) not in AES_KEY_BYTES:
        raise SettingsError(
            "no AES key has this length",
            found=f"{len(secret)} bytes",
            expected="16, 24 or 32 bytes",
            fix="check the key",
        )
    return Secret(secret.view())
