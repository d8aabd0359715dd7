"""Key wraps: known layouts, one failure for everything that does not open, and no oracle in PKCS#1 v1.5."""

from __future__ import annotations

import base64
import os
import pickle
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3cse.crypto import keywrap
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError

DEK = bytes(range(32))
IV = bytes(range(12))
BOUND = b"AES/GCM/NoPadding"

fails = pytest.raises(IntegrityError, match=r"^the wrapped data key does not open$")


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    """One pair for all tests: making one takes time."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def other() -> rsa.RSAPrivateKey:
    """Somebody else's pair."""
    return rsa.generate_private_key(65537, 2048)


def raw_oaep(private: rsa.RSAPrivateKey, plaintext: bytes, hash_: hashes.HashAlgorithm | None = None) -> bytes:
    return private.public_key().encrypt(plaintext, OAEP(MGF1(hashes.SHA1()), hash_ or hashes.SHA1(), None))


def no_pkcs1(private: rsa.RSAPrivateKey, value: int) -> bytes:
    """Return a ciphertext whose plaintext is the number ``value``, which has no PKCS#1 padding."""
    numbers = private.public_key().public_numbers()
    return pow(value, numbers.e, numbers.n).to_bytes(256, "big")


@pytest.mark.parametrize("size", [16, 24, 32])
def test_gcm_layout(size: int) -> None:
    """IV, ciphertext, tag: 60 bytes, with the bound text as authenticated data."""
    key = os.urandom(size)
    wrapped = keywrap.wrap_gcm(key, DEK, IV, BOUND)
    assert len(wrapped) == keywrap.GCM_WRAPPED_BYTES == 60
    assert wrapped == IV + AESGCM(key).encrypt(IV, DEK, BOUND)
    assert keywrap.unwrap_gcm(key, wrapped, BOUND) == Secret(DEK)


@pytest.mark.parametrize("size", [16, 24, 32])
def test_rfc3394_and_ecb_layouts(size: int) -> None:
    """40 and 48 bytes, opened again under keys of every length."""
    key = os.urandom(size)
    wrapped = keywrap.wrap_rfc3394(key, DEK)
    assert len(wrapped) == keywrap.RFC3394_WRAPPED_BYTES == 40
    assert keywrap.unwrap_rfc3394(key, wrapped) == Secret(DEK)
    wrapped = keywrap.wrap_ecb(key, DEK)
    assert len(wrapped) == keywrap.ECB_WRAPPED_BYTES == 48
    assert keywrap.unwrap_ecb(key, wrapped) == Secret(DEK)


def test_ecb_known_answer_of_the_ruby_client() -> None:
    """A V1 object of another implementation (FORMATS.md section 22)."""
    root = base64.b64decode("kM5UVbhE/4rtMZJfsadYEdm2vaKFsmV2f5+URSeUCV4=")
    wrapped = base64.b64decode("gX+a4JQYj7FP0y5TAAvxTz4e2l0DvOItbXByml/NPtKQcUlsoGHoYR/T0TuYHcNj")
    dek = base64.b64decode("uSwsRlIMhY1klVYrgqceqjmQMmARcNl7rEKWW+7HVvA=")
    assert keywrap.unwrap_ecb(root, wrapped) == Secret(dek)
    assert keywrap.wrap_ecb(root, dek) == wrapped


AES_WRAPS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes, bytes], Secret]]] = {
    "gcm": (lambda key: keywrap.wrap_gcm(key, DEK, IV, BOUND), lambda key, data: keywrap.unwrap_gcm(key, data, BOUND)),
    "rfc3394": (lambda key: keywrap.wrap_rfc3394(key, DEK), keywrap.unwrap_rfc3394),
    "ecb": (lambda key: keywrap.wrap_ecb(key, DEK), keywrap.unwrap_ecb),
}


@pytest.mark.parametrize("name", AES_WRAPS)
def test_aes_wraps_under_another_key_or_of_another_length_fail_alike(name: str) -> None:
    """Another key, any length but the right one, or another wrap's bytes: one failure."""
    wrap, unwrap = AES_WRAPS[name]
    wrapped = wrap(DEK)
    with fails:
        unwrap(bytes(32), wrapped)
    foreign = [make(DEK) for other, (make, _) in AES_WRAPS.items() if other != name]
    for changed in (b"", wrapped[:-1], wrapped + b"\0", wrapped[:16], wrapped * 2, *foreign):
        with fails:
            unwrap(DEK, changed)


