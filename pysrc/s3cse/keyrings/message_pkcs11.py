"""Data keys of Encryption SDK messages under a key in a PKCS#11 token: the wraps of raw AES and raw RSA keys.

So a message that the token's key opens opens as well with AesKeyring or RsaKeyring, where the key is known outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import GCM_IV_BYTES, GCM_TAG_BYTES
from s3cse.crypto.keywrap import made_up_key
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError, KeyringError
from s3cse.keyrings import message_aes, message_rsa
from s3cse.keyrings.encryption_context import serialized
from s3cse.keyrings.message_keys import EncryptedDataKey, does_not_open_message_key
from s3cse.keyrings.message_names import KeyNames
from s3cse.keyrings.message_rsa import RsaPadding
from s3cse.keyrings.rsa import check_writing_size
from s3cse.keyrings.rsa_keys import modulus_bytes

if TYPE_CHECKING:  # imported when a keyring is made: most installations have no HSM
    from s3cse.keyrings.pkcs11_token import TokenKey


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWraps:
    """What a token does for messages.

    Attributes:
        key: in the token.
        names: of the key, in messages.
        padding: of RSA keys.
        device_iv: the device makes GCM's IV itself.
        rejection: makes up keys where PKCS#1 v1.5 does not open.
    """

    key: TokenKey
    names: KeyNames
    padding: RsaPadding
    device_iv: bool
    rejection: Secret

    def wrap(self, plaintext: Secret, context: Mapping[str, str]) -> EncryptedDataKey:
        """Return the data key wrapped; RSA needs the public half only and does not bind the context.

        Raises:
            KeyringError: the token failed.
            SettingsError: the RSA key is too short for new messages.
        """
        if self.key.kind() == "rsa":
            public = self.key.public_key()
            check_writing_size(public)
            return message_rsa.wrap(public, self.padding, self.names, plaintext)
        try:
            sealed = self.key.encrypt_gcm(bytes(plaintext.view()), serialized(context), device_iv=self.device_iv)
        except IntegrityError as error:
            raise KeyringError(
                "the token did not wrap a data key",
                found="a failure it does not explain",
                expected=f"AES-GCM under the key {self.names}",
                fix="check that the key may encrypt (CKA_ENCRYPT), and the device",
            ) from error
        if len(sealed) != GCM_IV_BYTES + len(plaintext) + GCM_TAG_BYTES:
            raise KeyringError(
                "the token wrapped a data key to another length than the format has",
                found=f"{len(sealed)} bytes",
                expected=f"{GCM_IV_BYTES + len(plaintext) + GCM_TAG_BYTES} bytes",
                fix="this device's AES-GCM is not the standard one: use another key",
            )
        return message_aes.encrypted(self.names, sealed[:GCM_IV_BYTES], sealed[GCM_IV_BYTES:])

    def is_own(self, candidate: EncryptedDataKey) -> bool:
        """Whether the names are the key's."""
        own = message_rsa.is_own if self.key.kind() == "rsa" else message_aes.is_own
        return own(candidate, self.names)

    def unwrap(self, candidate: EncryptedDataKey, context: Mapping[str, str], key_bytes: int) -> Secret:
        """Return the data key. With PKCS#1 v1.5 one that does not open is made up: the message's header fails then.

        Raises:
            KeyringError: another key, another context or padding, another length, or changed; or the token failed.
        """
        try:
            if self.key.kind() == "rsa":
                return self._unwrap_rsa(candidate, key_bytes)
            iv = message_aes.iv_of(candidate, key_bytes)
            plaintext = self.key.decrypt_gcm(iv + candidate.ciphertext, serialized(context))
        except IntegrityError:
            raise does_not_open_message_key(candidate) from None
        return _of_length(plaintext, candidate, key_bytes)

    def _unwrap_rsa(self, candidate: EncryptedDataKey, key_bytes: int) -> Secret:
        wrapped = candidate.ciphertext
        if len(wrapped) != modulus_bytes(self.key.public_key()):
            raise does_not_open_message_key(candidate)
        if self.padding != "pkcs1":
            hash_ = self.padding.removeprefix("oaep-")
            return _of_length(self.key.decrypt_oaep(wrapped, hash_=hash_, mgf=hash_), candidate, key_bytes)
        made_up = Secret(made_up_key(self.rejection, wrapped).view()[:key_bytes])
        try:
            plaintext = self.key.decrypt_pkcs1(wrapped)
        except IntegrityError:
            plaintext = b""
        return Secret(plaintext) if len(plaintext) == key_bytes else made_up


def _of_length(plaintext: bytes, candidate: EncryptedDataKey, key_bytes: int) -> Secret:
    if len(plaintext) != key_bytes:
        raise does_not_open_message_key(candidate)
    return Secret(plaintext)
