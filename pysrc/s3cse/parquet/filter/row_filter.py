"""A bound filter as an Arrow compute expression with SQL's null rules and Spark's order of floats.

The expression is true, false or null; Arrow's ``filter`` drops null, so a row passes only when it is true. Floats are
ordered as in Spark: NaN equals NaN and is greater than everything else, -0.0 equals 0.0.
"""

from __future__ import annotations

import math
import operator as python_operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from s3cse.parquet.filter.binding import bind
from s3cse.parquet.filter.expression import Expression, Operator
from s3cse.parquet.filter.predicate import (
    AllOf,
    Always,
    AnyOf,
    BoundColumn,
    ColumnComparison,
    Comparison,
    Matches,
    Negation,
    NullTest,
    OneOf,
    Predicate,
)
from s3cse.parquet.filter.values import Kind, Value, is_text, kind_of, ordinals_of, scalar_at

_COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    "=": python_operator.eq,
    "<": python_operator.lt,
    "<=": python_operator.le,
    ">": python_operator.gt,
    ">=": python_operator.ge,
}
# pa.scalar would import pandas where it is installed: a third of a second in every worker that starts.
_UNKNOWN = pa.nulls(1, pa.bool_())[0]


def _field(column: BoundColumn) -> Any:
    return pc.field(column.name)


def _unless_null(column: BoundColumn, answer: Any) -> Any:
    """Give the answer where the column has a value, unknown where it is null."""
    return pc.if_else(_field(column).is_valid(), answer, pc.scalar(_UNKNOWN))


def _whole(operator: Operator, limit: Fraction) -> tuple[Operator, int] | bool:
    """Turn a comparison of integers with a fraction into one with an integer, or into its constant answer."""
    if operator == "=":
        return ("=", limit.numerator) if limit.denominator == 1 else False
    return operator, math.ceil(limit) if operator in ("<", ">=") else math.floor(limit)


def _compare_exact(node: Comparison) -> Any:
    """Compare a number, date or timestamp column; values beyond its type make the answer the same for all rows."""
    ordinals = ordinals_of(node.column.type)
    whole = _whole(node.operator, Fraction(node.value) / ordinals.step)  # type: ignore[arg-type]
    if isinstance(whole, bool):
        return _unless_null(node.column, pc.scalar(whole))
    operator, ordinal = whole
    if ordinal < ordinals.lowest:
        return _unless_null(node.column, pc.scalar(operator in (">", ">=")))
    if ordinal > ordinals.highest:
        return _unless_null(node.column, pc.scalar(operator in ("<", "<=")))
    return _COMPARE[operator](_field(node.column), pc.scalar(scalar_at(ordinal, node.column.type)))


def _double(column: BoundColumn) -> Any:
    """Return the column as double; integers beyond 2**53 round as they do in Spark."""
    same = pat.is_float64(column.type)
    return _field(column) if same else _field(column).cast(pa.float64(), safe=False)


def _compare_float(node: Comparison) -> Any:
    column = _double(node.column)
    answer = _COMPARE[node.operator](column, pc.scalar(pa.scalar(node.value, pa.float64())))
    return answer | pc.is_nan(column) if node.operator in (">", ">=") else answer


def _compare_bytes(node: Comparison) -> Any:
    return _COMPARE[node.operator](_field(node.column), pc.scalar(_scalar(node.value, node.column.type)))


def _number_of(column: BoundColumn) -> Any:
    return _field(column).cast(pa.int8())


def _compare_boolean(node: Comparison) -> Any:
    return _COMPARE[node.operator](_number_of(node.column), pc.scalar(pa.scalar(int(node.value), pa.int8())))


_BY_KIND: dict[Kind, Callable[[Comparison], Any]] = {
    Kind.NUMBER: _compare_exact,
    Kind.TIME: _compare_exact,
    Kind.FLOAT: _compare_float,
    Kind.BYTES: _compare_bytes,
    Kind.BOOLEAN: _compare_boolean,
}


def _comparison(node: Comparison) -> Any:
    kind = kind_of(node.column.type)
    assert kind is not None  # noqa: S101 - bind() refuses other columns.
    return _BY_KIND[kind](node)


def _scalar(value: Value, arrow_type: pa.DataType) -> pa.Scalar:
    if isinstance(value, bytes) and is_text(arrow_type):
        return pa.scalar(value.decode(), type=arrow_type)
    return pa.scalar(value, type=arrow_type)


