"""Segments: the contract of s3cse.crypto.segments on both backends and both paths."""

from __future__ import annotations

import copy
import gc
import itertools
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from s3cse.crypto import native, oracle, oracle_segments
from s3cse.crypto.ciphers import GCM_MAX_BLOCKS, Backend
from s3cse.crypto.segments import ObjectCipher, Path, SegmentValue, in_order, packed
from s3cse.errors import IntegrityError

from .drive import AAD, IV12, KEY, gcm_whole, in_child, text

PATHS: list[Path] = ["fused", "ctr+gmac"]
DATA = text(100_003)
CUTS = [0, 16, 1600, 1616, 50_000, 99_984, len(DATA)]


@pytest.fixture(params=PATHS)
def cipher(backend: Backend, request: pytest.FixtureRequest) -> Iterator[ObjectCipher]:
    """An object cipher of each backend on each path."""
    with backend.object_cipher(KEY, IV12, AAD, path=request.param) as made:
        assert made.path == request.param
        yield made


def sealed_in(cipher: ObjectCipher, cuts: list[int]) -> tuple[bytes, list[SegmentValue]]:
    """Encrypt DATA in the segments between the cuts, last one first."""
    out = bytearray(len(DATA))
    values = []
    for begin, end in reversed(list(itertools.pairwise(cuts))):
        with memoryview(out)[begin:end] as room:
            values.append(cipher.encrypt_segment(begin, DATA[begin:end], room))
    return bytes(out), values


# --- the same bytes as in one go --------------------------------------------------------------------------------


def test_segments_give_the_one_shot_bytes(cipher: ObjectCipher) -> None:
    """Ciphertext and tag are those of AES-GCM in one go, whatever the order of the segments."""
    body, values = sealed_in(cipher, CUTS)
    assert body + cipher.tag(values) == gcm_whole(DATA)
    assert cipher.tag(reversed(values)) == gcm_whole(DATA)[-16:]
    cipher.verify_tag(values, gcm_whole(DATA)[-16:])


def test_encrypting_again_gives_the_same(cipher: ObjectCipher) -> None:
    """A segment that has to be sent again has the same bytes and the same value."""
    first, second = bytearray(1000), bytearray(DATA[:1000])
    value = cipher.encrypt_segment(16, DATA[:1000], first)
    assert cipher.encrypt_segment(16, second, second) == value
    assert first == second


def test_all_ways_to_a_value_agree(cipher: ObjectCipher) -> None:
    """Encrypting, decrypting and hashing give one value, and the data comes back, in place as well."""
    for length in [*range(70), 1000, 16_383, 16_384, 16_385, 40_000]:
        room = bytearray(DATA[:length])
        value = cipher.encrypt_segment(160, room, room)
        assert cipher.hash_segment(160, room) == value
        back = bytearray(length)
        assert cipher.decrypt_segment(160, room, back) == value
        assert back == DATA[:length]
        cipher.verify_segment(value, room, room)
        assert room == DATA[:length]


def test_backends_and_paths_agree_on_values() -> None:
    """A value computed by one backend on one path is verified by each other one."""
    mask = bytes(range(16))
    made = [backend.object_cipher(KEY, IV12, AAD, path=path) for backend in (native, oracle) for path in PATHS]
    for length in (0, 1, 16, 31, 5000):
        values = [cipher.encrypt_segment(32, DATA[:length], bytearray(length)) for cipher in made]
        assert len({value.masked(mask) for value in values}) == 1


def test_an_object_without_data_has_a_tag(backend: Backend) -> None:
    """No segments, or one without bytes, are the empty message; AAD of any length counts."""
    for aad in (b"", b"a", AAD, text(16), text(100)):
        with backend.object_cipher(KEY, IV12, aad) as cipher:
            assert cipher.tag([]) == gcm_whole(b"", aad)
            assert cipher.tag([cipher.encrypt_segment(0, b"", bytearray())]) == gcm_whole(b"", aad)


def test_the_fused_path_is_the_default(backend: Backend) -> None:
    """Where OpenSSL allows it and FIPS is off, nobody has to ask for speed."""
    assert backend.object_cipher(KEY, IV12).path == "fused"


