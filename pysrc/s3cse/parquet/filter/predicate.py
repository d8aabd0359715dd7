"""A filter bound to a schema: columns found, literals exact, every comparison possible.

Rows are filtered by it (row_filter.py) and row groups are pruned by it (pruning.py). Like the expression it comes from
it has three truth values; unlike it, it knows each column's type. It pickles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from s3cse.parquet.filter.expression import Operator
from s3cse.parquet.filter.like import LikePattern
from s3cse.parquet.filter.values import Value


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A column by its name in the schema, and its type there."""

    name: str
    type: pa.DataType


@dataclass(frozen=True, slots=True)
class Always:
    """The same for every row: True, False or unknown (None)."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class NullTest:
    """The column is null; never unknown."""

    column: BoundColumn


@dataclass(frozen=True, slots=True)
class Comparison:
    """The column against an exact value, which the column's type need not be able to hold."""

    operator: Operator
    column: BoundColumn
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """The column is one of these values, none of them NULL."""

    column: BoundColumn
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ColumnComparison:
    """Two columns of the same row."""

    operator: Operator
    left: BoundColumn
    right: BoundColumn


@dataclass(frozen=True, slots=True)
class Matches:
    """A string column against a LIKE pattern."""

    column: BoundColumn
    pattern: LikePattern


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT; unknown stays unknown."""

    operand: Predicate


@dataclass(frozen=True, slots=True)
class AllOf:
    """AND of any number of operands."""

    operands: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR of any number of operands."""

    operands: tuple[Predicate, ...]


Predicate: TypeAlias = "Always | NullTest | Comparison | OneOf | ColumnComparison | Matches | Negation | AllOf | AnyOf"