def _held(value: Value, arrow_type: pa.DataType) -> pa.Scalar | None:
    """Return the value as a scalar of the type, None where the type cannot hold it."""
    if kind_of(arrow_type) not in (Kind.NUMBER, Kind.TIME):
        return _scalar(value, arrow_type)
    ordinals = ordinals_of(arrow_type)
    place = Fraction(value) / ordinals.step  # type: ignore[arg-type]
    fits = place.denominator == 1 and ordinals.lowest <= place <= ordinals.highest
    return scalar_at(place.numerator, arrow_type) if fits else None


def _one_of(node: OneOf) -> Any:
    column, arrow_type = _field(node.column), node.column.type
    values: Sequence[Any] = node.values
    if kind_of(arrow_type) is Kind.FLOAT:
        column, arrow_type = _double(node.column), pa.float64()
        values = [*values, *(-value for value in values if value == 0)]  # is_in tells -0.0 from 0.0
    scalars = [scalar for value in values if (scalar := _held(value, arrow_type)) is not None]
    # is_in says false for null where SQL says unknown.
    return _unless_null(node.column, column.isin(pa.array(scalars, type=arrow_type)))


def _common_number(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    if pat.is_signed_integer(left) and pat.is_signed_integer(right):
        return pa.int64()
    shapes = [(each.precision, each.scale) if pat.is_decimal(each) else (20, 0) for each in (left, right)]
    scale = max(scale for _, scale in shapes)
    precision = scale + max(precision - scale for precision, scale in shapes)
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _common_time(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    units = [each.unit for each in (left, right) if pat.is_timestamp(each)]
    return pa.timestamp(max(units, key=["s", "ms", "us", "ns"].index)) if units else pa.date32()


_COMMON: dict[Kind | None, Callable[[Any, Any], Any]] = {Kind.NUMBER: _common_number, Kind.TIME: _common_time}


def _pair(left: BoundColumn, right: BoundColumn) -> tuple[Any, Any]:
    """Return both columns as one type that holds either exactly."""
    kinds = {kind_of(left.type), kind_of(right.type)}
    if Kind.FLOAT in kinds:
        return _double(left), _double(right)
    if kinds == {Kind.BOOLEAN}:
        return _number_of(left), _number_of(right)
    if left.type == right.type:
        return _field(left), _field(right)
    common = _COMMON.get(kind_of(left.type))
    target = common(left.type, right.type) if common else pa.large_string()
    return _field(left).cast(target), _field(right).cast(target)


def _compare_columns(node: ColumnComparison) -> Any:
    left, right = _pair(node.left, node.right)
    answer = _COMPARE[node.operator](left, right)
    if Kind.FLOAT not in (kind_of(node.left.type), kind_of(node.right.type)):
        return answer
    greater_first, other = (right, left) if node.operator in ("<", "<=") else (left, right)
    if node.operator == "=":
        return answer | (pc.is_nan(left) & pc.is_nan(right))
    if node.operator in ("<=", ">="):
        # NaN against NULL is unknown, not true.
        return answer | (pc.is_nan(greater_first) & other.is_valid())
    return answer | (pc.is_nan(greater_first) & ~pc.is_nan(other))


def _joined(join: Callable[[Any, Any], Any], parts: Sequence[Any]) -> Any:
    """Join as a balanced tree, so that a long chain does not nest deeply."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return join(_joined(join, parts[:middle]), _joined(join, parts[middle:]))


_FORMS: dict[type[Any], Callable[[Any], Any]] = {
    Always: lambda node: pc.scalar(pa.scalar(node.value, pa.bool_())),
    NullTest: lambda node: _field(node.column).is_null(),
    Comparison: _comparison,
    OneOf: _one_of,
    ColumnComparison: _compare_columns,
    Matches: lambda node: pc.match_substring_regex(_field(node.column), node.pattern.regex),
    Negation: lambda node: ~predicate_to_arrow(node.operand),
    # On expressions & and | are Kleene's: unknown AND FALSE is FALSE.
    AllOf: lambda node: _joined(python_operator.and_, [predicate_to_arrow(each) for each in node.operands]),
    AnyOf: lambda node: _joined(python_operator.or_, [predicate_to_arrow(each) for each in node.operands]),
}


def predicate_to_arrow(predicate: Predicate) -> pc.Expression:
    """Return the Arrow expression that is true, false or null for a row as the predicate is true, false or unknown."""
    return _FORMS[type(predicate)](predicate)


def to_arrow(expression: Expression, schema: pa.Schema) -> pc.Expression:
    """Bind a filter to the schema of the batches and return its Arrow expression.

    Raises:
        SettingsError: as :func:`s3cse.parquet.filter.binding.bind`.
    """
    return predicate_to_arrow(bind(expression, schema))
