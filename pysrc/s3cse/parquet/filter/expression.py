"""A filter as written: a boolean expression over columns and literals, before any schema is known.

Values are plain Python, so an expression pickles and travels in a Spark plan. Written forms that say the same thing are
one node: ``a <> 1`` is Not(Comparison("=")), BETWEEN is And of two comparisons, a literal on the left changes sides.

A literal's Python type is its SQL type: None NULL, bool BOOLEAN, int an integer of any width, Decimal DECIMAL, float
DOUBLE, str STRING, date DATE, datetime TIMESTAMP (in UTC, without a zone attached).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal as OneOfWords
from typing import TypeAlias

Operator: TypeAlias = OneOfWords["=", "<", "<=", ">", ">="]
Constant: TypeAlias = "bool | int | Decimal | float | str | date | None"

#: The operator that says the same with the two sides exchanged.
MIRRORED: dict[Operator, Operator] = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Column:
    """A column by the name the user wrote; by itself it is a boolean expression."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; by itself (TRUE, FALSE, NULL) it is a boolean expression."""

    value: Constant


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``; the left side is always a column."""

    operator: Operator
    left: Column
    right: Column | Literal


@dataclass(frozen=True, slots=True)
class In:
    """``column IN (values)``; the values may include NULL (None)."""

    column: Column
    values: tuple[Constant, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """``column IS NULL``."""

    column: Column


@dataclass(frozen=True, slots=True)
class Like:
    """``column LIKE pattern ESCAPE escape``; a pattern of None is NULL."""

    column: Column
    pattern: str | None
    escape: str = "\\"


@dataclass(frozen=True, slots=True)
class Not:
    """Negation; unknown stays unknown."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And:
    """True where all operands are; flat, so that a long chain is not a deep tree."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True where any operand is; flat."""

    operands: tuple[Expression, ...]


Expression: TypeAlias = "Column | Literal | Comparison | In | IsNull | Like | Not | And | Or"


def _children(node: Expression) -> tuple[Expression, ...]:
    if isinstance(node, (And, Or)):
        return node.operands
    return (node.operand,) if isinstance(node, Not) else ()


def _named(node: Expression) -> Iterator[Column]:
    if isinstance(node, Column):
        yield node
    elif isinstance(node, (In, IsNull, Like)):
        yield node.column
    elif isinstance(node, Comparison):
        yield node.left
        if isinstance(node.right, Column):
            yield node.right


def columns(expression: Expression) -> set[str]:
    """Return the names of all columns that the expression reads, as written."""
    names: set[str] = set()
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        names.update(column.name for column in _named(node))
        waiting.extend(_children(node))
    return names
