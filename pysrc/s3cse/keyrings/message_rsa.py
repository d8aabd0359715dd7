"""Data keys of Encryption SDK messages under a raw RSA key.

Source: AWS Encryption SDK specification, framework/raw-rsa-keyring.md. Provider information is the key's name. RSA
binds neither the encryption context nor the writer. The hash of MGF1 is OAEP's own here, unlike in the S3 formats.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from s3cse.crypto.keywrap import open_oaep, unwrap_pkcs1
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError, SettingsError
from s3cse.keyrings.message_keys import EncryptedDataKey, does_not_open_message_key
from s3cse.keyrings.message_names import KeyNames
from s3cse.keyrings.rsa_keys import modulus_bytes

RsaPadding = Literal["pkcs1", "oaep-sha1", "oaep-sha256", "oaep-sha384", "oaep-sha512"]

_OAEP_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {
        "oaep-sha1": hashes.SHA1(),  # noqa: S303 - OAEP asks of its hash nothing that is broken in SHA-1
        "oaep-sha256": hashes.SHA256(),
        "oaep-sha384": hashes.SHA384(),
        "oaep-sha512": hashes.SHA512(),
    }
)
PADDINGS = ("pkcs1", *_OAEP_HASHES)


def checked_padding(padding: str) -> str:
    """Return the padding.

    Raises:
        SettingsError: there is no such padding.
    """
    if padding not in PADDINGS:
        raise SettingsError(
            "this is no padding of raw RSA keys", found=repr(padding), expected=" or ".join(map(repr, PADDINGS))
        )
    return padding


def wrap(public_key: RSAPublicKey, padding: str, names: KeyNames, plaintext: Secret) -> EncryptedDataKey:
    """Return the wrapped data key."""
    sealed = public_key.encrypt(bytes(plaintext.view()), _scheme(padding))
    return EncryptedDataKey(names.provider_id, names.key_id_bytes, sealed)


def is_own(encrypted: EncryptedDataKey, names: KeyNames) -> bool:
    """Whether the names are the keyring's."""
    return encrypted.provider_id == names.provider_id and encrypted.provider_info == names.key_id_bytes


def unwrap(
    private_key: RSAPrivateKey, rejection: Secret, padding: str, encrypted: EncryptedDataKey, key_bytes: int
) -> Secret:
    """Return the data key. With PKCS#1 v1.5 one that does not open is made up: what fails then is the message's header.

    Raises:
        KeyringError: another key, another padding, another length, or changed.
    """
    if len(encrypted.ciphertext) != modulus_bytes(private_key.public_key()):
        raise does_not_open_message_key(encrypted)
    if padding == "pkcs1":
        return unwrap_pkcs1(private_key, encrypted.ciphertext, rejection, key_bytes)
    hash_ = _OAEP_HASHES[padding]
    try:
        plaintext = open_oaep(private_key, encrypted.ciphertext, hash_, hash_)
    except IntegrityError:
        raise does_not_open_message_key(encrypted) from None
    if len(plaintext) != key_bytes:
        raise does_not_open_message_key(encrypted)
    return Secret(plaintext)


def _scheme(padding: str) -> AsymmetricPadding:
    if padding == "pkcs1":
        return PKCS1v15()
    hash_ = _OAEP_HASHES[padding]
    return OAEP(MGF1(hash_), hash_, None)
