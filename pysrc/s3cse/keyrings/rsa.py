"""Data keys wrapped by a raw RSA key. Source: FORMATS.md sections 5, 6 and 25, DESIGN.md sections 4 and 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from s3cse.crypto.keywrap import (
    rejection_secret,
    unwrap_oaep_sha1,
    unwrap_oaep_sha256,
    unwrap_pkcs1,
    wrap_oaep_sha1,
    wrap_pkcs1,
)
from s3cse.crypto.randomness import random_bytes
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import WRAP_RSA_OAEP_SHA1, WRAP_RSA_OAEP_SHA256, WRAP_V1_RSA, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import IntegrityError, KeyringError, SettingsError
from s3cse.keyrings import message_rsa
from s3cse.keyrings.base import Claim, DataKey
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, first_opened
from s3cse.keyrings.message_names import KeyNames, checked_names
from s3cse.keyrings.message_rsa import RsaPadding
from s3cse.keyrings.raw import (
    RawKeyring,
    bound_text,
    check_profile,
    check_wrap,
    claim_by_description,
    does_not_open,
    new_plaintext_key,
)
from s3cse.keyrings.rsa_keys import load_private, modulus_bytes, public_half

#: The shortest modulus that new data keys are wrapped under, in bits; shorter ones only read.
MIN_WRITING_BITS = 2048


class RsaKeyring(RawKeyring):
    """Data keys wrapped by an RSA key pair: the public half writes, the private half reads (and writes).

    Anybody who has the public key can write objects that the private key opens: RSA authenticates no writer. The old
    wrap of format V1 (PKCS#1 v1.5) gives a made-up key where it does not open, so what fails then is the body
    (DESIGN.md section 8). Descriptions are as in AesKeyring.

    Args:
        public_key: PEM or DER (SubjectPublicKeyInfo), or an RSAPublicKey of ``cryptography``.
        private_key: PEM or DER (PKCS#8 or PKCS#1, not encrypted), or an RSAPrivateKey; its public half follows from it.
        matdesc: materials description; None: new objects get an empty one.
        provider_id: the key's namespace in Encryption SDK messages, which need both names.
        key_id: the key's name in Encryption SDK messages.
        padding: of data keys in Encryption SDK messages: ``pkcs1`` or ``oaep-sha1``, ``-sha256``, ``-sha384``,
            ``-sha512``. S3 objects say their padding themselves.

    Raises:
        SettingsError: no RSA key, or two that are no pair, the description is no map of strings, or no such padding.
    """

    kind = "rsa"

    def __init__(
        self,
        public_key: bytes | RSAPublicKey | None = None,
        private_key: bytes | RSAPrivateKey | None = None,
        matdesc: Mapping[str, str] | None = None,
        *,
        provider_id: str | None = None,
        key_id: str | None = None,
        padding: RsaPadding = "oaep-sha256",
    ) -> None:
        super().__init__(matdesc)
        self._private = None if private_key is None else load_private(private_key)
        self._public = public_half(public_key, self._private)
        self._rejection = None if self._private is None else rejection_secret(self._private)
        self.provider_id = provider_id
        self.key_id = key_id
        self._padding = message_rsa.checked_padding(padding)

    def __repr__(self) -> str:
        half = "public" if self._private is None else "private"
        return f"RsaKeyring(<{self._public.key_size}-bit {half} key>, matdesc={self._description!r})"

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring.

        Raises:
            SettingsError: the profile is for another kind of key, or the key has less than 2048 bits.
        """
        return self.wrap_data_key(new_plaintext_key(), profile)

    def wrap_data_key(
        self,
        plaintext: Secret,
        profile: Profile,
        context: Mapping[str, str] | None = None,  # noqa: ARG002 - of KMS
    ) -> DataKey:
        """See Wrapping. Errors as new_data_key."""
        wrapped = wrapped_by_rsa(self._public, profile, plaintext)
        return DataKey(plaintext, wrapped, dict(self._description or {}))

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring.

        Raises:
            KeyringError: only the public key is here, or the key does not open the object. PKCS#1 v1.5 never says so.
        """
        check_wrap(self.kind, envelope, modulus_bytes(self._public))
        if self._private is None or self._rejection is None:
            raise _writes_only()
        try:
            return _unwrap(self._private, self._rejection, envelope)
        except IntegrityError as error:
            raise does_not_open(self.kind, envelope, self._description) from error

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        """See MessageKeyring; RSA does not bind the context."""
        plaintext = Secret(random_bytes(key_bytes))
        return MessageKey(plaintext, self.wrap_message_key(plaintext, context))

    def wrap_message_key(
        self,
        plaintext: Secret,
        context: Mapping[str, str],  # noqa: ARG002 - RSA cannot bind it
    ) -> tuple[EncryptedDataKey, ...]:
        """See MessageKeyring."""
        check_writing_size(self._public)
        return (message_rsa.wrap(self._public, self._padding, self._names(), plaintext),)

    def unwrap_message_key(
        self,
        encrypted: Sequence[EncryptedDataKey],
        context: Mapping[str, str],  # noqa: ARG002 - RSA cannot bind it
        key_bytes: int,
    ) -> Secret:
        """See MessageKeyring. With padding ``pkcs1`` the first wrapped key with our names is taken for ours."""
        private, rejection, names = self._private, self._rejection, self._names()
        if private is None or rejection is None:
            raise _writes_only()
        return first_opened(
            encrypted,
            lambda candidate: message_rsa.is_own(candidate, names),
            lambda candidate: message_rsa.unwrap(private, rejection, self._padding, candidate, key_bytes),
            f"a data key under RSA key {names}",
        )

    def _names(self) -> KeyNames:
        return checked_names(self.provider_id, self.key_id)

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming; a public key opens nothing."""
        if self._private is None:
            return Claim.NONE
        return claim_by_description(self.kind, envelope, self._description)


def wrapped_by_rsa(public_key: RSAPublicKey, profile: Profile, plaintext: Secret) -> bytes:
    """Return the data key wrapped as the profile says.

    Raises:
        SettingsError: the profile is for another kind of key, or the key is too short for new objects.
    """
    check_profile("rsa", profile, (WRAP_RSA_OAEP_SHA1, WRAP_V1_RSA))
    check_writing_size(public_key)
    if profile.wrap_algorithm == WRAP_V1_RSA:
        return wrap_pkcs1(public_key, plaintext.view())
    return wrap_oaep_sha1(public_key, plaintext.view(), bound_text(profile.content_algorithm.value))


def check_writing_size(public_key: RSAPublicKey) -> None:
    """Refuse a key that is too short for new data keys.

    Raises:
        SettingsError: it has less than 2048 bits.
    """
    if public_key.key_size < MIN_WRITING_BITS:
        raise SettingsError(
            "the RSA key is too short for new objects",
            found=f"{public_key.key_size} bits",
            expected=f"at least {MIN_WRITING_BITS} bits",
            fix="make a longer key; this one still reads",
        )


def _writes_only() -> KeyringError:
    return KeyringError(
        "this RSA keyring can write only",
        found="a public key",
        expected="the private key too",
        fix="give RsaKeyring the private_key, or read with a keyring that has it",
    )


def _unwrap(private_key: RSAPrivateKey, rejection: Secret, envelope: Envelope) -> Secret:
    wrapped = envelope.encrypted_data_key
    if envelope.wrap_algorithm == WRAP_V1_RSA:
        return unwrap_pkcs1(private_key, wrapped, rejection)
    if envelope.wrap_algorithm == WRAP_RSA_OAEP_SHA256:
        return unwrap_oaep_sha256(private_key, wrapped)
    return unwrap_oaep_sha1(private_key, wrapped, bound_text(envelope.content_algorithm.value))
