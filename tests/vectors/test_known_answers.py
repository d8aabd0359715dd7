"""Bodies that AWS's clients publish as known answers (FORMATS.md section 22), on both backends.

Sources: aws/amazon-s3-encryption-client-go v4/internal/key_derivation_test.go, aws/aws-sdk-ruby
spec/encryption/client_spec.rb, aws/aws-sdk-php tests/Crypto/HkdfKatTest.php (the body with the IV that V3 says).
"""

from __future__ import annotations

from base64 import b64decode

import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend

both = pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])

V3_IV = b"\x01" * 12
V3_AAD = b"\x00\x73"

#: key, IV, AAD, plaintext, ciphertext and tag
GCM = {
    "v3-3": (
        bytes.fromhex("bd99a917127150fae9e6f87193b122c52ae72fbcdc30e8d18cdf81fabf8b2df3"),
        V3_IV,
        V3_AAD,
        b"Hello, World!",
        bytes.fromhex("ac9f0d1185cbc1d2b7e77788b4abe58c0c421fa648faca6de694057e9a"),
    ),
    "v3-4": (
        bytes.fromhex("5c8bc1c3d2d866f3724143a0d48ddc134cd1088312313d503497eac33cca6d4a"),
        V3_IV,
        V3_AAD,
        b"Hello, World!",
        bytes.fromhex("880f6caa39658a8709253a674270710277bd564befea7cc81113043e1c"),
    ),
    "v2-kms": (
        bytes.fromhex("ac622eeb1619289a4ae075434103347af6267f8e0ec0d51a88af32b1ee672315"),
        b64decode("XujE1oWCO83rw1PU"),
        b"",
        b"plain-text",
        b64decode("ZpPUtKX0PPupGaE0o7FbJw2Ov53MXfqenLA="),
    ),
}

#: key, IV, plaintext, ciphertext
CBC = {
    "v1-aes": (
        b64decode("uSwsRlIMhY1klVYrgqceqjmQMmARcNl7rEKWW+7HVvA="),
        b64decode("TO5mQgtOzWkTfoX4RE5tsA=="),
        b"secret",
        b64decode("JIgXCTXpeQerPLiU6dVL4Q=="),
    ),
    "v2-kms": (
        bytes.fromhex("e45ee3e076408a71afe7791018d458c2dc26f6dbcc4d03af334444ffda0f6c6a"),
        b64decode("rVucSqIJvenVa7HliO+oIw=="),
        b"plain-text",
        b64decode("4FAj3kTOIisQ+9b8/kia8g=="),
    ),
}


@both
@pytest.mark.parametrize("name", GCM)
def test_gcm(backend: Backend, name: str) -> None:
    """Our GCM writes the published bodies and reads them."""
    key, iv, aad, text, sealed = GCM[name]
    out = bytearray(text)
    encryptor = backend.gcm_encryptor(key, iv, aad)
    encryptor.update_into(out, out)
    assert out + encryptor.finalize() == sealed
    decryptor = backend.gcm_decryptor(key, iv, aad)
    decryptor.update_into(out, out)
    decryptor.finalize(sealed[-16:])
    assert out == text


@both
@pytest.mark.parametrize("name", CBC)
def test_cbc(backend: Backend, name: str) -> None:
    """Our CBC writes the published bodies and reads them."""
    key, iv, text, sealed = CBC[name]
    out = bytearray(16)
    encryptor = backend.cbc_encryptor(key, iv)
    assert encryptor.update_into(text, out) == 0
    assert encryptor.finalize_into(out) == 16
    assert out == sealed
    decryptor = backend.cbc_decryptor(key, iv)
    assert decryptor.update_into(sealed, out) == 0
    assert out[: decryptor.finalize_into(out)] == text


@both
def test_ctr_reads_the_known_answers_too(backend: Backend) -> None:
    """The body of a GCM object without its tag is CTR from block 0."""
    for key, iv, _aad, text, sealed in GCM.values():
        out = bytearray(sealed[:-16])
        backend.ctr_cipher(key, iv).update_into(out, out)
        assert out == text