# --- verification -----------------------------------------------------------------------------------------------


def test_a_changed_segment_does_not_verify(cipher: ObjectCipher) -> None:
    """Any flipped bit of the ciphertext is noticed, the output is zeroed, and other segments still verify."""
    room = bytearray(200)
    value = cipher.encrypt_segment(1600, DATA[:200], room)
    for bit in range(0, 1600, 7):
        changed = bytearray(room)
        changed[bit // 8] ^= 1 << bit % 8
        out = bytearray(b"\xee" * 203)
        with pytest.raises(IntegrityError, match="does not verify"):
            cipher.verify_segment(value, changed, out)
        assert out == bytes(200) + b"\xee" * 3
    cipher.verify_segment(value, room, room)
    assert room == DATA[:200]


def test_the_bytes_of_another_segment_do_not_verify(cipher: ObjectCipher) -> None:
    """Segments that changed places are noticed."""
    body, values = sealed_in(cipher, [0, 48, 96, len(DATA)])
    first = next(value for value in values if value.offset == 0)
    with pytest.raises(IntegrityError):
        cipher.verify_segment(first, body[48:96], bytearray(48))


def test_any_flipped_bit_of_the_tag_fails(cipher: ObjectCipher) -> None:
    """Each of the 128 bits of the tag is compared."""
    _, values = sealed_in(cipher, CUTS)
    good = cipher.tag(values)
    for bit in range(0, 128, 5):
        tag = bytearray(good)
        tag[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IntegrityError, match="does not verify"):
            cipher.verify_tag(values, tag)
    for length in (0, 12, 15, 17):
        with pytest.raises(ValueError, match="16 bytes"):
            cipher.verify_tag(values, bytes(length))


def test_the_key_that_authenticates_nothing_is_refused() -> None:
    """H = 0 gives every message the same tag; no test finds such a key, so the check is tested alone."""
    oracle_segments.check_hash_key(1)
    with pytest.raises(IntegrityError, match="authenticates nothing"):
        oracle_segments.check_hash_key(0)


# --- refusals ---------------------------------------------------------------------------------------------------


def test_a_segment_must_start_on_a_block(cipher: ObjectCipher) -> None:
    """Offsets are multiples of 16 and not negative."""
    for offset in (1, 15, 17, -16, -1):
        for call in (cipher.encrypt_segment, cipher.decrypt_segment):
            with pytest.raises(ValueError, match="multiple of 16"):
                call(offset, b"", bytearray())
        with pytest.raises(ValueError, match="multiple of 16"):
            cipher.hash_segment(offset, b"")


def test_the_counter_never_wraps(cipher: ObjectCipher) -> None:
    """The last block of 64 GiB can be encrypted, the byte after it cannot; nothing is written."""
    end = 16 * GCM_MAX_BLOCKS
    assert cipher.encrypt_segment(end - 16, bytes(16), bytearray(16)).length == 16
    assert cipher.encrypt_segment(end, b"", bytearray()).length == 0
    for offset, length in ((end - 16, 17), (end, 1), (end + 16, 0), (2**70, 1)):
        out = bytearray(b"\xee" * length)
        for call in (cipher.encrypt_segment, cipher.decrypt_segment):
            with pytest.raises(ValueError, match="limit"):
                call(offset, bytes(length), out)
        assert out == b"\xee" * length


def test_buffers_are_checked(cipher: ObjectCipher) -> None:
    """Short, overlapping and read-only outputs are refused, and the caller's buffers are free afterwards."""
    memory = bytearray(96)
    view = memoryview(memory)
    value = cipher.hash_segment(0, bytes(32))
    calls: list[Callable[[Any, Any], object]] = [
        lambda data, out: cipher.encrypt_segment(0, data, out),
        lambda data, out: cipher.decrypt_segment(0, data, out),
        lambda data, out: cipher.verify_segment(value, data, out),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="too small"):
            call(bytes(32), bytearray(31))
        with pytest.raises(ValueError, match="overlaps"):
            call(view[:32], view[16:48])
        with pytest.raises(TypeError):
            call(bytes(32), bytes(32))
        with pytest.raises(TypeError):
            call("x" * 32, bytearray(32))
        kept = bytearray(32)
        with pytest.raises(ValueError, match="too small") as caught:
            call(kept, bytearray(1))
        kept.append(1)
        assert caught.value is not None
    assert memory == bytes(96)


def test_a_segment_of_another_length_is_refused(cipher: ObjectCipher) -> None:
    """A value knows its length; less or more ciphertext is an argument error."""
    value = cipher.hash_segment(0, bytes(32))
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="expected 32"):
            cipher.verify_segment(value, bytes(length), bytearray(64))


