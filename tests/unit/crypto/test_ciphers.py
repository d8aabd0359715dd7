"""The contract of s3cse.crypto.ciphers, on both backends."""

from __future__ import annotations

import array
import copy
import hashlib
import mmap
import pickle
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from s3cse.crypto import ciphers
from s3cse.crypto.ciphers import GCM_MAX_BLOCKS, GCM_MAX_PLAINTEXT_BYTES, Backend, Cipher
from s3cse.errors import IntegrityError

from .drive import AAD, IV12, IV16, KEY, LENGTHS, STEPS, cbc_whole, feed, gcm_whole, text

Start = Callable[[Backend], Cipher]

STARTS: dict[str, Start] = {
    "gcm_encryptor": lambda backend: backend.gcm_encryptor(KEY, IV12, AAD),
    "gcm_decryptor": lambda backend: backend.gcm_decryptor(KEY, IV12, AAD),
    "ctr_cipher": lambda backend: backend.ctr_cipher(KEY, IV12),
    "cbc_encryptor": lambda backend: backend.cbc_encryptor(KEY, IV16),
    "cbc_decryptor": lambda backend: backend.cbc_decryptor(KEY, IV16),
    "cbc_range": lambda backend: backend.cbc_decryptor(KEY, IV16, padding=False),
}


@pytest.fixture(params=STARTS)
def start(request: pytest.FixtureRequest) -> Start:
    """Every kind of cipher in turn."""
    return STARTS[request.param]


def finish(cipher: Any) -> Any:
    """End a message of any kind, with a made-up tag where one is needed."""
    if not hasattr(cipher, "finalize"):
        return cipher.finalize_into(bytearray(16))
    try:
        return cipher.finalize()
    except TypeError:
        return cipher.finalize(bytes(16))


# --- what comes out ---------------------------------------------------------------------------------------------


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


# --- what is accepted as a buffer -------------------------------------------------------------------------------


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


# --- what is refused --------------------------------------------------------------------------------------------

Begin = tuple[Callable[..., Cipher], bytes]


def with_iv_of_12(backend: Backend) -> list[Begin]:
    """The ciphers that take 12 bytes, each with an IV."""
    return [(begin, IV12) for begin in (backend.gcm_encryptor, backend.gcm_decryptor, backend.ctr_cipher)]


def with_iv_of_16(backend: Backend) -> list[Begin]:
    """The ciphers that take 16 bytes, each with an IV."""
    return [(begin, IV16) for begin in (backend.cbc_encryptor, backend.cbc_decryptor)]


@pytest.mark.parametrize("length", [0, 1, 16, 24, 31, 33, 64])
def test_a_key_of_another_length_is_refused(backend: Backend, length: int) -> None:
    """Only 32 bytes are an AES-256 key."""
    for begin, iv in (*with_iv_of_12(backend), *with_iv_of_16(backend)):
        with pytest.raises(ValueError, match="key must have 32 bytes"):
            begin(bytes(length), iv)


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


# --- limits -----------------------------------------------------------------------------------------------------


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


