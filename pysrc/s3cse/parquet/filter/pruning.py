"""Whether a row group (or a whole partition) can hold a row that passes a filter, by its statistics alone.

Every predicate is answered twice: can it be true for some row, can it be false for some row. NOT exchanges the two, so
negation needs no rewriting, and "not known" is simply both. A wrong "no" would lose rows: every doubt is a "yes".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from s3cse.parquet.filter.expression import Operator
from s3cse.parquet.filter.predicate import (
    AllOf,
    Always,
    AnyOf,
    ColumnComparison,
    Comparison,
    Matches,
    Negation,
    NullTest,
    OneOf,
    Predicate,
)
from s3cse.parquet.filter.values import Kind, Value, kind_of


@dataclass(frozen=True, slots=True)
class ColumnStats:
    """What is known of a column's values in a piece of a table; None everywhere means not known.

    ``low`` and ``high`` are exact values (s3cse.parquet.filter.values) that bound all values but NaN; they need not
    occur, so bounds that a writer cut short are welcome.
    """

    kind: Kind | None = None
    low: Value | None = None
    high: Value | None = None
    rows: int | None = None
    nulls: int | None = None
    #: Whether a float column may hold NaN, which Parquet's bounds leave out.
    may_hold_nan: bool = True

    @property
    def all_null(self) -> bool:
        """Whether it is certain that there is no value."""
        return self.rows is not None and self.nulls is not None and self.nulls >= self.rows


Statistics: TypeAlias = Mapping[str, ColumnStats]
#: (can be true for some row, can be false for some row)
_Answer: TypeAlias = "tuple[bool, bool]"

_DOUBT: _Answer = (True, True)
_UNKNOWN_ONLY: _Answer = (False, False)
_NOTHING_KNOWN = ColumnStats()


def _bounds(stats: ColumnStats, kind: Kind | None) -> tuple[Any, Any, bool]:
    """Return low, high and whether NaN may occur, as far as they speak of values of the column's kind."""
    if stats.kind is not kind or kind is None:
        return None, None, True
    return stats.low, stats.high, kind is Kind.FLOAT and stats.may_hold_nan


def _only_value(low: Any, high: Any, nan: bool) -> Any:
    """Return the one value that all rows have, None where that is not certain."""
    return low if low is not None and low == high and not nan else None


def _equal(low: Any, high: Any, nan: bool, value: Any) -> _Answer:
    inside = (low is None or low <= value) and (high is None or value <= high)
    return inside, _only_value(low, high, nan) != value


def _less(low: Any, high: Any, nan: bool, value: Any) -> _Answer:
    return low is None or low < value, nan or high is None or high >= value


def _at_most(low: Any, high: Any, nan: bool, value: Any) -> _Answer:
    return low is None or low <= value, nan or high is None or high > value


def _swapped(answer: _Answer) -> _Answer:
    return answer[1], answer[0]


_ORDER: dict[Operator, Callable[[Any, Any, bool, Any], _Answer]] = {
    "=": _equal,
    "<": _less,
    "<=": _at_most,
    ">": lambda *facts: _swapped(_at_most(*facts)),
    ">=": lambda *facts: _swapped(_less(*facts)),
}


def _comparison(node: Comparison, statistics: Statistics) -> _Answer:
    stats = statistics.get(node.column.name, _NOTHING_KNOWN)
    if stats.all_null:
        return _UNKNOWN_ONLY
    return _ORDER[node.operator](*_bounds(stats, kind_of(node.column.type)), node.value)


def _one_of(node: OneOf, statistics: Statistics) -> _Answer:
    stats = statistics.get(node.column.name, _NOTHING_KNOWN)
    if stats.all_null:
        return _UNKNOWN_ONLY
    bounds = _bounds(stats, kind_of(node.column.type))
    return any(_equal(*bounds, value)[0] for value in node.values), _only_value(*bounds) not in node.values


def _matches(node: Matches, statistics: Statistics) -> _Answer:
    stats = statistics.get(node.column.name, _NOTHING_KNOWN)
    if stats.all_null:
        return _UNKNOWN_ONLY
    low, high, _ = _bounds(stats, Kind.BYTES)
    prefix = node.pattern.prefix
    possible = (low is None or low[: len(prefix)] <= prefix) and (high is None or high >= prefix)
    return possible, True


def _null_test(node: NullTest, statistics: Statistics) -> _Answer:
    stats = statistics.get(node.column.name, _NOTHING_KNOWN)
    return stats.nulls is None or stats.nulls > 0, not stats.all_null


def _compare_columns(node: ColumnComparison, statistics: Statistics) -> _Answer:
    sides = (statistics.get(column.name, _NOTHING_KNOWN) for column in (node.left, node.right))
    return _UNKNOWN_ONLY if any(side.all_null for side in sides) else _DOUBT


def _all_of(node: AllOf, statistics: Statistics) -> _Answer:
    answers = [_answer(each, statistics) for each in node.operands]
    return all(true for true, _ in answers), any(false for _, false in answers)


def _any_of(node: AnyOf, statistics: Statistics) -> _Answer:
    answers = [_answer(each, statistics) for each in node.operands]
    return any(true for true, _ in answers), all(false for _, false in answers)


_FORMS: dict[type[Any], Callable[[Any, Statistics], _Answer]] = {
    Always: lambda node, _: (node.value is True, node.value is False),
    NullTest: _null_test,
    Comparison: _comparison,
    OneOf: _one_of,
    ColumnComparison: _compare_columns,
    Matches: _matches,
    Negation: lambda node, statistics: _swapped(_answer(node.operand, statistics)),
    AllOf: _all_of,
    AnyOf: _any_of,
}


def _answer(predicate: Predicate, statistics: Statistics) -> _Answer:
    return _FORMS[type(predicate)](predicate, statistics)


def may_match(predicate: Predicate, statistics: Statistics) -> bool:
    """Return False only if no row of the piece can pass the filter.

    Args:
        predicate: a filter bound to the table's schema.
        statistics: by column name as in that schema; a column that is missing here is not known at all (a column that
            the file lacks is all null, and s3cse.parquet.filter.statistics says so).
    """
    return _answer(predicate, statistics)[0]
