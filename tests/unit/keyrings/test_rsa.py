"""RsaKeyring: every profile's round trip, halves of a pair, and PKCS#1 v1.5 that never says it failed."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from s3cse.crypto import keywrap
from s3cse.crypto.secret import Secret
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import Claim, RsaKeyring

from .envelopes import envelope_of, old_envelope, profile_id, profiles_of

EMRFS, EMRFS_V2, S3EC_V4 = (find_profile(name, "rsa") for name in ("emrfs", "emrfs-v2", "s3ec-v4"))
SHA256_WRAP = "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"
each_profile = pytest.mark.parametrize("profile", profiles_of("rsa"), ids=profile_id)


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    """One pair for all tests: making one takes time."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def other() -> rsa.RSAPrivateKey:
    """Somebody else's pair."""
    return rsa.generate_private_key(65537, 2048)


@each_profile
def test_public_half_writes_what_the_private_half_reads(private: rsa.RSAPrivateKey, profile: Profile) -> None:
    """The writer needs no secret; the description is stored."""
    writer = RsaKeyring(public_key=private.public_key(), matdesc={"key": "1"})
    key = writer.new_data_key(profile)
    assert (len(key.encrypted), len(key.plaintext), key.materials_description) == (256, 32, {"key": "1"})
    assert writer.for_encryption("s3://b/k") is writer
    assert RsaKeyring(private_key=private).unwrap(envelope_of(key, profile)) == key.plaintext


@each_profile
def test_private_key_alone_does_both(private: rsa.RSAPrivateKey, profile: Profile) -> None:
    """The public half follows from the private one."""
    keyring = RsaKeyring(private_key=private)
    key = keyring.new_data_key(profile)
    assert keyring.unwrap(envelope_of(key, profile)) == key.plaintext


def test_public_key_alone_cannot_read(private: rsa.RSAPrivateKey) -> None:
    """The message says what is missing."""
    keyring = RsaKeyring(public_key=private.public_key())
    key = keyring.new_data_key(EMRFS_V2)
    with pytest.raises(KeyringError, match=r"write only; found a public key; expected the private key too\. Give"):
        keyring.unwrap(envelope_of(key, EMRFS_V2))
    assert keyring.claim(envelope_of(key, EMRFS_V2)) is Claim.NONE


def test_oaep_sha256_is_read(private: rsa.RSAPrivateKey) -> None:
    """With MGF1-SHA-1, as Java's default provider writes it."""
    dek = os.urandom(32)
    wrapped = private.public_key().encrypt(dek, OAEP(MGF1(hashes.SHA1()), hashes.SHA256(), None))
    assert RsaKeyring(private_key=private).unwrap(old_envelope(SHA256_WRAP, wrapped)) == Secret(dek)


def test_oaep_sha256_is_not_written(private: rsa.RSAPrivateKey) -> None:
    """A wrap that binds nothing is for reading."""
    with pytest.raises(SettingsError, match=r"expected wrap 'RSA-OAEP-SHA1' or 'RSA/ECB/PKCS1Padding'"):
        RsaKeyring(private_key=private).new_data_key(replace(EMRFS_V2, wrap_algorithm=SHA256_WRAP))


@pytest.mark.parametrize("profile", [EMRFS_V2, S3EC_V4], ids=profile_id)
def test_wrong_key(private: rsa.RSAPrivateKey, other: rsa.RSAPrivateKey, profile: Profile) -> None:
    """Another key is refused; the message has the descriptions and what to do."""
    key = RsaKeyring(private_key=private, matdesc={"key": "1"}).new_data_key(profile)
    with pytest.raises(
        KeyringError, match=r"does not open .*found wrap 'RSA-OAEP-SHA1', .*\{'key': '1'\}.*expected.*Use"
    ):
        RsaKeyring(private_key=other, matdesc={"key": "2"}).unwrap(envelope_of(key, profile))


@pytest.mark.parametrize("keep", [0, 1, 128, 255])
@pytest.mark.parametrize("wrap", ["RSA-OAEP-SHA1", SHA256_WRAP, "RSA/ECB/PKCS1Padding"])
def test_edk_must_be_as_long_as_the_modulus(private: rsa.RSAPrivateKey, wrap: str, keep: int) -> None:
    """Any other length is named, for PKCS#1 v1.5 as well: it is no secret."""
    with pytest.raises(KeyringError, match=f"found {keep} bytes; expected 256 bytes"):
        RsaKeyring(private_key=private).unwrap(old_envelope(wrap, bytes(keep)))


