"""The oracle's field arithmetic."""

from __future__ import annotations

from s3cse.crypto import galois

from .drive import text

SAMPLES = [0, galois.ONE, galois.ONE >> 1, 1, 2**128 - 1, *(galois.load(text(40)[at : at + 16]) for at in range(1, 20))]


def test_one_and_zero_are_what_they_are_called() -> None:
    """One changes nothing, zero takes everything."""
    for element in SAMPLES:
        assert galois.multiply(element, galois.ONE) == element
        assert galois.multiply(element, 0) == 0


def test_multiplication_is_a_fields() -> None:
    """It commutes, associates and distributes over xor."""
    for a, b, c in zip(SAMPLES, SAMPLES[1:], SAMPLES[2:], strict=False):
        assert galois.multiply(a, b) == galois.multiply(b, a)
        assert galois.multiply(galois.multiply(a, b), c) == galois.multiply(a, galois.multiply(b, c))
        assert galois.multiply(a ^ b, c) == galois.multiply(a, c) ^ galois.multiply(b, c)


def test_an_inverse_undoes() -> None:
    """Every element but zero has one."""
    for element in SAMPLES:
        assert galois.multiply(element, galois.inverse(element)) == (galois.ONE if element else 0)


def test_powers_are_repeated_products() -> None:
    """Also the zeroth."""
    expected = galois.ONE
    for exponent in range(40):
        assert galois.power(SAMPLES[-1], exponent) == expected
        expected = galois.multiply(expected, SAMPLES[-1])


def test_the_known_hash_comes_out() -> None:
    """Test case 2 of "The Galois/Counter Mode of Operation", McGrew and Viega."""
    h = galois.load(bytes.fromhex("66e94bd4ef8a2c3b884cfa59ca342b2e"))
    state = galois.absorb(h, bytes.fromhex("0388dace60b6a392f328c2b971b2fe78"))
    hashed = galois.multiply(state ^ galois.lengths(0, 16), h)
    assert galois.store(hashed).hex() == "f38cbb1ad69223dcc3457ae5b6b0f885"
