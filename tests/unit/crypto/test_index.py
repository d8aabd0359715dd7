"""The segment index as bytes: the specification's known answer, and everything that makes it no index."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.index import (
    TRAILER_BYTES,
    IndexKeys,
    Trailer,
    has_magic,
    open_index,
    read_trailer,
    seal_index,
)
from s3cse.crypto.segments import SegmentValue

CASES = json.loads((Path(__file__).parents[2] / "vectors" / "segment_index.json").read_text())["cases"]
both = pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])
every = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def data_of(case: dict[str, Any]) -> bytes:
    """Return the case's data: bytes that SHAKE-256 makes of its seed."""
    return hashlib.shake_256(case["seed"].encode()).digest(case["covered"])


def sealed(backend: Backend, case: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Return index, whole plaintext and stored bytes, made with our code in the case's segments."""
    key, iv, aad = (bytes.fromhex(case[name]) for name in ("key", "iv", "aad"))
    data, footer, size = data_of(case), bytes.fromhex(case["footer"]), case["segment_bytes"]
    with backend.object_cipher(key, iv, aad) as cipher:
        body = bytearray(data)
        values = []
        for at in range(0, len(body), size):
            with memoryview(body)[at : at + size] as segment:
                values.append(cipher.encrypt_segment(at, segment, segment))
        index = seal_index(IndexKeys(key, bytes.fromhex(case["salt"])), size, values, footer)
        end = bytearray(index + footer)
        values.append(cipher.encrypt_segment(len(body), end, end))
        return index, data + index + footer, bytes(body + end) + cipher.tag(values)


@both
@every
def test_known_answers(backend: Backend, case: dict[str, Any]) -> None:
    """The index and the object are byte for byte those of the specification's reference code, and of any GCM writer."""
    index, plaintext, stored = sealed(backend, case)
    assert hashlib.sha256(index).hexdigest() == case["index_sha256"]
    assert hashlib.sha256(stored).hexdigest() == case["stored_sha256"]
    key, iv, aad = (bytes.fromhex(case[name]) for name in ("key", "iv", "aad"))
    assert AESGCM(key).encrypt(iv, plaintext, aad or None) == stored


def parts(case: dict[str, Any]) -> tuple[IndexKeys, bytes, bytes]:
    """Return the case's index keys, index and footer."""
    index, _, _ = sealed(native, case)
    return IndexKeys(bytes.fromhex(case["key"]), bytes.fromhex(case["salt"])), index, bytes.fromhex(case["footer"])


@every
def test_opening_gives_the_values_back(case: dict[str, Any]) -> None:
    """Unmasked, they are the values of the segments, at their places."""
    keys, index, footer = parts(case)
    trailer = read_trailer(index[-TRAILER_BYTES:], case["covered"] + len(index))
    assert trailer is not None
    values = open_index(keys, trailer, index + footer)
    assert values is not None
    stored = sealed(native, case)[2]
    with native.object_cipher(bytes.fromhex(case["key"]), bytes.fromhex(case["iv"]), bytes.fromhex(case["aad"])) as one:
        assert values == [one.hash_segment(value.offset, stored[value.offset :][: value.length]) for value in values]
    assert sum(value.length for value in values) == case["covered"]
    assert not any(bytes(value.view()) in index for value in values), "a value is stored unmasked"


def test_any_flipped_bit_is_no_index() -> None:
    """In masked values, trailer, HMAC or what follows: None, whichever bit it is."""
    keys, index, footer = parts(CASES[0])
    end = index + footer
    for at in range(len(end)):
        changed = bytearray(end)
        changed[at] ^= 1 << at % 8
        trailer = read_trailer(changed[len(index) - TRAILER_BYTES : len(index)], CASES[0]["covered"] + len(index))
        assert trailer is None or open_index(keys, trailer, changed) is None


def test_another_key_or_salt_is_no_index() -> None:
    """What a byte copy under a new key carries is not taken for an index."""
    case = CASES[0]
    keys, index, footer = parts(case)
    trailer = read_trailer(index[-TRAILER_BYTES:], case["covered"] + len(index))
    assert trailer is not None
    assert open_index(keys, trailer, index + footer) is not None
    for key, salt in ((bytes(32), bytes.fromhex(case["salt"])), (bytes.fromhex(case["key"]), bytes(12))):
        assert open_index(IndexKeys(key, salt), trailer, index + footer) is None


@pytest.mark.parametrize(
    ("at", "word"),
    [
        (0, b"S3CSEIX2"),
        (8, (2).to_bytes(4, "little")),
        (12, (4095).to_bytes(4, "little")),
        (12, (4104).to_bytes(4, "little")),
        (12, ((16 << 20) + 16).to_bytes(4, "little")),
        (12, bytes(4)),
        (16, (1).to_bytes(8, "little")),
        (16, (2**64 - 16).to_bytes(8, "little")),
        (24, bytes(8)),
        (24, (2**64 - 1).to_bytes(8, "little")),
    ],
)
def test_a_trailer_that_cannot_be_is_none(at: int, word: bytes) -> None:
    """Magic, version, sizes, counts and places that do not fit are refused before anything is allocated for them."""
    case = CASES[0]
    _, index, _ = parts(case)
    trailer = bytearray(index[-TRAILER_BYTES:])
    assert has_magic(trailer)
    trailer[at : at + len(word)] = word
    assert read_trailer(trailer, case["covered"] + len(index)) is None


def test_segments_must_be_whole_and_of_one_length() -> None:
    """An index of ragged segments would be read as another one: it is refused."""
    keys = IndexKeys(bytes(range(32)), bytes(12))
    value = bytes(range(16))
    for values in (
        [SegmentValue(0, 4100, value)],
        [SegmentValue(0, 8192, value)],
        [SegmentValue(0, 4080, value), SegmentValue(4080, 4096, value)],
        [SegmentValue(4096, 4096, value)],
    ):
        with pytest.raises(ValueError, match="segments"):
            seal_index(keys, 4096, values, b"")
    with pytest.raises(ValueError, match="segment has"):
        seal_index(keys, 4090, [], b"")


def test_an_object_without_data_has_an_index() -> None:
    """No segment at all is an index of 64 bytes."""
    keys = IndexKeys(bytes(range(32)), bytes(12))
    index = seal_index(keys, 4096, [], b"footer")
    assert read_trailer(index, 64) == Trailer(4096, 0, 0)
    assert open_index(keys, Trailer(4096, 0, 0), index + b"footer") == []


def test_wiped_keys_are_zeros() -> None:
    """Nothing of the keys stays after wiping."""
    keys = IndexKeys(bytes(range(32)), bytes(12))
    keys.wipe()
    assert bytes(keys.mac.view()) == bytes(32)
