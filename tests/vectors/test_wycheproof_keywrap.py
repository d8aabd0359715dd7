"""Project Wycheproof: every case of the key wraps; what wraps no 32-byte data key is refused. Counts are exact."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from s3cse.crypto import keywrap
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError

FOLDER = Path(__file__).parent / "wycheproof"
DEK_BYTES = 32
_BINARY = ("key", "msg", "ct", "label")


def groups(name: str) -> list[dict[str, Any]]:
    """Return the groups of a file, their cases hex decoded."""
    found: list[dict[str, Any]] = json.loads((FOLDER / name).read_text(encoding="utf-8"))["testGroups"]
    for group in found:
        for case in group["tests"]:
            case.update({field: bytes.fromhex(case[field]) for field in _BINARY if field in case})
    return found


def rsa_cases(name: str) -> Iterator[tuple[RSAPrivateKey, dict[str, Any]]]:
    """Yield each case with its private key."""
    for group in groups(name):
        private = load_pem_private_key(group["privateKeyPem"].encode(), None)
        assert isinstance(private, RSAPrivateKey)
        yield from ((private, case) for case in group["tests"])


@pytest.mark.parametrize(
    ("key_bits", "expected"),
    [
        (128, {"valid": 3, "refused": 39}),
        (192, {"valid": 3, "refused": 52}),
        (256, {"valid": 4, "invalid": 12, "refused": 52}),
    ],
)
def test_rfc3394(key_bits: int, expected: dict[str, int]) -> None:
    """Valid wraps of 32 bytes wrap and unwrap to the given bytes; changed ones, and all of other lengths, fail."""
    counts: Counter[str] = Counter()
    for group in groups("aes_wrap_test.json"):
        for case in group["tests"] if group["keySize"] == key_bits else ():
            if len(case["ct"]) == keywrap.RFC3394_WRAPPED_BYTES and case["result"] == "valid":
                assert keywrap.unwrap_rfc3394(case["key"], case["ct"]) == Secret(case["msg"]), case["tcId"]
                assert keywrap.wrap_rfc3394(case["key"], case["msg"]) == case["ct"], case["tcId"]
                counts["valid"] += 1
                continue
            with pytest.raises(IntegrityError):
                keywrap.unwrap_rfc3394(case["key"], case["ct"])
            counts["invalid" if len(case["ct"]) == keywrap.RFC3394_WRAPPED_BYTES else "refused"] += 1
    assert counts == expected


def oaep_opens(private: RSAPrivateKey, case: dict[str, Any], hash_: hashes.HashAlgorithm) -> bytes | None:
    """Return the plaintext under an empty label, or None."""
    try:
        return keywrap.open_oaep(private, case["ct"], hash_, hashes.SHA1())
    except IntegrityError:
        return None


def test_oaep_sha1() -> None:
    """Valid cases open to the given bytes; invalid ones and those with a label do not; none has the layout of a DEK."""
    counts: Counter[str] = Counter()
    for private, case in rsa_cases("rsa_oaep_2048_sha1_mgf1sha1_test.json"):
        result = "labelled" if case["label"] else case["result"]
        expected = case["msg"] if result == "valid" else None
        assert oaep_opens(private, case, hashes.SHA1()) == expected, case["tcId"]
        with pytest.raises(IntegrityError):
            keywrap.unwrap_oaep_sha1(private, case["ct"], b"")
        counts[result] += 1
    assert counts == {"valid": 10, "invalid": 19, "labelled": 7}


def test_oaep_sha256_mgf1_sha1() -> None:
    """Valid cases open to the given bytes; invalid ones and those with a label do not; only 32 bytes are a DEK."""
    counts: Counter[str] = Counter()
    for private, case in rsa_cases("rsa_oaep_2048_sha256_mgf1sha1_test.json"):
        result = "labelled" if case["label"] else case["result"]
        expected = case["msg"] if result == "valid" else None
        assert oaep_opens(private, case, hashes.SHA256()) == expected, case["tcId"]
        if expected is not None and len(expected) == DEK_BYTES:
            assert keywrap.unwrap_oaep_sha256(private, case["ct"]) == Secret(expected), case["tcId"]
            result = "valid, a DEK"
        else:
            with pytest.raises(IntegrityError):
                keywrap.unwrap_oaep_sha256(private, case["ct"])
        counts[result] += 1
    assert counts == {"valid": 9, "valid, a DEK": 1, "invalid": 18, "labelled": 3}


def test_pkcs1() -> None:
    """A valid case of 32 bytes opens; every other, valid or not, gives a made-up key and no sign of what was wrong."""
    counts: Counter[str] = Counter()
    for private, case in rsa_cases("rsa_pkcs1_2048_test.json"):
        rejection = keywrap.rejection_secret(private)
        key = keywrap.unwrap_pkcs1(private, case["ct"], rejection)
        assert len(key) == DEK_BYTES
        if case["result"] == "valid" and len(case["msg"]) == DEK_BYTES:
            assert key == Secret(case["msg"]), case["tcId"]
            counts["valid, a DEK"] += 1
            continue
        # OpenSSL's own made-up bytes have 32 once in a few hundred times; then they are the key.
        assert key != Secret(case["msg"].ljust(DEK_BYTES, b"\0")[:DEK_BYTES]), case["tcId"]
        counts[case["result"]] += 1
    assert counts == {"valid, a DEK": 1, "valid": 41, "invalid": 25}