def test_longer_key(private: rsa.RSAPrivateKey) -> None:
    """An EDK of a 3072-bit key is as long as that; keys of another length refuse it."""
    keyring = RsaKeyring(private_key=rsa.generate_private_key(65537, 3072))
    key = keyring.new_data_key(EMRFS_V2)
    assert len(key.encrypted) == 384
    assert keyring.unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext
    with pytest.raises(KeyringError, match="found 384 bytes; expected 256 bytes"):
        RsaKeyring(private_key=private).unwrap(envelope_of(key, EMRFS_V2))


def test_edk_of_another_wrap(private: rsa.RSAPrivateKey) -> None:
    """A wrapped key under another wrap's name does not open; under the name of PKCS#1 v1.5 it gives no such key."""
    keyring = RsaKeyring(private_key=private)
    dek = Secret(os.urandom(32))
    wrapped = {
        "RSA-OAEP-SHA1": keywrap.wrap_oaep_sha1(private.public_key(), dek.view(), b"AES/GCM/NoPadding"),
        SHA256_WRAP: keywrap.wrap_oaep_sha256(private.public_key(), dek.view()),
        "RSA/ECB/PKCS1Padding": keywrap.wrap_pkcs1(private.public_key(), dek.view()),
    }
    for label in wrapped:
        for name, data in wrapped.items():
            envelope = old_envelope(label, data)
            if name == label:
                assert keyring.unwrap(envelope) == dek
            elif label == "RSA/ECB/PKCS1Padding":
                assert keyring.unwrap(envelope) != dek
            else:
                with pytest.raises(KeyringError, match="does not open"):
                    keyring.unwrap(envelope)


@pytest.mark.parametrize("text", [b"", b"115", b"AES/CBC/PKCS5Padding", b"AES/GCM/NoPaddin", b"aes/gcm/nopadding"])
def test_wrong_embedded_algorithm(private: rsa.RSAPrivateKey, text: bytes) -> None:
    """The text inside the wrap must be the object's own algorithm."""
    wrapped = keywrap.wrap_oaep_sha1(private.public_key(), bytes(32), text)
    with pytest.raises(KeyringError, match="does not open"):
        RsaKeyring(private_key=private).unwrap(old_envelope("RSA-OAEP-SHA1", wrapped))


def test_wrong_bound_text(private: rsa.RSAPrivateKey) -> None:
    """A V3 object relabelled as V2, or the other way round, does not open."""
    keyring = RsaKeyring(private_key=private)
    for profile, label in ((EMRFS_V2, S3EC_V4), (S3EC_V4, EMRFS_V2)):
        with pytest.raises(KeyringError, match="does not open"):
            keyring.unwrap(envelope_of(keyring.new_data_key(profile), label))


def test_failed_pkcs1_gives_a_key(private: rsa.RSAPrivateKey, other: rsa.RSAPrivateKey) -> None:
    """Wrong key, changed or padded otherwise: no error, a key that is not the data key, and always the same."""
    key = RsaKeyring(private_key=private).new_data_key(EMRFS)
    numbers = private.public_key().public_numbers()
    unpadded = pow(3, numbers.e, numbers.n).to_bytes(256, "big")
    flipped = key.encrypted[:-1] + bytes([key.encrypted[-1] ^ 1])
    for reader, wrapped in ((other, key.encrypted), (private, flipped), (private, unpadded), (private, b"\xff" * 256)):
        envelope = envelope_of(key, EMRFS, encrypted_data_key=wrapped)
        made_up = RsaKeyring(private_key=reader).unwrap(envelope)
        assert len(made_up) == 32
        assert made_up != key.plaintext
        assert made_up == RsaKeyring(private_key=reader).unwrap(envelope)


@pytest.mark.parametrize("wrap", ["kms", "kms+context", "AES/GCM", "AESWrap", "AES/ECB/PKCS5Padding"])
def test_foreign_wraps(private: rsa.RSAPrivateKey, wrap: str) -> None:
    """An object of another kind of key is refused by name."""
    with pytest.raises(KeyringError, match=r"not wrapped by an RSA key; found wrap .*; expected 'RSA-OAEP-SHA1' or"):
        RsaKeyring(private_key=private).unwrap(old_envelope(wrap, bytes(256)))


def test_profile_of_another_key(private: rsa.RSAPrivateKey) -> None:
    """A profile for AES keys is refused."""
    with pytest.raises(SettingsError, match="an RSA key does not wrap as this profile wants; found profile 'redshift'"):
        RsaKeyring(private_key=private).new_data_key(find_profile("redshift", "aes"))


