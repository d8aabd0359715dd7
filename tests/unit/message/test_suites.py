"""The algorithm suites: the specification's table, and what may be written."""

from __future__ import annotations

import dataclasses

import pytest

from s3cse.errors import EnvelopeError, SettingsError
from s3cse.message.suites import AES_256_HKDF_SIGNED, COMMITTING, COMMITTING_SIGNED, SUITES, suite_of, writable_suite

#: framework/algorithm-suites.md: id, key bits, hash, commitment, curve.
TABLE = {
    (0x0014, 128, None, False, None),
    (0x0046, 192, None, False, None),
    (0x0078, 256, None, False, None),
    (0x0114, 128, "sha256", False, None),
    (0x0146, 192, "sha256", False, None),
    (0x0178, 256, "sha256", False, None),
    (0x0214, 128, "sha256", False, "P-256"),
    (0x0346, 192, "sha384", False, "P-384"),
    (0x0378, 256, "sha384", False, "P-384"),
    (0x0478, 256, "sha512", True, None),
    (0x0578, 256, "sha512", True, "P-384"),
}


def test_the_table_is_the_specifications() -> None:
    """All eleven suites, with the lengths that follow from their version."""
    assert {(s.id, 8 * s.key_bytes, s.hash, s.commits, s.curve) for s in SUITES.values()} == TABLE
    assert {(s.version, s.message_id_bytes, s.commits) for s in SUITES.values()} == {(1, 16, False), (2, 32, True)}


def test_a_suite_does_not_change() -> None:
    """Suites are values."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        COMMITTING.key_bytes = 16  # type: ignore[misc]


@pytest.mark.parametrize(("number", "version"), [(0x0478, 1), (0x0378, 2), (0, 1), (0x0479, 2), (0xFFFF, 2), (0x73, 2)])
def test_a_suite_belongs_to_one_version(number: int, version: int) -> None:
    """An unknown suite, or one in the other version's header, is refused."""
    with pytest.raises(EnvelopeError, match="suite is not valid"):
        suite_of(number, version)


def test_only_committing_suites_are_written() -> None:
    """By record or by number; the others name what to use."""
    assert writable_suite(0x0578) is writable_suite(COMMITTING_SIGNED) is COMMITTING_SIGNED
    for suite in (AES_256_HKDF_SIGNED, 0x0378, 0x0014, 0x1234):
        with pytest.raises(SettingsError, match="0x0478"):
            writable_suite(suite)
