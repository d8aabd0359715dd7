"""RSA keys from what people have: PEM, DER, or objects of ``cryptography``. No message repeats any of the input."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from s3cse.errors import SettingsError


def load_private(key: bytes | RSAPrivateKey) -> RSAPrivateKey:
    """Return the private key from PEM, DER (PKCS#8 or PKCS#1), or as it is.

    Raises:
        SettingsError: it is something else, or encrypted.
    """
    if isinstance(key, RSAPrivateKey):
        return key
    loaded = _load("private", key, _private_pem, _private_der)
    if not isinstance(loaded, RSAPrivateKey):
        raise _no_key("private", type(loaded).__name__)
    return loaded


def load_public(key: bytes | RSAPublicKey) -> RSAPublicKey:
    """Return the public key from PEM, DER, or as it is.

    Raises:
        SettingsError: it is something else.
    """
    if isinstance(key, RSAPublicKey):
        return key
    loaded = _load("public", key, load_pem_public_key, load_der_public_key)
    if not isinstance(loaded, RSAPublicKey):
        raise _no_key("public", type(loaded).__name__)
    return loaded


def public_half(public_key: bytes | RSAPublicKey | None, private_key: RSAPrivateKey | None) -> RSAPublicKey:
    """Return the public half of a pair of which at least one is given.

    Raises:
        SettingsError: none is given, or the two are no pair.
    """
    own = None if private_key is None else private_key.public_key()
    if public_key is None:
        if own is None:
            raise SettingsError("an RSA keyring needs a key", found="none", expected="public_key, private_key or both")
        return own
    given = load_public(public_key)
    if own is not None and own.public_numbers() != given.public_numbers():
        raise SettingsError(
            "the RSA public and private key are no pair",
            found=f"{given.key_size} and {own.key_size} bits, other numbers",
            expected="two halves of one key",
            fix="leave the public key out: it follows from the private one",
        )
    return given


def is_public(key: bytes) -> bool:
    """Whether this is a public key and no private one, in PEM or DER; False where it is neither."""
    if b"-----BEGIN" in key:
        return b"PUBLIC KEY" in key and b"PRIVATE KEY" not in key
    try:
        return isinstance(load_der_public_key(key), RSAPublicKey)
    except (ValueError, UnsupportedAlgorithm):
        return False


def modulus_bytes(public_key: RSAPublicKey) -> int:
    """Return the length of the modulus, which is that of every ciphertext."""
    return -(-public_key.key_size // 8)


def _private_pem(data: bytes) -> object:
    return load_pem_private_key(data, None)


def _private_der(data: bytes) -> object:
    return load_der_private_key(data, None)


def _load(half: str, key: object, load_pem: Callable[[bytes], object], load_der: Callable[[bytes], object]) -> object:
    if not isinstance(key, (bytes, bytearray, memoryview)):
        raise _no_key(half, type(key).__name__)
    data = bytes(key)
    try:
        return load_pem(data) if b"-----BEGIN" in data else load_der(data)
    except TypeError:  # what cryptography says of a key that wants a password
        raise _no_key(half, "an encrypted key") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _no_key(half, f"{len(data)} bytes of something else") from None


def _no_key(half: str, found: str) -> SettingsError:
    return SettingsError(
        f"this is no RSA {half} key",
        found=found,
        expected=f"PEM or DER that is not encrypted, or an RSA{half.capitalize()}Key of cryptography",
        fix="open an encrypted key with cryptography's load_pem_private_key, and pass what it returns",
    )
