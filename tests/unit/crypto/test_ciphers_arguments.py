"""Which arguments the ciphers take and which they refuse, without a change; on both backends."""

from __future__ import annotations

import array
import mmap
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from s3cse.crypto.ciphers import Backend, Cipher
from s3cse.errors import IntegrityError

from .drive import AAD, IV12, IV16, KEY, Start, cbc_whole, feed, gcm_whole, text


def test_any_contiguous_buffer_will_do(backend: Backend) -> None:
    """Buffers of any kind and item size are bytes to the ciphers, in and out."""
    data = text(64)
    expected = gcm_whole(data)[:-16]
    with mmap.mmap(-1, 64) as mapped:
        mapped[:] = data
        for source in (data, bytearray(data), memoryview(data), array.array("I", data), mapped, pa.py_buffer(data)):
            target = array.array("Q", bytes(64))
            assert backend.gcm_encryptor(memoryview(KEY), bytearray(IV12), AAD).update_into(source, target) == 64
            assert target.tobytes() == expected


def test_a_read_only_output_is_refused(backend: Backend, start: Start) -> None:
    """Memory that Python calls read-only is never written."""
    data = bytes(16)
    for out in (bytes(16), memoryview(bytearray(16)).toreadonly(), pa.py_buffer(bytes(16))):
        with start(backend) as cipher, pytest.raises(TypeError):
            cipher.update_into(data, out)
    with pytest.raises(TypeError):
        backend.cbc_encryptor(KEY, IV16).finalize_into(bytes(16))


def test_what_is_no_contiguous_buffer_is_refused(backend: Backend, start: Start) -> None:
    """Text, numbers, None and strided views are TypeErrors in every place."""
    wrong: list[Any] = ["x" * 32, 32, None, memoryview(bytearray(64))[::2]]
    for value in wrong:
        with start(backend) as cipher:
            with pytest.raises(TypeError):
                cipher.update_into(value, bytearray(64))
            with pytest.raises(TypeError):
                cipher.update_into(bytes(32), value)
        with pytest.raises(TypeError):
            backend.gcm_encryptor(value, IV12)
        with pytest.raises(TypeError):
            backend.gcm_encryptor(KEY, value)
        with pytest.raises(TypeError):
            backend.gcm_encryptor(KEY, IV12, value)
        with pytest.raises(TypeError):
            backend.gcm_decryptor(KEY, IV12).finalize(value)


def test_a_failed_call_lets_the_buffers_go(backend: Backend, start: Start) -> None:
    """While the error is still being handled, the caller's bytearrays can already change their size."""
    data, out = bytearray(32), bytearray(31)
    cipher = start(backend)
    with pytest.raises(ValueError, match="too small") as caught:
        cipher.update_into(data, out)
    data.append(0)
    out.append(0)
    assert caught.value is not None


Begin = tuple[Callable[..., Cipher], bytes]


def with_iv_of_12(backend: Backend) -> list[Begin]:
    """The ciphers that take 12 bytes, each with an IV."""
    return [(begin, IV12) for begin in (backend.gcm_encryptor, backend.gcm_decryptor, backend.ctr_cipher)]


def with_iv_of_16(backend: Backend) -> list[Begin]:
    """The ciphers that take 16 bytes, each with an IV."""
    return [(begin, IV16) for begin in (backend.cbc_encryptor, backend.cbc_decryptor)]


@pytest.mark.parametrize("length", [0, 1, 16, 24, 31, 33, 64])
def test_a_key_of_another_length_is_refused(backend: Backend, length: int) -> None:
    """Only 32 bytes are an AES-256 key; GCM alone takes the smaller AES keys."""
    for begin, iv in (*with_iv_of_12(backend), *with_iv_of_16(backend)):
        if length in (16, 24) and begin in (backend.gcm_encryptor, backend.gcm_decryptor):
            continue
        with pytest.raises(ValueError, match=r"key must have (16, 24 or )?32 bytes"):
            begin(bytes(length), iv)