def test_short_key_reads_but_does_not_write() -> None:
    """2048 bits are the least for new objects."""
    short = rsa.generate_private_key(65537, 1024)
    keyring = RsaKeyring(private_key=short)
    with pytest.raises(SettingsError, match="too short for new objects; found 1024 bits; expected at least 2048 bits"):
        keyring.new_data_key(EMRFS_V2)
    wrapped = keywrap.wrap_oaep_sha1(short.public_key(), bytes(32), b"AES/GCM/NoPadding")
    assert keyring.unwrap(old_envelope("RSA-OAEP-SHA1", wrapped)) == Secret(bytes(32))


def der(private: rsa.RSAPrivateKey, form: PrivateFormat, encoding: Encoding = Encoding.DER) -> bytes:
    return private.private_bytes(encoding, form, NoEncryption())


PRIVATE_FORMS: dict[str, Callable[[rsa.RSAPrivateKey], Any]] = {
    "object": lambda private: private,
    "pkcs8 pem": lambda private: der(private, PrivateFormat.PKCS8, Encoding.PEM),
    "pkcs8 der": lambda private: der(private, PrivateFormat.PKCS8),
    "pkcs1 pem": lambda private: der(private, PrivateFormat.TraditionalOpenSSL, Encoding.PEM),
    "pkcs1 der": lambda private: der(private, PrivateFormat.TraditionalOpenSSL),
    "bytearray": lambda private: bytearray(der(private, PrivateFormat.PKCS8)),
}


@pytest.mark.parametrize("form", PRIVATE_FORMS)
def test_forms_of_a_private_key(private: rsa.RSAPrivateKey, form: str) -> None:
    """PEM and DER, PKCS#8 and PKCS#1, or an object."""
    keyring = RsaKeyring(private_key=PRIVATE_FORMS[form](private))
    key = keyring.new_data_key(EMRFS_V2)
    assert RsaKeyring(private_key=private).unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_forms_of_a_public_key(private: rsa.RSAPrivateKey, encoding: Encoding) -> None:
    """PEM and DER; together with its private half too."""
    data = private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    for keyring in (RsaKeyring(data), RsaKeyring(data, private)):
        key = keyring.new_data_key(EMRFS_V2)
        assert RsaKeyring(private_key=private).unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext


def test_what_is_no_key_is_refused_without_showing_it(private: rsa.RSAPrivateKey) -> None:
    """Text, rubbish, encrypted keys, keys of other kinds, the wrong half."""
    locked = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    curve = ec.generate_private_key(ec.SECP256R1())
    curve_pem = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bad: list[tuple[Any, str]] = [
        (locked, "an encrypted key"),
        (curve_pem, "ECPrivateKey"),
        (curve, "ECPrivateKey"),
        (public_pem, f"{len(public_pem)} bytes of something else"),
        (b"", "0 bytes of something else"),
        (b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "bytes of something else"),
        ("secret", "str"),
        (private.public_key(), "RSAPublicKey"),
    ]
    for value, found in bad:
        with pytest.raises(SettingsError, match=f"no RSA private key; found .*{found}; expected PEM or DER") as caught:
            RsaKeyring(private_key=value)
        assert "secret" not in str(caught.value)
    with pytest.raises(SettingsError, match="no RSA public key"):
        RsaKeyring(public_key=der(private, PrivateFormat.PKCS8))


def test_halves_must_be_a_pair(private: rsa.RSAPrivateKey, other: rsa.RSAPrivateKey) -> None:
    """A keyring that could not read what it writes is refused."""
    with pytest.raises(SettingsError, match="are no pair"):
        RsaKeyring(other.public_key(), private)


def test_a_key_is_needed() -> None:
    """Neither half is no keyring."""
    with pytest.raises(SettingsError, match="found none; expected public_key, private_key or both"):
        RsaKeyring()


def test_it_shows_no_key(private: rsa.RSAPrivateKey) -> None:
    """The text form tells the length and the half; names for Encryption SDK messages are kept."""
    keyring = RsaKeyring(private_key=private, matdesc={"a": "b"}, provider_id="p", key_id="k")
    assert repr(keyring) == "RsaKeyring(<2048-bit private key>, matdesc={'a': 'b'})"
    assert repr(RsaKeyring(private.public_key())) == "RsaKeyring(<2048-bit public key>, matdesc=None)"
    assert (keyring.kind, keyring.provider_id, keyring.key_id) == ("rsa", "p", "k")
    assert str(private.private_numbers().d) not in repr(vars(keyring))


def test_threads(private: rsa.RSAPrivateKey) -> None:
    """Many threads wrap and unwrap at once."""
    keyring = RsaKeyring(private_key=private)

    def work(_: int) -> bool:
        key = keyring.new_data_key(EMRFS)
        return keyring.unwrap(envelope_of(key, EMRFS)) == key.plaintext

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(40)))
