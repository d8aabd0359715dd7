"""Parts that a caller cuts: any order or one order, and never two contents for one part."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from s3cse.client.part_seals import PartSealer, check_numbers, part_sealer
from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.errors import SettingsError
from s3cse.objects.body import body_encryptor

KEY = os.urandom(32)
PART = 64


@pytest.fixture(params=[native, oracle], ids=["native", "oracle"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Both backends."""
    return cast(Backend, request.param)


@pytest.fixture(params=list(ContentAlgorithm))
def envelope(request: pytest.FixtureRequest) -> Envelope:
    """An envelope of each algorithm."""
    iv = os.urandom(request.param.iv_bytes)
    return Envelope(Format.V2, request.param, "kms", b"x", iv, None)


def whole(backend: Backend, envelope: Envelope, text: bytes) -> bytes:
    body = bytearray(text)
    body_encryptor(backend, envelope.content_algorithm, KEY, envelope.iv).seal_last(0, body)
    return bytes(body)


def cut(text: bytes) -> list[bytes]:
    return [text[at : at + PART] for at in range(0, len(text), PART)] or [b""]


def seal(sealer: PartSealer, parts: list[bytes], number: int, content: bytes | None = None) -> bytes:
    part = bytearray(parts[number - 1] if content is None else content)
    (sealer.seal_last if number == len(parts) else sealer.seal)(number, (number - 1) * PART, part)
    return bytes(part)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 500])
def test_parts_join_to_the_object(backend: Backend, envelope: Envelope, size: int) -> None:
    """In any order that the algorithm allows, and repeated, the parts are those of the object in one piece."""
    text = os.urandom(size)
    parts = cut(text)
    sealer = part_sealer(backend, envelope, Secret(KEY))
    order = list(range(1, len(parts)))
    if envelope.authenticated:
        random.Random(size).shuffle(order)
    sealed = {number: seal(sealer, parts, number) for number in [*order, len(parts)]}
    assert b"".join(sealed[number] for number in sorted(sealed)) == whole(backend, envelope, text)
    assert {number: seal(sealer, parts, number) for number in sealed} == sealed
    sealer.close()
    sealer.close()
    with pytest.raises(ValueError, match=r"closed|completed"):
        seal(sealer, parts, 1)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_other_content_is_refused(backend: Backend, envelope: Envelope, number: int) -> None:
    """One bit of difference in a repeated part is found, and the first content still goes."""
    parts = cut(os.urandom(2 * PART + 5))
    sealer = part_sealer(backend, envelope, Secret(KEY))
    first = [seal(sealer, parts, each) for each in (1, 2, 3)]
    for at in (0, len(parts[number - 1]) - 1):
        other = bytearray(parts[number - 1])
        other[at] ^= 1
        with pytest.raises(SettingsError, match=f"part {number} has another content.*not sent"):
            seal(sealer, parts, number, bytes(other))
    assert seal(sealer, parts, number) == first[number - 1]
    sealer.close()


def test_cbc_goes_in_order(backend: Backend) -> None:
    """A part whose predecessor is not there has nothing to be chained to."""
    envelope = Envelope(Format.V2, ContentAlgorithm.AES_CBC, "kms", b"x", os.urandom(16), None)
    sealer = part_sealer(backend, envelope, Secret(KEY))
    parts = cut(os.urandom(3 * PART))
    with pytest.raises(SettingsError, match="in order; found part 2; expected part 1"):
        seal(sealer, parts, 2)
    seal(sealer, parts, 1)
    with pytest.raises(SettingsError, match="found part 3; expected part 2"):
        seal(sealer, parts, 3)


def test_lists_of_parts() -> None:
    """A list that is not that of the upload is refused by number."""
    check_numbers({1: "a", 2: "b"}, {1: "a", 2: "b"})
    for given in ({1: "a"}, {1: "a", 2: "x"}, {1: "a", 2: "b", 3: "c"}, {}):
        with pytest.raises(SettingsError, match="for part"):
            check_numbers(given, {1: "a", 2: "b"})


def test_two_contents_at_once(backend: Backend, envelope: Envelope) -> None:
    """Of two contents for one part that come at the same time from many threads, one wins and the other never goes."""
    for _ in range(20):
        sealer = part_sealer(backend, envelope, Secret(KEY))
        contents = [os.urandom(PART), os.urandom(PART)]

        def attempt(index: int, sealer: PartSealer = sealer, contents: list[bytes] = contents) -> int | None:
            try:
                sealer.seal(1, 0, bytearray(contents[index % 2]))
            except SettingsError:
                return None
            return index % 2

        with ThreadPoolExecutor(6) as pool:
            won = set(pool.map(attempt, range(6))) - {None}
        assert len(won) == 1
        sealer.close()
