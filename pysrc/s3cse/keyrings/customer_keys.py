"""Customer keys of SSE-C: which 32-byte key S3 is sent with an object.

S3 encrypts with a key that comes with every request and keeps only a salted hash of it: who loses the key loses the
object. Nothing of a key is stored with an object, so its place alone says which key it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from s3cse.crypto.secret import Secret
from s3cse.errors import KeyringError, SettingsError
from s3cse.storage.port import Location

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

CUSTOMER_KEY_BYTES = 32
#: Begins the ``info`` of every derived key. Another derivation gets another label.
DERIVATION_LABEL = b"s3cse/sse-c/1"


@runtime_checkable
class CustomerKeys(Protocol):
    """Says which key an object is under; safe to use from several threads. No representation shows any of a key."""

    def customer_key(self, location: Location) -> Secret:
        """Return the object's key: 32 bytes, the same whenever it is asked.

        Raises:
            KeyringError: there is none for this object.
        """


class OneCustomerKey:
    """One key for every object.

    Args:
        key: 32 raw bytes, copied.

    Raises:
        SettingsError: another length.
    """

    def __init__(self, key: Buffer | Secret) -> None:
        self._key = checked_customer_key(key)

    def __repr__(self) -> str:
        return "OneCustomerKey(<256-bit key>)"

    def customer_key(self, location: Location) -> Secret:  # noqa: ARG002 - the port's
        """See CustomerKeys."""
        return self._key


class DerivedCustomerKeys:
    """A key of its own for every object, derived from a root key by HKDF-SHA256 (RFC 5869).

    A key that leaks opens one object, and tells nothing of the others. Anybody who has the root key can compute it::

        IKM  = the root key, 32 bytes
        salt = none (32 zero bytes, as RFC 5869 has it)
        info = "s3cse/sse-c/1" 00 bucket 00 key       (UTF-8; 00 is one zero byte, which no bucket's name has)
        L    = 32

    ``key`` is the object's key in S3 as it stands, not URL-encoded. An object that moves has another key in its new
    place: a copy sends both.

    Args:
        root_key: 32 raw bytes, copied. S3 never gets it.

    Raises:
        SettingsError: another length.
    """

    def __init__(self, root_key: Buffer | Secret) -> None:
        self._root = checked_customer_key(root_key)

    def __repr__(self) -> str:
        return "DerivedCustomerKeys(<256-bit root key>)"

    def customer_key(self, location: Location) -> Secret:
        """See CustomerKeys."""
        info = b"\0".join((DERIVATION_LABEL, location.bucket.encode(), location.key.encode()))
        derived = HKDF(SHA256(), CUSTOMER_KEY_BYTES, salt=None, info=info).derive(self._root.view())
        return Secret(derived)


class CustomerKeysByPrefix:
    """Keys by folder; the longest address that an object is under counts.

    ``s3://lake/flights`` and ``s3://lake/flights/`` are the same: everything below that folder, and an object of just
    this key, but not ``s3://lake/flights2``. ``s3://lake`` is the whole bucket.

    Args:
        keys: 32 raw bytes (copied), or other CustomerKeys, by address.

    Raises:
        SettingsError: no key, a key of another length, no S3 address, or one twice.
    """

    def __init__(self, keys: Mapping[str, Buffer | Secret | CustomerKeys]) -> None:
        self._keys: dict[Location, CustomerKeys] = {}
        for address, key in keys.items():
            parsed = Location.parse(address)
            folder = Location(parsed.bucket, parsed.key.rstrip("/"))
            if folder in self._keys:
                raise SettingsError("a prefix has two customer keys", found=folder.uri, expected="one")
            self._keys[folder] = key if isinstance(key, CustomerKeys) else OneCustomerKey(key)
        if not self._keys:
            raise SettingsError("no customer key was given", expected="at least one address with its key")

    def __repr__(self) -> str:
        return f"CustomerKeysByPrefix({{{', '.join(f'{at.uri!r}: {keys!r}' for at, keys in self._keys.items())}}})"

    def customer_key(self, location: Location) -> Secret:
        """See CustomerKeys."""
        folder = location.key
        while (keys := self._keys.get(Location(location.bucket, folder))) is None:
            if not folder:
                raise self._none_for(location)
            folder = folder.rpartition("/")[0]
        return keys.customer_key(location)

    def _none_for(self, location: Location) -> KeyringError:
        return KeyringError(
            "no customer key is for this object",
            uri=location.uri,
            found="keys for " + ", ".join(sorted(folder.uri for folder in self._keys)),
            expected="a prefix that the object is under",
            fix="name the key of this prefix",
        )


def checked_customer_key(key: Buffer | Secret) -> Secret:
    """Return the key as a Secret.

    Raises:
        SettingsError: it has not 32 bytes.
    """
    secret = key if isinstance(key, Secret) else Secret(key)
    if len(secret) != CUSTOMER_KEY_BYTES:
        raise SettingsError(
            "S3 takes no such customer key",
            found=f"{len(secret)} bytes",
            expected=f"{CUSTOMER_KEY_BYTES} raw bytes (AES-256)",
        )
    return secret