@pytest.mark.parametrize(
    ("offsets_and_lengths", "problem"),
    [
        ([(16, 16)], "do not join"),
        ([(0, 16), (32, 16)], "do not join"),
        ([(0, 32), (16, 16)], "do not join"),
        ([(0, 16), (0, 16)], "do not join"),
        ([(0, 17), (32, 16)], "do not join"),
    ],
)
def test_segments_with_gaps_have_no_tag(
    cipher: ObjectCipher, offsets_and_lengths: list[tuple[int, int]], problem: str
) -> None:
    """Values that do not cover an object are refused, by tag and by verify_tag."""
    values = [SegmentValue(offset, length, bytes(16)) for offset, length in offsets_and_lengths]
    with pytest.raises(ValueError, match=problem):
        cipher.tag(values)
    with pytest.raises(ValueError, match=problem):
        cipher.verify_tag(values, bytes(16))


@pytest.mark.parametrize("path", ["Fused", "", "gcm"])
def test_an_unknown_path_is_refused(backend: Backend, path: Any) -> None:
    """There are two paths."""
    with pytest.raises(ValueError, match="path must be"):
        backend.object_cipher(KEY, IV12, path=path)


def test_wrong_lengths_of_key_and_iv_are_refused(backend: Backend) -> None:
    """As for every other cipher."""
    for length in (0, 16, 24, 31, 33):
        with pytest.raises(ValueError, match="key must have 32"):
            backend.object_cipher(bytes(length), IV12)
    for length in (0, 11, 13, 16):
        with pytest.raises(ValueError, match="IV must have 12"):
            backend.object_cipher(KEY, bytes(length))


# --- values are secrets -----------------------------------------------------------------------------------------


def test_a_value_shows_its_place_only(cipher: ObjectCipher) -> None:
    """Neither repr nor str shows a byte of S, and the cipher's show no key."""
    value = cipher.hash_segment(32, bytes(100))
    assert {repr(value), str(value)} == {"<SegmentValue of bytes 32 to 132>"}
    assert KEY.hex()[:8] not in repr(cipher)


def test_values_and_ciphers_do_not_travel(cipher: ObjectCipher) -> None:
    """Pickling and copying are refused, so neither ends up in a Spark plan."""
    for secret in (cipher, cipher.hash_segment(0, b"")):
        for travel in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                travel(secret)


def test_a_value_is_wiped_when_it_goes(cipher: ObjectCipher) -> None:
    """S is zero once the last reference is gone, or earlier on request."""
    value = cipher.hash_segment(0, text(100))
    view = value.view()
    assert bytes(view) != bytes(16)
    del value
    assert bytes(view) == bytes(16)
    value = cipher.hash_segment(0, text(100))
    value.wipe()
    assert bytes(value.view()) == bytes(16)


def test_a_masked_value_comes_back(cipher: ObjectCipher) -> None:
    """Masking twice with the same mask is the identity; masks and values have 16 bytes."""
    mask = text(16)
    value = cipher.hash_segment(64, text(100))
    masked = value.masked(mask)
    assert SegmentValue.unmasked(64, 100, masked, mask) == value
    assert masked != bytes(value.view())
    for wrong in (b"", bytes(15), bytes(17)):
        with pytest.raises(ValueError, match="16 bytes"):
            value.masked(wrong)
        with pytest.raises(ValueError, match="16 bytes"):
            SegmentValue.unmasked(0, 0, wrong, mask)
        with pytest.raises(ValueError, match="16 bytes"):
            SegmentValue(0, 0, wrong)


