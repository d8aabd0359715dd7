"""GCM's field GF(2^128) on Python's integers, for the oracle.

Clear rather than fast, and not in constant time: integers are immutable, so nothing here can be wiped either. The
compiled backend does both.

An element is the 16-byte block read as a big-endian integer; its highest bit is the coefficient of x^0.

Source: NIST SP 800-38D section 6.3.
"""

from __future__ import annotations

ONE = 1 << 127
#: x^128 = 1 + x + x^2 + x^7, the part below x^128.
_REDUCED = 0xE1 << 120


def multiply(a: int, b: int) -> int:
    """Return a * b."""
    result = 0
    for bit in range(127, -1, -1):
        if b >> bit & 1:
            result ^= a
        a = a >> 1 ^ (_REDUCED if a & 1 else 0)
    return result


def power(base: int, exponent: int) -> int:
    """Return base^exponent, and 1 for exponent 0."""
    result = ONE
    while exponent:
        if exponent & 1:
            result = multiply(result, base)
        base = multiply(base, base)
        exponent >>= 1
    return result


def inverse(element: int) -> int:
    """Return 1 / element, and 0 for 0."""
    return power(element, 2**128 - 2)


def load(block: bytes | bytearray | memoryview) -> int:
    """Return the element in a block of 16 bytes."""
    return int.from_bytes(block, "big")


def store(element: int) -> bytes:
    """Return the block of an element."""
    return element.to_bytes(16, "big")


def lengths(aad: int, data: int) -> int:
    """Return the block that ends a message; both in bytes."""
    return (8 * aad) << 64 | 8 * data


def absorb(h: int, data: bytes) -> int:
    """Return the GHASH state after ``data``, padded with zeros to whole blocks, from the state zero."""
    state = 0
    for at in range(0, len(data), 16):
        state = multiply(state ^ load(data[at : at + 16].ljust(16, b"\0")), h)
    return state