# --- verification -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 16, 100])
def test_any_flipped_bit_of_the_tag_fails(backend: Backend, length: int) -> None:
    """Each of the 128 bits of the tag is compared."""
    sealed = gcm_whole(text(length))
    for bit in range(128):
        tag = bytearray(sealed[-16:])
        tag[bit // 8] ^= 1 << bit % 8
        decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
        feed(decryptor, sealed[:-16])
        with pytest.raises(IntegrityError):
            decryptor.finalize(tag)


def test_changed_aad_iv_key_or_length_fails(backend: Backend) -> None:
    """Everything that went into the message is verified."""
    sealed = gcm_whole(text(40))
    body, tag = sealed[:-16], sealed[-16:]
    for key, iv, aad, seen in (
        (KEY[::-1], IV12, AAD, body),
        (KEY, IV12[::-1], AAD, body),
        (KEY, IV12, AAD + b"\0", body),
        (KEY, IV12, b"", body),
        (KEY, IV12, AAD, body[:-1]),
        (KEY, IV12, AAD, body + b"\0"),
    ):
        decryptor = backend.gcm_decryptor(key, iv, aad)
        feed(decryptor, seen)
        with pytest.raises(IntegrityError):
            decryptor.finalize(tag)


def test_a_failed_message_is_dead(backend: Backend) -> None:
    """After a wrong tag not even the right one is accepted, and no more data is."""
    tag = gcm_whole(b"")
    decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
    with pytest.raises(IntegrityError):
        decryptor.finalize(bytes(16))
    with pytest.raises(ValueError, match="failed before"):
        decryptor.finalize(tag)
    with pytest.raises(ValueError, match="failed before"):
        decryptor.update_into(b"a", bytearray(1))
    decryptor.close()


def cbc_error(backend: Backend, sealed: bytes, **options: bool) -> str:
    """The text of the failure that ``sealed`` gives."""
    decryptor = backend.cbc_decryptor(KEY, IV16, **options)
    feed(decryptor, sealed)
    out = bytearray(b"\xee" * 16)
    with pytest.raises(IntegrityError) as caught:
        decryptor.finalize_into(out)
    assert out == b"\xee" * 16
    with pytest.raises(ValueError, match="failed before"):
        decryptor.finalize_into(out)
    with pytest.raises(ValueError, match="failed before"):
        decryptor.update_into(b"", out)
    return str(caught.value)


def test_every_failure_reads_the_same(backend: Backend) -> None:
    """Bad padding, a bad length, no data at all and a bad GCM tag cannot be told apart by their text."""
    sealed = cbc_whole(text(40))
    texts = {cbc_error(backend, sealed[:length]) for length in range(48)}
    texts |= {cbc_error(backend, sealed[:length], padding=False) for length in range(1, 16)}
    for bit in range(64):  # of the second block: it flips the same bit of the third, whose last 8 bytes are padding
        changed = bytearray(sealed)
        changed[24 + bit // 8] ^= 1 << bit % 8
        texts.add(cbc_error(backend, bytes(changed)))
    with pytest.raises(IntegrityError) as caught:
        backend.gcm_decryptor(KEY, IV12).finalize(bytes(16))
    assert texts | {str(caught.value)} == {"the data does not verify"}


@pytest.mark.parametrize("pad", range(256))
def test_only_the_right_padding_is_accepted(backend: Backend, pad: int) -> None:
    """A last block of sixteen equal bytes is padding if they are 16; then nothing remains. No other full block is."""
    block = bytes([pad]) * 16
    encryptor = backend.cbc_encryptor(KEY, IV16)
    sealed = feed(encryptor, block)
    if 1 <= pad <= 16:
        decryptor = backend.cbc_decryptor(KEY, IV16)
        feed(decryptor, sealed)
        out = bytearray(16)
        assert out[: decryptor.finalize_into(out)] == block[: 16 - pad]
    else:
        cbc_error(backend, sealed)


def test_the_error_holds_no_secret(backend: Backend) -> None:
    """Neither the exception nor its context shows key, IV, tag or data."""
    tag = hashlib.sha256(b"tag").digest()[:16]
    decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
    with pytest.raises(IntegrityError) as caught:
        decryptor.finalize(tag)
    assert caught.value.args == ("the data does not verify",)
    assert caught.value.__cause__ is None
    assert caught.value.uri is None


# --- the end of a cipher ----------------------------------------------------------------------------------------


def test_a_finished_message_takes_nothing_more(backend: Backend) -> None:
    """After its end a message has no more data and no second end."""
    ended: list[Any] = [backend.gcm_encryptor(KEY, IV12), backend.gcm_decryptor(KEY, IV12)]
    ended[1].finalize(ended[0].finalize())
    ended.append(backend.cbc_encryptor(KEY, IV16))
    ended[-1].finalize_into(bytearray(16))
    ended.append(backend.cbc_decryptor(KEY, IV16, padding=False))
    ended[-1].finalize_into(bytearray(16))
    for cipher in ended:
        with pytest.raises(ValueError, match="finished"):
            cipher.update_into(b"", bytearray())
        with pytest.raises(ValueError, match="finished"):
            finish(cipher)
        cipher.close()


def test_a_closed_cipher_refuses_everything(backend: Backend, start: Start) -> None:
    """Closing twice is fine; every use after it is a ValueError."""
    cipher: Any = start(backend)
    cipher.update_into(bytes(16), bytearray(16))
    cipher.close()
    cipher.close()
    with pytest.raises(ValueError, match="closed"):
        cipher.update_into(bytes(16), bytearray(16))
    if hasattr(cipher, "finalize") or hasattr(cipher, "finalize_into"):
        with pytest.raises(ValueError, match="closed"):
            finish(cipher)


def test_leaving_a_with_block_closes(backend: Backend, start: Start) -> None:
    """A with block ends the cipher, also when it ends in an error."""
    with start(backend) as cipher:
        pass
    with pytest.raises(ValueError, match="closed"):
        cipher.update_into(b"", bytearray())
    with pytest.raises(KeyError), start(backend) as cipher:
        raise KeyError
    with pytest.raises(ValueError, match="closed"):
        cipher.update_into(b"", bytearray())


def test_a_cipher_cannot_travel(backend: Backend, start: Start) -> None:
    """Ciphers are neither pickled nor copied, and their representation shows no key."""
    with start(backend) as cipher:
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(cipher)
        with pytest.raises(TypeError, match="pickled"):
            copy.copy(cipher)
        assert KEY.hex()[:8] not in repr(cipher)
        assert repr(KEY)[2:20] not in repr(cipher)


def test_two_messages_do_not_mix(backend: Backend) -> None:
    """Ciphers used in turns keep their own state."""
    data = text(100)
    one, two = backend.gcm_encryptor(KEY, IV12, AAD), backend.gcm_encryptor(KEY[::-1], IV12)
    parts = []
    for at in range(0, 100, 7):
        parts.append(feed(one, data[at : at + 7]))
        feed(two, data[at : at + 7])
    assert b"".join(parts) + one.finalize() == gcm_whole(data)