@pytest.mark.parametrize("name", ["gcm", "rfc3394"])
def test_every_flipped_bit_of_an_authenticated_wrap_fails(name: str) -> None:
    """IV, ciphertext and tag are all authenticated."""
    wrap, unwrap = AES_WRAPS[name]
    wrapped = wrap(DEK)
    for index in range(8 * len(wrapped)):
        changed = bytearray(wrapped)
        changed[index // 8] ^= 1 << index % 8
        with fails:
            unwrap(DEK, bytes(changed))


@pytest.mark.parametrize("bound", [b"", b"115", BOUND + b"\0", BOUND[:-1]])
def test_gcm_binds_its_text(bound: bytes) -> None:
    """A key wrapped for one content algorithm does not open for another."""
    with fails:
        keywrap.unwrap_gcm(DEK, keywrap.wrap_gcm(DEK, DEK, IV, BOUND), bound)


@pytest.mark.parametrize(
    "tail", [b"\x0f" * 16, b"\0" * 15 + b"\x01", b"\0" * 14 + b"\x02\x02", bytes(16), b"\x11" * 16]
)
def test_every_other_padding_of_ecb_fails_alike(tail: bytes) -> None:
    """Valid padding of another length is no more telling than invalid padding."""
    with fails:
        keywrap.without_pkcs5(DEK + tail)


def test_oaep_sha1_layout(private: rsa.RSAPrivateKey) -> None:
    """Length byte, data key, bound text."""
    wrapped = keywrap.wrap_oaep_sha1(private.public_key(), DEK, BOUND)
    assert len(wrapped) == 256
    assert private.decrypt(wrapped, OAEP(MGF1(hashes.SHA1()), hashes.SHA1(), None)) == b"\x20" + DEK + BOUND
    assert keywrap.unwrap_oaep_sha1(private, wrapped, BOUND) == Secret(DEK)


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        DEK,
        b"\x20" + DEK,
        b"\x20" + DEK + BOUND[:-1],
        b"\x20" + DEK + BOUND + b"x",
        b"\x20" + DEK + b"115",
        b"\x1f" + DEK + BOUND,
        b"\x21" + DEK + BOUND,
        b"\x00" + DEK + BOUND,
        b"\xff" + DEK + BOUND,
        b"\x10" + DEK[:16] + BOUND,
        b"\x18" + DEK[:24] + BOUND,
    ],
)
def test_oaep_sha1_of_another_layout_fails_alike(private: rsa.RSAPrivateKey, plaintext: bytes) -> None:
    """A wrong length byte, text or key length is the same failure as a wrong key."""
    with fails:
        keywrap.unwrap_oaep_sha1(private, raw_oaep(private, plaintext), BOUND)


def test_oaep_sha256_means_mgf1_sha1(private: rsa.RSAPrivateKey) -> None:
    """As in Java's default provider; what BouncyCastle makes of the name (MGF1-SHA-256) is refused."""
    java, bouncycastle = (
        private.public_key().encrypt(DEK, OAEP(MGF1(mgf), hashes.SHA256(), None))
        for mgf in (hashes.SHA1(), hashes.SHA256())
    )
    assert keywrap.unwrap_oaep_sha256(private, java) == Secret(DEK)
    with fails:
        keywrap.unwrap_oaep_sha256(private, bouncycastle)


def test_oaep_sha256_writes_as_java_does(private: rsa.RSAPrivateKey) -> None:
    """What we wrap, Java's default opens."""
    wrapped = keywrap.wrap_oaep_sha256(private.public_key(), DEK)
    assert private.decrypt(wrapped, OAEP(MGF1(hashes.SHA1()), hashes.SHA256(), None)) == DEK


