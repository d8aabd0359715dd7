"""Exact numbers compared as doubles."""

from __future__ import annotations

import operator
import sys
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from s3cse.parquet.filter.doubles import compare_as_double
from s3cse.parquet.filter.expression import Operator
from s3cse.parquet.filter.predicate import AllOf, BoundColumn, Comparison, Predicate

COLUMN = BoundColumn("x", pa.int64())
OPERATORS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def holds(predicate: Predicate, value: Fraction) -> bool:
    """Evaluate a predicate of comparisons for one exact value."""
    if isinstance(predicate, AllOf):
        return all(holds(each, value) for each in predicate.operands)
    assert isinstance(predicate, Comparison)
    return bool(OPERATORS[predicate.operator](value, predicate.value))


@pytest.mark.parametrize("operator_", OPERATORS)
@settings(deadline=None)
@given(data=some.data())
def test_the_interval_answers_as_rounding_would(operator_: Operator, data: some.DataObject) -> None:
    """Comparing exactly with the interval's ends is the same as rounding to double and comparing."""
    number = data.draw(some.integers(-(2**64), 2**64))
    near = float(number) + data.draw(some.integers(-3, 3)) * 2.0 ** data.draw(some.integers(-2, 12))
    expected = OPERATORS[operator_](float(number), near)
    assert holds(compare_as_double(operator_, COLUMN, near), Fraction(number)) == expected


@pytest.mark.parametrize("operator_", OPERATORS)
@pytest.mark.parametrize("double", [2.0**53, 2.0**53 + 2, 2.0**53 + 4])
def test_a_number_halfway_goes_to_the_even_double(operator_: Operator, double: float) -> None:
    """Numbers in the middle between two doubles become the one whose last bit is 0, above and below."""
    for number in range(2**53 - 3, 2**53 + 9):
        expected = OPERATORS[operator_](float(number), double)
        assert holds(compare_as_double(operator_, COLUMN, double), Fraction(number)) == expected


@settings(deadline=None)
@given(some.floats(allow_nan=False, allow_infinity=False))
@example(0.0)
@example(-0.0)
@example(5e-324)
@example(sys.float_info.max)
@example(-sys.float_info.max)
def test_a_double_equals_itself(value: float) -> None:
    """The interval of a double holds the double itself, at the ends of the range too."""
    assert holds(compare_as_double("=", COLUMN, value), Fraction(value))
