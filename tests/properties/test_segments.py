"""Properties of segments: any segmentation, order, number of threads, AAD and length give AES-GCM in one go."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.segments import ObjectCipher, Path, SegmentValue
from s3cse.errors import IntegrityError

both = pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])

keys = st.binary(min_size=32, max_size=32)
ivs = st.binary(min_size=12, max_size=12)
aads = st.binary(max_size=50)
texts = st.binary(max_size=3000)
paths: st.SearchStrategy[Path] = st.sampled_from(["fused", "ctr+gmac"])
cuts = st.lists(st.integers(0, 3000 // 16), max_size=10)


def segments(data: bytes, at: list[int]) -> list[tuple[int, int]]:
    """Cut ``data`` at these blocks; the same block twice gives an empty segment."""
    borders = [0, *sorted(min(16 * block, len(data) // 16 * 16) for block in at), len(data)]
    return list(pairwise(borders))


@both
@settings(deadline=None)
@given(key=keys, iv=ivs, aad=aads, text=texts, at=cuts, path=paths, threads=st.integers(1, 4), order=st.randoms())
def test_segments_are_one_shot(
    backend: Backend,
    key: bytes,
    iv: bytes,
    aad: bytes,
    text: bytes,
    at: list[int],
    path: Path,
    threads: int,
    order: random.Random,
) -> None:
    """Encrypted in any segments, in any order, on any number of threads: the bytes of one go."""
    out = bytearray(text)
    places = segments(text, at)
    order.shuffle(places)

    def encrypt(place: tuple[int, int]) -> SegmentValue:
        with memoryview(out)[slice(*place)] as room:
            return cipher.encrypt_segment(place[0], room, room)

    with backend.object_cipher(key, iv, aad, path=path) as cipher, ThreadPoolExecutor(threads) as pool:
        values = list(pool.map(encrypt, places))
        assert out + cipher.tag(values) == AESGCM(key).encrypt(iv, text, aad)


@both
@settings(deadline=None)
@given(key=keys, iv=ivs, aad=aads, text=texts, at=cuts, path=paths, bit=st.integers(0), data=st.data())
def test_a_reader_notices_any_flipped_bit(
    backend: Backend,
    key: bytes,
    iv: bytes,
    aad: bytes,
    text: bytes,
    at: list[int],
    path: Path,
    bit: int,
    data: st.DataObject,
) -> None:
    """What a reader hashes verifies if it is the object, and neither tag nor segment does if one bit is another."""
    sealed = AESGCM(key).encrypt(iv, text, aad)
    places = segments(text, at)
    with backend.object_cipher(key, iv, aad, path=path) as cipher:
        values = [cipher.hash_segment(begin, sealed[begin:end]) for begin, end in places]
        cipher.verify_tag(values, sealed[-16:])
        changed = bytearray(sealed)
        bit %= 8 * len(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        seen = [cipher.hash_segment(begin, changed[begin:end]) for begin, end in places]
        with pytest.raises(IntegrityError):
            cipher.verify_tag(seen, changed[-16:])
        chosen = data.draw(st.sampled_from(values))
        check_segment(cipher, chosen, sealed, bytes(changed), text)


def check_segment(cipher: ObjectCipher, value: SegmentValue, sealed: bytes, changed: bytes, text: bytes) -> None:
    """Verify one segment of the object as it is and as it was changed."""
    place = slice(value.offset, value.offset + value.length)
    out = bytearray(value.length)
    cipher.verify_segment(value, sealed[place], out)
    assert out == text[place]
    if sealed[place] == changed[place]:
        return
    with pytest.raises(IntegrityError):
        cipher.verify_segment(value, changed[place], out)
    assert out == bytes(value.length)


@settings(deadline=None, max_examples=50)
@given(
    key=keys,
    iv=ivs,
    text=texts,
    path=paths,
    mask=st.binary(min_size=16, max_size=16),
    block=st.integers(0, 2**32 - 2 - 200),
)
def test_backends_agree_on_every_value(key: bytes, iv: bytes, text: bytes, path: Path, mask: bytes, block: int) -> None:
    """Native and oracle give the same ciphertext and the same S anywhere in the object."""
    answers = []
    for backend in (native, oracle):
        out = bytearray(len(text))
        with backend.object_cipher(key, iv, path=path) as cipher:
            value = cipher.encrypt_segment(16 * block, text, out)
        answers.append((bytes(out), value.masked(mask)))
    assert answers[0] == answers[1]
