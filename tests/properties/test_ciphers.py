"""Properties of the ciphers: any cut, any range, any flipped bit, and both backends agree with one shot."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Whole
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import GCM_MAX_BLOCKS, Backend, Cipher
from s3cse.errors import IntegrityError

both = pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])

keys = st.binary(min_size=32, max_size=32)
ivs = st.binary(min_size=12, max_size=12)
blocks = st.binary(min_size=16, max_size=16)
aads = st.binary(max_size=50)
texts = st.binary(max_size=2000)
cuts = st.lists(st.integers(0, 2000), max_size=12)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    """Cut ``data`` at these places; places beyond its end give empty pieces."""
    borders = [0, *sorted(min(place, len(data)) for place in at), len(data)]
    return [data[begin:end] for begin, end in pairwise(borders)]


def feed(cipher: Cipher, parts: list[bytes]) -> bytes:
    """Pass the parts through, each in place if that is possible, and return what came out."""
    out = bytearray()
    for part in parts:
        room = bytearray(-(-len(part) // 16) * 16)
        room[: len(part)] = part
        out += room[: cipher.update_into(memoryview(room)[: len(part)], room)]
    return bytes(out)


@both
@given(key=keys, iv=ivs, aad=aads, text=texts, at=cuts, other=cuts)
def test_gcm_is_one_shot(
    backend: Backend, key: bytes, iv: bytes, aad: bytes, text: bytes, at: list[int], other: list[int]
) -> None:
    """Any message cut anyhow gives the ciphertext and tag of one shot, and comes back cut anyhow else."""
    encryptor = backend.gcm_encryptor(key, iv, aad)
    sealed = feed(encryptor, pieces(text, at)) + encryptor.finalize()
    assert sealed == AESGCM(key).encrypt(iv, text, aad)
    decryptor = backend.gcm_decryptor(key, iv, aad)
    assert feed(decryptor, pieces(sealed[:-16], other)) == text
    decryptor.finalize(sealed[-16:])


@both
@given(key=keys, iv=ivs, text=texts, block=st.integers(0, 125), length=st.integers(0, 2000), at=cuts)
def test_a_ctr_range_is_the_slice(
    backend: Backend, key: bytes, iv: bytes, text: bytes, block: int, length: int, at: list[int]
) -> None:
    """Any range that starts on a block border decrypts to the slice of the message."""
    sealed = AESGCM(key).encrypt(iv, text, None)[:-16]
    begin = 16 * block
    cipher = backend.ctr_cipher(key, iv, block)
    assert feed(cipher, pieces(sealed[begin : begin + length], at)) == text[begin : begin + length]


@both
@given(key=keys, iv=blocks, text=texts, at=cuts, other=cuts)
def test_cbc_is_one_shot(backend: Backend, key: bytes, iv: bytes, text: bytes, at: list[int], other: list[int]) -> None:
    """Any message cut anyhow gives the padded ciphertext of one shot, and comes back cut anyhow else."""
    padder = PKCS7(128).padder()
    whole = Whole(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    last = bytearray(16)
    encryptor = backend.cbc_encryptor(key, iv)
    body = feed(encryptor, pieces(text, at))
    encryptor.finalize_into(last)
    assert body + last == whole.update(padder.update(text) + padder.finalize())
    decryptor = backend.cbc_decryptor(key, iv)
    back = feed(decryptor, pieces(body + bytes(last), other))
    assert back + last[: decryptor.finalize_into(last)] == text


@both
@given(key=keys, iv=blocks, text=texts, block=st.integers(0, 125), count=st.integers(0, 125), at=cuts)
def test_a_cbc_range_is_the_slice(
    backend: Backend, key: bytes, iv: bytes, text: bytes, block: int, count: int, at: list[int]
) -> None:
    """Any run of whole blocks decrypts with the block before it as IV."""
    text = text[: len(text) // 16 * 16]
    sealed = iv + Whole(algorithms.AES256(key), modes.CBC(iv)).encryptor().update(text)
    run = sealed[16 * block :][: 16 * (count + 1)]
    if len(run) >= 16:
        decryptor = backend.cbc_decryptor(key, run[:16], padding=False)
        assert feed(decryptor, pieces(run[16:], at)) == text[16 * block :][: 16 * count]
        assert decryptor.finalize_into(bytearray()) == 0


@both
@given(key=keys, iv=ivs, aad=aads, text=texts, bit=st.integers(0))
def test_any_flipped_bit_fails(backend: Backend, key: bytes, iv: bytes, aad: bytes, text: bytes, bit: int) -> None:
    """One bit changed in ciphertext, tag, IV or AAD is noticed."""
    sealed = AESGCM(key).encrypt(iv, text, aad)
    everything = bytearray(iv + aad + sealed)
    bit %= 8 * len(everything)
    everything[bit // 8] ^= 1 << bit % 8
    seen = memoryview(bytes(everything))
    decryptor = backend.gcm_decryptor(key, seen[:12], seen[12 : 12 + len(aad)])
    feed(decryptor, [bytes(seen[12 + len(aad) : -16])])
    with pytest.raises(IntegrityError):
        decryptor.finalize(seen[-16:])


@both
@given(key=keys, iv=blocks, sealed=st.binary(max_size=100))
def test_arbitrary_bytes_are_a_message_or_an_error(backend: Backend, key: bytes, iv: bytes, sealed: bytes) -> None:
    """CBC of anything either ends in valid padding or in IntegrityError, and `cryptography` agrees which."""
    unpadder = PKCS7(128).unpadder()
    expected: bytes | None = None
    try:
        whole = Whole(algorithms.AES256(key), modes.CBC(iv)).decryptor()
        expected = unpadder.update(whole.update(sealed) + whole.finalize()) + unpadder.finalize()
    except ValueError:
        pass
    decryptor = backend.cbc_decryptor(key, iv)
    last = bytearray(16)
    got: bytes | None = feed(decryptor, [sealed])
    try:
        got = (got or b"") + last[: decryptor.finalize_into(last)]
    except IntegrityError:
        got = None
    assert got == expected


def started(backend: Backend, kind: str) -> Cipher:
    """Start a cipher; CTR eight blocks before its limit, so that runs reach it."""
    if kind == "gcm":
        return backend.gcm_encryptor(bytes(32), bytes(12))
    if kind == "ctr":
        return backend.ctr_cipher(bytes(32), bytes(12), GCM_MAX_BLOCKS - 8)
    return backend.cbc_decryptor(bytes(32), bytes(16))


def end_of(cipher: Any, out: bytearray) -> tuple[object, bytes]:
    """End a message of either interface."""
    ended = cipher.finalize() if hasattr(cipher, "finalize") else cipher.finalize_into(out)
    return ended, bytes(out)


class Twins(RuleBasedStateMachine):
    """The same calls on both backends: the same answers, the same refusals, the same state, whatever the order."""

    @initialize(kind=st.sampled_from(["gcm", "ctr", "cbc"]))
    def begin(self, kind: str) -> None:
        """Start one cipher on each backend."""
        self.kind = kind
        self.twins = [started(backend, kind) for backend in (native, oracle)]

    def compare(self, answers: list[object]) -> None:
        """Both twins gave the same."""
        assert answers[0] == answers[1]

    @rule(data=st.binary(max_size=70), room=st.integers(-20, 20), in_place=st.booleans())
    def update(self, data: bytes, room: int, in_place: bool) -> None:
        """Feed data with more or less room than it needs."""
        answers: list[object] = []
        for cipher in self.twins:
            out = bytearray(max(len(data) + room, 0))
            out[: len(data)] = data[: len(out)]
            source = memoryview(out)[: len(data)] if in_place else data
            try:
                answers.append((cipher.update_into(source, out), bytes(out)))
            except ValueError as error:
                answers.append((str(error), bytes(out)))
        self.compare(answers)

    @rule(data=st.binary(min_size=1, max_size=70), shift=st.integers(-80, 80))
    def update_shifted(self, data: bytes, shift: int) -> None:
        """Feed data whose output lies anywhere in the same memory."""
        answers: list[object] = []
        for cipher in self.twins:
            memory = bytearray(300)
            memory[100 : 100 + len(data)] = data
            view = memoryview(memory)
            try:
                written = cipher.update_into(view[100 : 100 + len(data)], view[100 + shift :][:80])
                answers.append((written, bytes(memory)))
            except ValueError as error:
                answers.append(str(error))
        self.compare(answers)

    @rule(room=st.sampled_from([0, 15, 16, 20]))
    @precondition(lambda self: self.kind != "ctr")
    def end(self, room: int) -> None:
        """End the message."""
        answers: list[object] = []
        for cipher in self.twins:
            out = bytearray(room)
            try:
                answers.append(end_of(cipher, out))
            except (ValueError, IntegrityError) as error:
                answers.append(str(error))
        self.compare(answers)

    @rule()
    def close(self) -> None:
        """Close both."""
        for cipher in self.twins:
            cipher.close()

    @invariant()
    def queue_is_empty(self) -> None:
        """OpenSSL's error queue never holds anything."""
        assert native.openssl_pending() == 0


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=150, stateful_step_count=15, deadline=None)
