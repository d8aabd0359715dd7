"""Project Wycheproof: every case on both backends, or it is refused: GCM of other IVs, CBC of other keys than 256 bits.

Counts are exact.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.errors import IntegrityError

FOLDER = Path(__file__).parent / "wycheproof"

both = pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])


def cases(name: str) -> list[dict[str, Any]]:
    """All cases of a file, hex decoded."""
    groups = json.loads((FOLDER / name).read_text(encoding="utf-8"))["testGroups"]
    binary = ("key", "iv", "aad", "msg", "ct", "tag")
    found = [case for group in groups for case in group["tests"]]
    return [{**case, **{field: bytes.fromhex(case[field]) for field in binary if field in case}} for case in found]


def open_gcm(backend: Backend, case: dict[str, Any], aad: bytes, body: bytes) -> bytes | None:
    """Return the plaintext, or None if the tag does not verify."""
    decryptor = backend.gcm_decryptor(case["key"], case["iv"], aad)
    out = bytearray(len(body))
    decryptor.update_into(body, out)
    try:
        decryptor.finalize(case["tag"])
    except IntegrityError:
        return None
    return bytes(out)


def seal_gcm(backend: Backend, case: dict[str, Any], aad: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return ciphertext and tag."""
    encryptor = backend.gcm_encryptor(case["key"], case["iv"], aad)
    out = bytearray(len(data))
    encryptor.update_into(data, out)
    return bytes(out), encryptor.finalize()


@both
def test_gcm(backend: Backend) -> None:
    """Valid cases encrypt and decrypt to the given bytes; modified tags fail; other IVs are refused."""
    counts: Counter[str] = Counter()
    for case in cases("aes_gcm_test.json"):
        if len(case["iv"]) != 12:
            with pytest.raises(ValueError, match="IV must have"):
                backend.gcm_decryptor(case["key"], case["iv"], case["aad"])
            counts["refused"] += 1
            continue
        valid = case["result"] == "valid"
        assert open_gcm(backend, case, case["aad"], case["ct"]) == (case["msg"] if valid else None), case["tcId"]
        sealed = seal_gcm(backend, case, case["aad"], case["msg"])
        assert (sealed == (case["ct"], case["tag"])) == valid, case["tcId"]
        counts[case["result"]] += 1
    assert counts == {"valid": 116, "invalid": 81, "refused": 119}


@both
def test_gmac(backend: Backend) -> None:
    """GMAC is GCM with AAD only."""
    counts: Counter[str] = Counter()
    for case in cases("aes_gmac_test.json"):
        if len(case["iv"]) != 12:
            with pytest.raises(ValueError, match="IV must have"):
                backend.gcm_encryptor(case["key"], case["iv"], case["msg"])
            counts["refused"] += 1
            continue
        valid = case["result"] == "valid"
        assert open_gcm(backend, case, case["msg"], b"") == (b"" if valid else None), case["tcId"]
        assert (seal_gcm(backend, case, case["msg"], b"")[1] == case["tag"]) == valid, case["tcId"]
        counts[case["result"]] += 1
    assert counts == {"valid": 45, "invalid": 162, "refused": 207}


def open_cbc(backend: Backend, case: dict[str, Any]) -> bytes | None:
    """Return the plaintext, or None if the padding or the length is bad."""
    decryptor = backend.cbc_decryptor(case["key"], case["iv"])
    out = bytearray(len(case["ct"]) + 16)
    written = decryptor.update_into(case["ct"], out)
    last = bytearray(16)
    try:
        rest = decryptor.finalize_into(last)
    except IntegrityError:
        return None
    return bytes(out[:written] + last[:rest])


def seal_cbc(backend: Backend, case: dict[str, Any]) -> bytes:
    """Return the padded ciphertext."""
    encryptor = backend.cbc_encryptor(case["key"], case["iv"])
    out = bytearray(len(case["msg"]) + 32)
    written = encryptor.update_into(case["msg"], out)
    last = bytearray(16)
    encryptor.finalize_into(last)
    return bytes(out[:written] + last)


@both
def test_cbc(backend: Backend) -> None:
    """Valid cases encrypt and decrypt to the given bytes; bad padding and bad lengths fail; other keys are refused."""
    counts: Counter[str] = Counter()
    for case in cases("aes_cbc_pkcs5_test.json"):
        if len(case["key"]) != 32:
            with pytest.raises(ValueError, match="key must have"):
                backend.cbc_decryptor(case["key"], case["iv"])
            counts["refused"] += 1
            continue
        valid = case["result"] == "valid"
        assert open_cbc(backend, case) == (case["msg"] if valid else None), case["tcId"]
        if valid:
            assert seal_cbc(backend, case) == case["ct"], case["tcId"]
        counts[case["result"]] += 1
    assert counts == {"valid": 24, "invalid": 48, "refused": 144}
