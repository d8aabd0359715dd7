"""Exact values and the integers behind types."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest

from s3cse.parquet.filter.values import Kind, Value, exact_value, kind_of, nanoseconds, ordinals_of, scalar_at

TYPES = [
    pa.int8(), pa.uint8(), pa.int64(), pa.uint64(), pa.decimal128(5, 2), pa.decimal128(38, 38), pa.decimal256(76, 10),
    pa.timestamp("s"), pa.timestamp("us", "UTC"), pa.timestamp("ns"),
]  # fmt: skip


@pytest.mark.parametrize("arrow_type", TYPES, ids=str)
def test_the_ends_of_a_type_are_its_own(arrow_type: pa.DataType) -> None:
    """The lowest and highest ordinal become scalars of the type whose exact value is ordinal times step."""
    ordinals = ordinals_of(arrow_type)
    for ordinal in (ordinals.lowest, 0, ordinals.highest):
        scalar = scalar_at(ordinal, arrow_type)
        assert scalar.type == arrow_type
        assert exact_value(scalar) == ordinal * ordinals.step


@pytest.mark.parametrize(
    ("scalar", "expected"),
    [
        (pa.scalar(date(1970, 1, 2)), 86400 * 10**9),
        (pa.scalar(datetime(1969, 12, 31, 23, 59, 59)), -(10**9)),
        (pa.scalar(1, pa.timestamp("ns")), 1),
        (pa.scalar(1, pa.timestamp("ms", "Asia/Tokyo")), 10**6),
        (pa.scalar(Decimal("-0.01")), Fraction(-1, 100)),
        (pa.scalar("é"), "é".encode()),
        (pa.scalar(0.1, pa.float32()), 0.10000000149011612),
        (pa.scalar(True), True),
        (pa.scalar([1]), None),
    ],
)
def test_scalars_of_every_kind(scalar: pa.Scalar, expected: Value | None) -> None:
    """Every comparable scalar has its exact value; others have none."""
    assert exact_value(scalar) == expected


@pytest.mark.parametrize(
    "arrow_type", [pa.float16(), pa.duration("s"), pa.time64("us"), pa.list_(pa.int8()), pa.null()]
)
def test_other_types_have_no_kind(arrow_type: pa.DataType) -> None:
    """Types without an order that is known here are not compared."""
    assert kind_of(arrow_type) is None


def test_far_dates_are_exact() -> None:
    """The calendar's ends do not round."""
    assert nanoseconds(datetime(9999, 12, 31, 23, 59, 59, 999999)) == 253402300799999999000
    assert kind_of(pa.date32()) is Kind.TIME