def test_values_compare_with_values_only(cipher: ObjectCipher) -> None:
    """Equal means the same place and the same S; raw bytes are never equal, and there is no hash."""
    value = cipher.hash_segment(16, text(40))
    assert value == cipher.hash_segment(16, text(40))
    assert value != cipher.hash_segment(32, text(40))
    assert value != cipher.hash_segment(16, text(41))
    assert value != bytes(value.view())
    with pytest.raises(TypeError):
        hash(value)


def test_the_packed_values_are_wiped() -> None:
    """What the backends read while combining is zero afterwards, also after an error."""
    values = [SegmentValue(0, 16, b"a" * 16), SegmentValue(16, 16, b"b" * 16)]
    with packed(values) as (run, lengths):
        assert (bytes(run), lengths) == (b"a" * 16 + b"b" * 16, [16, 16])
    assert run == bytes(32)
    with pytest.raises(KeyError), packed(values) as (run, lengths):
        raise KeyError
    assert run == bytes(32)
    assert [value.offset for value in in_order(reversed(values))] == [0, 16]


# --- threads, closing -------------------------------------------------------------------------------------------


def test_threads_share_a_cipher(cipher: ObjectCipher) -> None:
    """Segments from many threads join to the one-shot bytes."""
    size = 4096
    out = bytearray(len(DATA))
    values: list[SegmentValue] = []
    offsets = iter(range(0, len(DATA), size))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                offset = next(offsets, None)
            if offset is None:
                return
            room = memoryview(out)[offset : offset + size]
            value = cipher.encrypt_segment(offset, DATA[offset : offset + size], room)
            values.append(value)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bytes(out) + cipher.tag(values) == gcm_whole(DATA)


def test_a_closed_cipher_refuses_everything(cipher: ObjectCipher) -> None:
    """Closing twice is fine; every call after it is a ValueError."""
    value = cipher.hash_segment(0, bytes(16))
    cipher.close()
    cipher.close()
    calls: list[Callable[[], object]] = [
        lambda: cipher.encrypt_segment(0, b"", bytearray()),
        lambda: cipher.decrypt_segment(0, b"", bytearray()),
        lambda: cipher.hash_segment(0, b""),
        lambda: cipher.verify_segment(value, bytes(16), bytearray(16)),
        lambda: cipher.tag([value]),
        lambda: cipher.verify_tag([value], bytes(16)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="closed"):
            call()


def test_closing_during_calls_is_safe(backend: Backend) -> None:
    """Calls in progress end with the right value or with ValueError, whenever another thread closes."""
    with backend.object_cipher(KEY, IV12) as reference:
        expected = reference.hash_segment(0, DATA)
    wrong: list[object] = []

    def work(cipher: ObjectCipher) -> None:
        try:
            for _ in range(20):
                if cipher.hash_segment(0, DATA) != expected:
                    wrong.append("value")
        except ValueError:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever else it is fails the test
            wrong.append(error)

    for _ in range(10):
        cipher = backend.object_cipher(KEY, IV12)
        threads = [threading.Thread(target=work, args=(cipher,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        cipher.close()
        for thread in threads:
            thread.join()
    gc.collect()
    assert wrong == []


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_object_survives_a_fork(cipher: ObjectCipher) -> None:
    """Used in the parent, a cipher goes on in parent and child."""
    first = cipher.encrypt_segment(0, DATA[:1600], bytearray(1600))

    def rest() -> bool:
        out = bytearray(len(DATA) - 1600)
        second = cipher.encrypt_segment(1600, DATA[1600:], out)
        return cipher.tag([first, second]) == gcm_whole(DATA)[-16:]

    assert in_child(rest)
    assert rest()


def test_workers_are_used_again() -> None:
    """A thread's second call finds the contexts of its first; closing lets go of all."""
    cipher = native.object_cipher(KEY, IV12)
    for _ in range(5):
        cipher.hash_segment(0, b"")
    assert len(cipher._idle) == 1
    with pytest.raises(IntegrityError):
        cipher.verify_segment(SegmentValue(0, 1, bytes(16)), b"a", bytearray(1))
    assert len(cipher._idle) == 1
    cipher.close()
    assert cipher._idle == []
