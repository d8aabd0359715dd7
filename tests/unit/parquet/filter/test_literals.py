"""Texts of literals."""

from __future__ import annotations

from decimal import Decimal

import pytest

from s3cse.parquet.filter.literals import read_number, read_typed_number, read_typed_text


@pytest.mark.parametrize("text", ["", "1_000", "0x1F", "1e", ".", "1.2.3", "1e999", "٣", "1" * 39, "-1"])
def test_odd_numbers_are_none(text: str) -> None:
    """What is no unsigned SQL number within range has no value."""
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("text", "kind", "precision", "scale", "expected"),
    [
        ("1.5", "DECIMAL", 2, 1, Decimal("1.5")),
        ("0.5", "DECIMAL", 1, 1, Decimal("0.5")),
        ("1.55", "DECIMAL", 2, 1, None),
        ("15.5", "DECIMAL", 2, 1, None),
        ("15", "DECIMAL", 10, 0, Decimal(15)),
        ("1.5", "BIGINT", 10, 0, None),
        ("1.5", "DATE", 10, 0, None),
        ("1e39", "FLOAT", 10, 0, None),
    ],
)
def test_casts_that_change_a_number_are_none(
    text: str, kind: str, precision: int, scale: int, expected: Decimal | None
) -> None:
    """A typed number is exactly what was written, or refused."""
    assert read_typed_number(text, kind, precision, scale) == expected


def test_text_of_another_type_is_none() -> None:
    """Only dates and timestamps have typed text."""
    assert read_typed_text("2013-01-01", "VARCHAR") is None