def test_oaep_under_another_key_or_changed_fails_alike(private: rsa.RSAPrivateKey, other: rsa.RSAPrivateKey) -> None:
    """Another key, a flipped bit, another length, a number above the modulus, the other hash: one failure."""
    sha1 = keywrap.wrap_oaep_sha1(private.public_key(), DEK, BOUND)
    sha256 = keywrap.wrap_oaep_sha256(private.public_key(), DEK)
    for wrapped, foreign in ((sha1, sha256), (sha256, sha1)):
        flipped = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
        for changed in (b"", wrapped[:-1], wrapped + b"\0", flipped, b"\xff" * 256, bytes(256), foreign):
            with fails:
                if wrapped is sha1:
                    keywrap.unwrap_oaep_sha1(private, changed, BOUND)
                else:
                    keywrap.unwrap_oaep_sha256(private, changed)
        with fails:
            keywrap.open_oaep(other, wrapped, hashes.SHA1(), hashes.SHA1())
    with fails:
        keywrap.unwrap_oaep_sha256(private, raw_oaep(private, DEK[:16], hashes.SHA256()))


def test_pkcs1_round_trip(private: rsa.RSAPrivateKey) -> None:
    """The right key opens."""
    wrapped = keywrap.wrap_pkcs1(private.public_key(), DEK)
    assert private.decrypt(wrapped, PKCS1v15()) == DEK
    assert keywrap.unwrap_pkcs1(private, wrapped, keywrap.rejection_secret(private)) == Secret(DEK)


def bad_pkcs1(private: rsa.RSAPrivateKey) -> list[bytes]:
    """Return ciphertexts that hold no data key: bad padding of every kind, other lengths, above the modulus."""
    public = private.public_key()
    lengths = [public.encrypt(os.urandom(length), PKCS1v15()) for length in (0, 16, 24, 31, 33, 48)]
    return [*lengths, *(no_pkcs1(private, value) for value in range(2, 22)), b"\xff" * 256, bytes(256)]


def test_pkcs1_never_says_that_it_failed(private: rsa.RSAPrivateKey) -> None:
    """Whatever is wrong, a key of 32 bytes comes back: another for each ciphertext, and no constant."""
    rejection = keywrap.rejection_secret(private)
    wrapped = bad_pkcs1(private)
    keys = [keywrap.unwrap_pkcs1(private, data, rejection) for data in wrapped]
    assert {len(key) for key in keys} == {32}
    assert len({bytes(key.view()) for key in keys}) == len(wrapped)


def test_pkcs1_made_up_keys_do_not_change(private: rsa.RSAPrivateKey) -> None:
    """Asking twice gives the same key: a fresh one each time would show bad padding to whoever reads twice."""
    first, second = keywrap.rejection_secret(private), keywrap.rejection_secret(private)
    for data in bad_pkcs1(private):
        assert keywrap.unwrap_pkcs1(private, data, first) == keywrap.unwrap_pkcs1(private, data, second)


def test_pkcs1_where_the_library_raises(private: rsa.RSAPrivateKey) -> None:
    """Libraries without implicit rejection raise; that is no other answer."""

    class Raising:
        def decrypt(self, ciphertext: bytes, padding: object) -> bytes:
            raise ValueError("Decryption failed")

    rejection = keywrap.rejection_secret(private)
    key = keywrap.unwrap_pkcs1(Raising(), b"x", rejection)  # type: ignore[arg-type]
    assert key == keywrap.made_up_key(rejection, b"x")


def test_made_up_keys_need_the_private_key(private: rsa.RSAPrivateKey, other: rsa.RSAPrivateKey) -> None:
    """Who lacks the private key cannot compute what it makes up."""
    mine, others = keywrap.rejection_secret(private), keywrap.rejection_secret(other)
    assert mine != others
    assert keywrap.made_up_key(mine, b"x") != keywrap.made_up_key(others, b"x")
    assert keywrap.made_up_key(mine, b"x") != keywrap.made_up_key(mine, b"y")


def test_data_keys_come_back_as_secrets() -> None:
    """What was unwrapped shows its length only, and does not travel."""
    key = keywrap.unwrap_rfc3394(DEK, keywrap.wrap_rfc3394(DEK, DEK))
    assert repr(key) == "<Secret of 32 bytes>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(key)
