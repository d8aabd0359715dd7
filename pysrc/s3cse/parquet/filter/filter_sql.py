"""SQL text to a filter expression. The only module that knows sqlglot (extra ``filter``).

Everything that is not one of the few supported forms is refused by showing the piece: an unknown argument of a parsed
node is never ignored, because releases of sqlglot move meaning between nodes and their arguments (NOT LIKE is a Not in
one and a flag in another).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp

from s3cse.errors import SettingsError
from s3cse.parquet.filter.expression import (
    MIRRORED,
    And,
    Column,
    Comparison,
    Constant,
    Expression,
    In,
    IsNull,
    Like,
    Literal,
    Not,
    Operator,
    Or,
)
from s3cse.parquet.filter.literals import check_escapes, read_number, read_typed_number, read_typed_text

SUPPORTED = "=, <>, <, <=, >, >=, IN, BETWEEN, IS NULL, LIKE, AND, OR, NOT over columns and literals"

_COMPARISONS: dict[type[Any], tuple[Operator, bool]] = {
    exp.EQ: ("=", False),
    exp.NEQ: ("=", True),
    exp.LT: ("<", False),
    exp.LTE: ("<=", False),
    exp.GT: (">", False),
    exp.GTE: (">=", False),
}


def _unsupported(node: Any, fix: str | None = None) -> SettingsError:
    return SettingsError(
        "filter holds something that is not supported",
        found=node.sql(dialect="spark"),
        expected=SUPPORTED,
        fix=fix or "filter on it after loading, with DataFrame.where",
    )


def _only(node: Any, *names: str) -> None:
    """Refuse a node that carries arguments beyond these."""
    for name, value in node.args.items():
        if name not in names and value not in (None, False, []):
            raise _unsupported(node)


def _column(node: Any) -> Column:
    if not isinstance(node, exp.Column):
        raise _unsupported(node)
    if node.args.get("table"):
        raise _unsupported(node, "only whole top-level columns; quote a name that has a dot with backticks")
    _only(node, "this")
    if not isinstance(node.this, exp.Identifier):
        raise _unsupported(node)
    return Column(node.name)


def _number(node: Any) -> Constant:
    value = read_number(node.name)
    if value is None:
        raise _unsupported(node, "numbers have at most 38 digits and lie within the range of DOUBLE")
    return value


def _typed(node: Any) -> Constant:
    """Read DATE '…', TIMESTAMP '…', 1L and 1.5BD, which sqlglot turns into casts; no other cast is taken."""
    _only(node, "this", "to")
    target, literal = node.args["to"], node.this
    if not isinstance(literal, exp.Literal):
        raise _unsupported(node)
    kind = str(target.this.value)
    value: Constant = read_typed_text(literal.name, kind) if literal.is_string else None
    if value is None and (not literal.is_string or kind == "DECIMAL"):
        precision, scale = ([int(each.name) for each in target.expressions] + [10, 0])[:2]
        value = read_typed_number(literal.name, kind, precision, scale)
    if value is None:
        raise _unsupported(node, "dates are written DATE 'yyyy-MM-dd', times TIMESTAMP 'yyyy-MM-dd HH:mm:ss' (in UTC)")
    return value


def _negated_number(node: Any) -> Constant:
    value = _constant(node.this)
    if isinstance(value, (int, Decimal, float)) and not isinstance(value, bool):
        return value.copy_negate() if isinstance(value, Decimal) else -value
    raise _unsupported(node)


def _concatenated(node: Any) -> Constant:
    raise _unsupported(node, r"inside '…' write a quote as \'")


_CONSTANTS: dict[type[Any], Callable[[Any], Constant]] = {
    exp.Literal: lambda node: str(node.name) if node.is_string else _number(node),
    exp.RawString: lambda node: str(node.name),
    exp.Boolean: lambda node: bool(node.this),
    exp.Null: lambda _: None,
    exp.Neg: _negated_number,
    exp.Cast: _typed,
    exp.TryCast: _typed,
    exp.Paren: lambda node: _constant(node.this),
    exp.Concat: _concatenated,
}


def _constant(node: Any) -> Constant:
    read = _CONSTANTS.get(type(node))
    if read is None:
        raise _unsupported(node)
    return read(node)


def _operand(node: Any) -> Column | Literal:
    bare = node.unnest()
    return _column(bare) if isinstance(bare, exp.Column) else Literal(_constant(bare))


def _compare(operator: Operator, left: Any, right: Any, whole: Any) -> Expression:
    one, other = _operand(left), _operand(right)
    if isinstance(one, Column):
        return Comparison(operator, one, other)
    if isinstance(other, Column):
        return Comparison(MIRRORED[operator], other, one)
    raise _unsupported(whole, "a comparison needs a column")


def _comparison(node: Any) -> Expression:
    _only(node, "this", "expression")
    operator, negated = _COMPARISONS[type(node)]
    found = _compare(operator, node.this, node.expression, node)
    return Not(found) if negated else found


def _between(node: Any) -> Expression:
    _only(node, "this", "low", "high")
    low, high = node.args["low"], node.args["high"]
    return And((_compare(">=", node.this, low, node), _compare("<=", node.this, high, node)))


def _in(node: Any) -> Expression:
    _only(node, "this", "expressions")
    return In(_column(node.this.unnest()), tuple(_constant(each) for each in node.expressions))


def _is(node: Any) -> Expression:
    _only(node, "this", "expression")
    if not isinstance(node.expression, exp.Null):
        raise _unsupported(node)
    return IsNull(_column(node.this.unnest()))


def _like(node: Any, escape: str = "\\") -> Expression:
    _only(node, "this", "expression", "negate")
    pattern = _constant(node.expression)
    if pattern is not None and not isinstance(pattern, str):
        raise _unsupported(node, "the pattern of LIKE is a string")
    like = Like(_column(node.this.unnest()), pattern, escape)
    return Not(like) if node.args.get("negate") else like


def _escaped_like(node: Any) -> Expression:
    _only(node, "this", "expression")
    escape = _constant(node.expression)
    if not isinstance(node.this, exp.Like) or not isinstance(escape, str):
        raise _unsupported(node)
    return _like(node.this, escape)


_FORMS: dict[type[Any], Callable[[Any], Expression]] = {
    **dict.fromkeys(_COMPARISONS, _comparison),
    exp.And: lambda node: And(tuple(_expression(each) for each in node.flatten())),
    exp.Or: lambda node: Or(tuple(_expression(each) for each in node.flatten())),
    exp.Not: lambda node: Not(_expression(node.this)),
    exp.Paren: lambda node: _expression(node.this),
    exp.Column: _column,
    exp.Boolean: lambda node: Literal(bool(node.this)),
    exp.Null: lambda _: Literal(None),
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is,
    exp.Like: _like,
    exp.Escape: _escaped_like,
}


def _expression(node: Any) -> Expression:
    read = _FORMS.get(type(node))
    if read is None:
        raise _unsupported(node)
    return read(node)


def parse_filter(text: str) -> Expression:
    """Parse the ``filter`` option.

    Args:
        text: an SQL boolean expression in Spark's dialect.

    Raises:
        SettingsError: the text does not parse, or holds a form that is not supported; the message shows the piece.
    """
    check_escapes(text)
    try:
        return _expression(sqlglot.parse_one(text, dialect="spark", into=exp.Condition))
    except sqlglot.errors.SqlglotError as error:
        raise SettingsError("filter is not an SQL expression", found=repr(text), expected=SUPPORTED) from error
    except RecursionError:
        raise SettingsError("filter is nested too deeply", expected="fewer levels of parentheses") from None