@pytest.mark.parametrize("length", [16, 24, 32])
def test_gcm_takes_every_size_of_aes_and_tells_them_apart(backend: Backend, length: int) -> None:
    """A message under a key of each size opens with it, and with no longer key that begins alike."""
    key = bytes(range(1, length + 1))
    body = bytearray(b"forty-two bytes")
    encryptor = backend.gcm_encryptor(key, IV12, AAD)
    encryptor.update_into(body, body)
    tag = encryptor.finalize()
    for other in (16, 24, 32):
        decryptor = backend.gcm_decryptor(key.ljust(other, b"\0")[:other], IV12, AAD)
        out = bytearray(len(body))
        decryptor.update_into(body, out)
        if other == length:
            decryptor.finalize(tag)
            assert out == b"forty-two bytes"
        else:
            with pytest.raises(IntegrityError):
                decryptor.finalize(tag)


@pytest.mark.parametrize("length", [0, 1, 8, 11, 12, 13, 15, 16, 17, 32])
def test_an_iv_of_another_length_is_refused(backend: Backend, length: int) -> None:
    """GCM and CTR take 12 bytes, CBC takes 16, nothing else."""
    for begin, iv in (*with_iv_of_12(backend), *with_iv_of_16(backend)):
        if length != len(iv):
            with pytest.raises(ValueError, match=f"IV must have {len(iv)} bytes"):
                begin(KEY, bytes(length))


@pytest.mark.parametrize("length", [0, 12, 15, 17, 32])
def test_a_tag_of_another_length_is_refused(backend: Backend, length: int) -> None:
    """A shorter tag is an argument error, not a weaker check, and the message can still be verified."""
    decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
    with pytest.raises(ValueError, match="tag must have 16 bytes"):
        decryptor.finalize(bytes(length))
    decryptor.finalize(gcm_whole(b""))


@pytest.mark.parametrize("length", [1, 16, 17, 100])
def test_a_short_output_is_refused_and_nothing_changes(backend: Backend, start: Start, length: int) -> None:
    """One byte too little room: nothing is written, and the message goes on as if the call had not been."""
    expected = feed(start(backend), text(length))
    cipher = start(backend)
    room = length if hasattr(cipher, "finalize") or not hasattr(cipher, "finalize_into") else -(-length // 16) * 16
    out = bytearray(b"\xee" * (room - 1))
    with pytest.raises(ValueError, match="too small"):
        cipher.update_into(text(length), out)
    assert out.strip(b"\xee") == b""
    assert feed(cipher, text(length)) == expected


def test_the_end_of_cbc_needs_a_block_of_room(backend: Backend) -> None:
    """finalize_into asks for 16 bytes before it does anything."""
    for begin in (backend.cbc_encryptor, backend.cbc_decryptor):
        cipher = begin(KEY, IV16)
        feed(cipher, cbc_whole(b"1"))
        with pytest.raises(ValueError, match="too small"):
            cipher.finalize_into(bytearray(15))
        assert cipher.finalize_into(bytearray(16)) in (1, 16)


def test_every_overlap_but_the_exact_one_is_refused(backend: Backend, start: Start) -> None:
    """Output that would overwrite input not yet read is refused, in both directions, by one byte."""
    for shift in (-31, -16, -1, 1, 16, 31):
        memory = bytearray(b"\xee" * 96)
        view = memoryview(memory)
        cipher = start(backend)
        with pytest.raises(ValueError, match="overlaps"):
            cipher.update_into(view[32:64], view[32 + shift :][:32])
        assert memory.strip(b"\xee") == b""
        for apart in (0, 64):
            cipher.update_into(view[32:64], view[apart:][:32])


def test_overlap_is_seen_through_other_objects(backend: Backend, start: Start) -> None:
    """The memory counts, not the object: a read-only view of the output's own memory overlaps as well."""
    memory = bytearray(64)
    with start(backend) as cipher, pytest.raises(ValueError, match="overlaps"):
        cipher.update_into(memoryview(memory).toreadonly()[8:40], memory)
