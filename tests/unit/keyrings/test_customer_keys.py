"""Customer keys: which object has which key, and that none is shown."""

from __future__ import annotations

import hashlib
import hmac
import pickle

import pytest

from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.customer_keys import CustomerKeys, CustomerKeysByPrefix, DerivedCustomerKeys, OneCustomerKey
from s3cse.storage.port import Location

KEY, OTHER = bytes(range(32)), bytes(range(100, 132))


def of(keys: CustomerKeys, uri: str) -> bytes:
    """Return the object's key."""
    secret = keys.customer_key(Location.parse(uri))  # its view must not outlive it
    return bytes(secret.view())


def test_one_key() -> None:
    """One key is every object's."""
    keys = OneCustomerKey(KEY)
    assert of(keys, "s3://lake/a") == of(keys, "s3://other/b") == KEY


# Made with OpenSSL 3.0:
#   openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:ROOT -kdfopt hexinfo:INFO HKDF
# ROOT: 00 01 … 1f; INFO: "s3cse/sse-c/1" 00 bucket 00 key in hexadecimal.
@pytest.mark.parametrize(
    ("uri", "derived"),
    [
        ("s3://lake/flights/part-0.parquet", "731a735f9345697a81f6943bcefb3c88386e78ce5b509be199e89f81ae786fcb"),
        ("s3://lake/größe/+ a%20b", "1cb528339bebdd81b697bed2e656014aa5de37d693b18bc2d5e12ca6ff73ec77"),
        ("s3://lake/", "6ab2a2dee25e40aec34b9358f7e63e4bd680d8db676ad4d300a95ffcc2a8f8ee"),
    ],
)
def test_derived_keys_are_those_of_openssl(uri: str, derived: str) -> None:
    """A derived key is what another implementation of HKDF computes by the description."""
    assert of(DerivedCustomerKeys(KEY), uri).hex() == derived


def test_derived_key_by_the_formula() -> None:
    """The same by RFC 5869's formula alone: HMAC(HMAC(32 zeros, root), info, 1)."""
    extracted = hmac.digest(bytes(32), KEY, hashlib.sha256)
    expected = hmac.digest(extracted, b"s3cse/sse-c/1\0lake\0a\0b\x01", hashlib.sha256)
    assert of(DerivedCustomerKeys(KEY), "s3://lake/a\0b") == expected


def test_derived_keys_differ() -> None:
    """Bucket, key and root key decide; where a bucket's name ends is no matter of taste."""
    keys = DerivedCustomerKeys(KEY)
    places = ("s3://lake/a", "s3://lake/b", "s3://lak/ea", "s3://lake/a/", "s3://other/a")
    made = {of(keys, uri) for uri in places} | {of(DerivedCustomerKeys(OTHER), "s3://lake/a"), KEY}
    assert len(made) == len(places) + 2


def test_longest_prefix_wins() -> None:
    """The nearest folder's key counts; a folder is no mere beginning of a name."""
    derived = DerivedCustomerKeys(OTHER)
    keys = CustomerKeysByPrefix({"s3://lake": KEY, "s3://lake/flights/": OTHER, "s3a://lake/flights/2026": derived})
    assert of(keys, "s3://lake/a") == of(keys, "s3://lake/flights2/a") == KEY
    assert of(keys, "s3://lake/flights/a") == of(keys, "s3://lake/flights") == of(keys, "s3://lake/flights/") == OTHER
    assert of(keys, "s3://lake/flights/20265/a") == OTHER
    assert of(keys, "s3://lake/flights/2026/a") == of(derived, "s3://lake/flights/2026/a")


def test_no_prefix_is_an_error() -> None:
    """An object under no prefix has no key, and the error names what there is."""
    keys = CustomerKeysByPrefix({"s3://lake/flights": KEY})
    with pytest.raises(KeyringError, match=r"s3://lake/ships/a: no customer key.*s3://lake/flights"):
        of(keys, "s3://lake/ships/a")
    with pytest.raises(KeyringError):
        of(keys, "s3://other/flights/a")


def test_what_is_refused() -> None:
    """Another length, no key at all, and two keys for one folder."""
    with pytest.raises(SettingsError, match="16 bytes"):
        OneCustomerKey(KEY[:16])
    with pytest.raises(SettingsError, match="31 bytes"):
        DerivedCustomerKeys(KEY[:31])
    with pytest.raises(SettingsError, match="no customer key"):
        CustomerKeysByPrefix({})
    with pytest.raises(SettingsError, match="two customer keys"):
        CustomerKeysByPrefix({"s3://lake/a": KEY, "s3://lake/a/": OTHER})


@pytest.mark.parametrize(
    "keys", [OneCustomerKey(KEY), DerivedCustomerKeys(KEY), CustomerKeysByPrefix({"s3://lake": KEY})]
)
def test_no_key_is_shown(keys: CustomerKeys) -> None:
    """No representation shows a key, and no key is pickled."""
    assert KEY.hex()[:8] not in repr(keys)
    assert "x01" not in repr(keys)
    assert "256-bit" in repr(keys)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(keys)
