"""Binding a filter to a schema: find each column, give each literal the exact value it has for that column.

Coercion is that of Spark in ANSI mode: strings become dates or timestamps (in UTC), numbers meet exactly, a DOUBLE
literal turns the comparison into one of doubles. Numbers against strings, and booleans against anything else, are
refused rather than cast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from s3cse.errors import SettingsError
from s3cse.parquet.filter import expression as sql
from s3cse.parquet.filter.datetimes import parse_date, parse_timestamp
from s3cse.parquet.filter.doubles import compare_as_double
from s3cse.parquet.filter.like import compile_like
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
from s3cse.parquet.filter.values import Kind, Value, is_text, kind_of, nanoseconds

_ADVICE = {
    Kind.NUMBER: "a number without quotes",
    Kind.FLOAT: "a number without quotes",
    Kind.TIME: "DATE 'yyyy-MM-dd', TIMESTAMP 'yyyy-MM-dd HH:mm:ss' or such a string",
    Kind.BYTES: "a string in quotes",
    Kind.BOOLEAN: "TRUE or FALSE",
}


def _impossible(column: BoundColumn, found: str) -> SettingsError:
    kind = kind_of(column.type)
    return SettingsError(
        f"filter cannot compare column {column.name!r} of type {column.type}",
        found=found,
        expected=_ADVICE[kind] if kind else "IS NULL or IS NOT NULL only",
    )


def find_column(name: str, schema: pa.Schema) -> BoundColumn:
    """Find a column; letter case does not matter, as in Spark.

    Raises:
        SettingsError: no column has the name, or several that differ in case only.
    """
    matches = [field for field in schema if field.name.lower() == name.lower()]
    if len(matches) == 1:
        return BoundColumn(matches[0].name, matches[0].type)
    if matches:
        listed = ", ".join(repr(field.name) for field in matches)
        raise SettingsError("filter names a column that is ambiguous", found=repr(name), expected=f"one of {listed}")
    listed = ", ".join(repr(each) for each in schema.names) or "nothing: the table has no columns"
    fix = "nested fields are not supported: filter after loading, with DataFrame.where" if "." in name else None
    raise SettingsError("filter names an unknown column", found=repr(name), expected=f"one of {listed}", fix=fix)


def _number_value(column: BoundColumn, literal: sql.Constant) -> Fraction:
    if isinstance(literal, bool) or not isinstance(literal, (int, Decimal, float)):
        raise _impossible(column, repr(literal))
    return Fraction(literal)


def _float_value(column: BoundColumn, literal: sql.Constant) -> Value:
    return float(_number_value(column, literal))


def _time_value(column: BoundColumn, literal: sql.Constant) -> Value:
    moment: date | datetime | None = literal if isinstance(literal, date) else None
    if isinstance(literal, str):
        is_date = pat.is_date(column.type)
        zoned = pat.is_timestamp(column.type) and column.type.tz is not None
        moment = parse_date(literal) if is_date else parse_timestamp(literal, allow_zone=zoned)
    if moment is None:
        raise _impossible(column, repr(literal))
    return nanoseconds(moment)


def _bytes_value(column: BoundColumn, literal: sql.Constant) -> Value:
    if not isinstance(literal, str) or not is_text(column.type):
        raise _impossible(column, repr(literal))
    return literal.encode()


def _boolean_value(column: BoundColumn, literal: sql.Constant) -> Value:
    if not isinstance(literal, bool):
        raise _impossible(column, repr(literal))
    return literal


_VALUES: dict[Kind, Callable[[BoundColumn, sql.Constant], Value]] = {
    Kind.NUMBER: _number_value,
    Kind.FLOAT: _float_value,
    Kind.TIME: _time_value,
    Kind.BYTES: _bytes_value,
    Kind.BOOLEAN: _boolean_value,
}


def _value(column: BoundColumn, literal: sql.Constant) -> Value:
    kind = kind_of(column.type)
    if kind is None:
        raise _impossible(column, repr(literal))
    return _VALUES[kind](column, literal)


def _compare_literal(operator: sql.Operator, column: BoundColumn, literal: sql.Constant) -> Predicate:
    if kind_of(column.type) is None:
        raise _impossible(column, repr(literal))
    if literal is None:
        return Always(None)
    if isinstance(literal, float) and not math.isfinite(literal):
        raise _impossible(column, repr(literal))
    if isinstance(literal, float) and kind_of(column.type) is Kind.NUMBER:
        return compare_as_double(operator, column, literal)
    return Comparison(operator, column, _value(column, literal))


def _comparable(left: BoundColumn, right: BoundColumn) -> bool:
    kinds = {kind_of(left.type), kind_of(right.type)}
    if None in kinds or is_text(left.type) != is_text(right.type):
        return False
    if kinds == {Kind.NUMBER, Kind.FLOAT}:
        # Arrow's cast from decimal to double is not always the nearest double, as Spark's is.
        return not (pat.is_decimal(left.type) or pat.is_decimal(right.type))
    return len(kinds) == 1


def _comparison(node: sql.Comparison, schema: pa.Schema) -> Predicate:
    left = find_column(node.left.name, schema)
    if isinstance(node.right, sql.Literal):
        return _compare_literal(node.operator, left, node.right.value)
    right = find_column(node.right.name, schema)
    if not _comparable(left, right):
        raise _impossible(left, f"column {right.name!r} of type {right.type}")
    return ColumnComparison(node.operator, left, right)


def _in(node: sql.In, schema: pa.Schema) -> Predicate:
    column = find_column(node.column.name, schema)
    literals = [literal for literal in node.values if literal is not None]
    unknown: tuple[Predicate, ...] = (Always(None),) if len(literals) < len(node.values) else ()
    if kind_of(column.type) is Kind.NUMBER and any(isinstance(literal, float) for literal in literals):
        # One DOUBLE in the list makes Spark compare all of it as doubles.
        doubles = (float(_number_value(column, literal)) for literal in literals)
        return AnyOf(tuple(compare_as_double("=", column, double) for double in doubles) + unknown)
    values = tuple(_value(column, literal) for literal in literals)
    return AnyOf((OneOf(column, values), *unknown)) if unknown else OneOf(column, values)


def _like(node: sql.Like, schema: pa.Schema) -> Predicate:
    column = find_column(node.column.name, schema)
    if not is_text(column.type):
        raise SettingsError(
            f"filter uses LIKE on column {column.name!r}", found=str(column.type), expected="a string column"
        )
    return Always(None) if node.pattern is None else Matches(column, compile_like(node.pattern, node.escape))


def _boolean_column(node: sql.Column, schema: pa.Schema) -> Predicate:
    column = find_column(node.name, schema)
    if kind_of(column.type) is not Kind.BOOLEAN:
        raise SettingsError(
            f"filter uses column {column.name!r} as a condition", found=str(column.type), expected="a boolean column"
        )
    return Comparison("=", column, True)


def _constant(node: sql.Literal, _: pa.Schema) -> Predicate:
    if node.value is not None and not isinstance(node.value, bool):
        raise SettingsError("filter uses a value as a condition", found=repr(node.value), expected="TRUE or FALSE")
    return Always(node.value)


_FORMS: dict[type[Any], Callable[[Any, pa.Schema], Predicate]] = {
    sql.Column: _boolean_column,
    sql.Literal: _constant,
    sql.Comparison: _comparison,
    sql.In: _in,
    sql.IsNull: lambda node, schema: NullTest(find_column(node.column.name, schema)),
    sql.Like: _like,
    sql.Not: lambda node, schema: Negation(bind(node.operand, schema)),
    sql.And: lambda node, schema: AllOf(tuple(bind(each, schema) for each in node.operands)),
    sql.Or: lambda node, schema: AnyOf(tuple(bind(each, schema) for each in node.operands)),
}


def bind(expression: sql.Expression, schema: pa.Schema) -> Predicate:
    """Bind a filter to the table's schema.

    Args:
        expression: from :func:`s3cse.parquet.filter.filter_sql.parse_filter`.
        schema: the table's columns, partition columns included, with the types that rows will have.

    Raises:
        SettingsError: an unknown or ambiguous column, or a comparison that is impossible.
    """
    return _FORMS[type(expression)](expression, schema)
