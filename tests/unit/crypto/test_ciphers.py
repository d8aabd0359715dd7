"""What the ciphers of s3cse.crypto.ciphers give, and up to which length; on both backends."""

from __future__ import annotations

from typing import Any

import pytest

from s3cse.crypto import ciphers
from s3cse.crypto.ciphers import GCM_MAX_BLOCKS, GCM_MAX_PLAINTEXT_BYTES, Backend

from .drive import AAD, IV12, IV16, KEY, LENGTHS, STEPS, Start, cbc_whole, feed, gcm_whole, text


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("in_place", [False, True])
def test_gcm_any_steps_give_the_one_shot_bytes(backend: Backend, length: int, in_place: bool) -> None:
    """However a message is cut, encrypting gives the ciphertext and tag of one shot, and decrypting gives it back."""
    data = text(length)
    sealed = gcm_whole(data)
    for step in STEPS:
        encryptor = backend.gcm_encryptor(KEY, IV12, AAD)
        assert feed(encryptor, data, step, in_place=in_place) + encryptor.finalize() == sealed
        decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
        assert feed(decryptor, sealed[:-16], step, in_place=in_place) == data
        decryptor.finalize(sealed[-16:])


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("in_place", [False, True])
def test_ctr_any_steps_from_any_block_give_the_slice(backend: Backend, length: int, in_place: bool) -> None:
    """From any block on, in any steps, the CTR cipher reads and writes the same bytes as the GCM message."""
    data = text(length)
    sealed = gcm_whole(data)[:-16]
    for block in {0, 1, 2, length // 16}:
        for step in STEPS:
            cipher = backend.ctr_cipher(KEY, IV12, block)
            assert feed(cipher, sealed[16 * block :], step, in_place=in_place) == data[16 * block :]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("in_place", [False, True])
def test_cbc_any_steps_give_the_one_shot_bytes(backend: Backend, length: int, in_place: bool) -> None:
    """However a message is cut, CBC gives the padded ciphertext of one shot, and decrypting gives the message back."""
    data = text(length)
    sealed = cbc_whole(data)
    last = bytearray(16)
    for step in STEPS:
        encryptor = backend.cbc_encryptor(KEY, IV16)
        body = feed(encryptor, data, step, in_place=in_place)
        assert encryptor.finalize_into(last) == 16
        assert body + last == sealed
        decryptor = backend.cbc_decryptor(KEY, IV16)
        body = feed(decryptor, sealed, step, in_place=in_place)
        assert body + last[: decryptor.finalize_into(last)] == data


@pytest.mark.parametrize("step", STEPS)
def test_a_range_of_cbc_needs_only_the_block_before(backend: Backend, step: int) -> None:
    """Without padding, blocks decrypt with the block before them as IV, and nothing is held back."""
    data = text(1024)
    sealed = cbc_whole(data)
    for first in (1, 2, 30):
        decryptor = backend.cbc_decryptor(KEY, sealed[16 * first - 16 :][:16], padding=False)
        assert feed(decryptor, sealed[16 * first : 1024], step) == data[16 * first :]
        assert decryptor.finalize_into(bytearray()) == 0


def test_cbc_decryption_holds_the_last_block_back(backend: Backend) -> None:
    """The block that may be padding is not written before the end is known."""
    sealed = cbc_whole(bytes(32))
    out = bytearray(48)
    decryptor = backend.cbc_decryptor(KEY, IV16)
    assert decryptor.update_into(sealed[:16], out) == 0
    assert decryptor.update_into(sealed[16:17], out) == 16
    assert decryptor.update_into(sealed[17:], out) == 16
    assert decryptor.finalize_into(out) == 0


def test_an_empty_message_is_a_message(backend: Backend) -> None:
    """No bytes, with and without AAD, have a tag and a padding block like any others."""
    for aad in (b"", AAD):
        tag = backend.gcm_encryptor(KEY, IV12, aad).finalize()
        assert tag == gcm_whole(b"", aad)
        backend.gcm_decryptor(KEY, IV12, aad).finalize(tag)
    out = bytearray(16)
    assert backend.cbc_encryptor(KEY, IV16).finalize_into(out) == 16
    assert out == cbc_whole(b"")


@pytest.mark.parametrize("aad_length", [1, 16, 17, 65537])
def test_all_of_the_aad_counts(backend: Backend, aad_length: int) -> None:
    """AAD of any length enters the tag."""
    aad = text(aad_length)
    encryptor = backend.gcm_encryptor(KEY, IV12, aad)
    assert feed(encryptor, b"body") + encryptor.finalize() == gcm_whole(b"body", aad)


def test_room_beyond_the_output_is_left_alone(backend: Backend, start: Start) -> None:
    """Nothing is written behind the bytes that the return value counts, but for CBC's rounding."""
    out = bytearray(b"\xee" * 200)
    with start(backend) as cipher:
        written = cipher.update_into(text(100), out)
    assert out[-(-written // 16) * 16 :].strip(b"\xee") == b""


def test_gcm_stops_at_64_gib_less_32_bytes(backend: Backend) -> None:
    """The last byte that 32-bit counters allow is processed; one more is refused before anything is written."""
    for begin in (backend.gcm_encryptor, backend.gcm_decryptor):
        cipher: Any = begin(KEY, IV12)
        cipher._advance(GCM_MAX_PLAINTEXT_BYTES - 1)
        out = bytearray(b"\xee\xee")
        with pytest.raises(ValueError, match="limit"):
            cipher.update_into(b"ab", out)
        assert out == b"\xee\xee"
        assert cipher.update_into(b"a", out) == 1
        assert cipher.update_into(b"", out) == 0
        with pytest.raises(ValueError, match="limit"):
            cipher.update_into(b"a", out)
    assert GCM_MAX_PLAINTEXT_BYTES == 2**36 - 32


def test_ctr_never_wraps_its_counter(backend: Backend) -> None:
    """The last data block has counter 2^32 - 1; the byte after it is refused, whole calls and single bytes alike."""
    out = bytearray(64)
    for left in (0, 1, 2):
        cipher = backend.ctr_cipher(KEY, IV12, GCM_MAX_BLOCKS - left)
        with pytest.raises(ValueError, match="limit"):
            cipher.update_into(bytes(16 * left + 1), out)
        assert cipher.update_into(bytes(16 * left), out) == 16 * left
        with pytest.raises(ValueError, match="limit"):
            cipher.update_into(b"a", out)


def test_a_last_block_may_be_begun_in_pieces(backend: Backend) -> None:
    """Bytes, not calls, count towards the limit."""
    cipher = backend.ctr_cipher(KEY, IV12, GCM_MAX_BLOCKS - 1)
    whole = feed(backend.ctr_cipher(KEY, IV12, GCM_MAX_BLOCKS - 1), bytes(16))
    assert feed(cipher, bytes(16), 1) == whole


@pytest.mark.parametrize("block", [-1, GCM_MAX_BLOCKS + 1, 2**32, 2**64, -(2**70)])
def test_a_first_block_that_no_message_has_is_refused(backend: Backend, block: int) -> None:
    """Block numbers end where counters end."""
    with pytest.raises(ValueError, match="first block"):
        backend.ctr_cipher(KEY, IV12, block)


@pytest.mark.parametrize("block", ["1", 1.0, None])
def test_a_first_block_that_is_no_integer_is_refused(backend: Backend, block: Any) -> None:
    """A block number is an int."""
    with pytest.raises(TypeError):
        backend.ctr_cipher(KEY, IV12, block)
    with pytest.raises(TypeError):
        ciphers.check_first_block(block)
