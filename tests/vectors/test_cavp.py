"""NIST CAVP for AES-GCM, from the package cryptography-vectors: 47,250 cases on both backends. Counts are exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import cryptography_vectors
import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.errors import IntegrityError

sizes = pytest.mark.parametrize("bits", [128, 192, 256])
both = pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])

Case = dict[str, bytes]


def cases(name: str) -> Iterator[Case]:
    """The cases of a response file; one with ``FAIL`` has that key and no ``PT``."""
    with cryptography_vectors.open_vector_file(f"ciphers/AES/GCM/{name}", "r") as lines:
        case: Case = {}
        for line in lines:
            field, found, value = line.strip().partition(" =")
            if field == "Count":
                case = {}
            elif field == "FAIL" or (found and not field.startswith("[")):
                case[field] = bytes.fromhex(value)
            elif case:
                yield case
                case = {}
        if case:
            yield case


def kind(case: Case) -> str:
    """Which of our limits the case keeps."""
    if len(case["IV"]) != 12:
        return "refused IV"
    return "run" if len(case["Tag"]) == 16 else "short tag"


@both
@sizes
def test_decrypt(backend: Backend, bits: int) -> None:
    """Messages open to the given plaintext or fail; IVs and tags of other lengths are refused."""
    counts: Counter[str] = Counter()
    for case in cases(f"gcmDecrypt{bits}.rsp"):
        counts[kind(case)] += 1
        if kind(case) == "refused IV":
            with pytest.raises(ValueError, match="IV must have"):
                backend.gcm_decryptor(case["Key"], case["IV"], case["AAD"])
            continue
        out = bytearray(len(case["CT"]))
        decryptor = backend.gcm_decryptor(case["Key"], case["IV"], case["AAD"])
        decryptor.update_into(case["CT"], out)
        if kind(case) == "short tag":
            with pytest.raises(ValueError, match="tag must have"):
                decryptor.finalize(case["Tag"])
        elif "FAIL" in case:
            with pytest.raises(IntegrityError):
                decryptor.finalize(case["Tag"])
        else:
            decryptor.finalize(case["Tag"])
            assert out == case["PT"]
    assert counts == {"run": 375, "short tag": 2250, "refused IV": 5250}


@both
@sizes
def test_encrypt(backend: Backend, bits: int) -> None:
    """Messages give the given ciphertext and tag, a shorter tag being the start of ours; other IVs are refused."""
    counts: Counter[str] = Counter()
    for case in cases(f"gcmEncryptExtIV{bits}.rsp"):
        counts[kind(case)] += 1
        if kind(case) == "refused IV":
            with pytest.raises(ValueError, match="IV must have"):
                backend.gcm_encryptor(case["Key"], case["IV"], case["AAD"])
            continue
        out = bytearray(len(case["PT"]))
        encryptor = backend.gcm_encryptor(case["Key"], case["IV"], case["AAD"])
        encryptor.update_into(case["PT"], out)
        assert out == case["CT"]
        assert encryptor.finalize()[: len(case["Tag"])] == case["Tag"]
    assert counts == {"run": 375, "short tag": 2250, "refused IV": 5250}
