"""Comparing exact numbers with a DOUBLE as Spark does, without rounding any of them.

Spark casts an integer or decimal column to double before it compares it with a double. The cast is monotonic, so the
numbers that become a given double form an interval; comparing with its ends gives the same answer exactly.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from s3cse.parquet.filter.expression import Operator
from s3cse.parquet.filter.predicate import AllOf, BoundColumn, Comparison, Predicate


def _midpoint(one: float, other: float) -> Fraction:
    """Return the number halfway to the neighbour; past the largest double the step stays what it was below."""
    if math.isinf(other):
        return Fraction(one) + (Fraction(one) - Fraction(math.nextafter(one, 0.0))) / 2
    return (Fraction(one) + Fraction(other)) / 2


def _rounds_to_even(value: float) -> bool:
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits & 1 == 0


def compare_as_double(operator: Operator, column: BoundColumn, value: float) -> Predicate:
    """Return the predicate ``CAST(column AS DOUBLE) operator value`` for an integer or decimal column.

    Args:
        operator: any comparison.
        column: of kind NUMBER.
        value: finite.
    """
    low = _midpoint(value, math.nextafter(value, -math.inf))
    high = _midpoint(value, math.nextafter(value, math.inf))
    even = _rounds_to_even(value)
    below = Comparison("<" if even else "<=", column, low)
    up_to = Comparison("<=" if even else "<", column, high)
    above = Comparison(">" if even else ">=", column, high)
    from_ = Comparison(">=" if even else ">", column, low)
    answers: dict[Operator, Predicate] = {
        "<": below,
        "<=": up_to,
        ">": above,
        ">=": from_,
        "=": AllOf((from_, up_to)),
    }
    return answers[operator]
