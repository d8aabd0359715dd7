"""Parsing the filter option: the supported forms, and clear refusals of everything else."""

from __future__ import annotations

import datetime as dt
import pickle
from decimal import Decimal

import pytest

from s3cse.errors import SettingsError
from s3cse.parquet.filter.expression import (
    And,
    Column,
    Comparison,
    Expression,
    In,
    IsNull,
    Like,
    Literal,
    Not,
    Operator,
    Or,
    columns,
)
from s3cse.parquet.filter.filter_sql import parse_filter

A, B = Column("a"), Column("b")


@pytest.mark.parametrize("operator", ["=", "<", "<=", ">", ">="])
def test_comparisons_keep_their_operator(operator: Operator) -> None:
    """Each operator is read, between a column and a literal and between two columns."""
    assert parse_filter(f"a {operator} 1") == Comparison(operator, A, Literal(1))
    assert parse_filter(f"a {operator} b") == Comparison(operator, A, B)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("1 < a", Comparison(">", A, Literal(1))),
        ("1 >= a", Comparison("<=", A, Literal(1))),
        ("a == 1", Comparison("=", A, Literal(1))),
        ("a <> 1", Not(Comparison("=", A, Literal(1)))),
        ("1 != a", Not(Comparison("=", A, Literal(1)))),
        ("a IN (1, NULL)", In(A, (1, None))),
        ("a NOT IN ('x')", Not(In(A, ("x",)))),
        ("a BETWEEN 1 AND b", And((Comparison(">=", A, Literal(1)), Comparison("<=", A, B)))),
        ("5 BETWEEN a AND b", And((Comparison("<=", A, Literal(5)), Comparison(">=", B, Literal(5))))),
        ("a IS NULL", IsNull(A)),
        ("a IS NOT NULL", Not(IsNull(A))),
        ("a LIKE 'x%'", Like(A, "x%")),
        ("a NOT LIKE 'x%'", Not(Like(A, "x%"))),
        ("a LIKE 'x!%' ESCAPE '!'", Like(A, "x!%", "!")),
        ("a NOT LIKE 'x!%' ESCAPE '!'", Not(Like(A, "x!%", "!"))),
        ("a LIKE NULL", Like(A, None)),
        ("a AND b AND TRUE", And((A, B, Literal(True)))),
        ("a OR (b OR NULL)", Or((A, Or((B, Literal(None)))))),
        ("NOT a OR b", Or((Not(A), B))),
        ("((a))", A),
        ("`a` = 1 -- why", Comparison("=", A, Literal(1))),
        ("`x.y` = 1", Comparison("=", Column("x.y"), Literal(1))),
        ("date = DATE '2013-01-02'", Comparison("=", Column("date"), Literal(dt.date(2013, 1, 2)))),
    ],
)
def test_forms_become_nodes(sql: str, expected: Expression) -> None:
    """Every supported form has one meaning, and it survives pickling."""
    assert parse_filter(sql) == expected
    assert pickle.loads(pickle.dumps(parse_filter(sql))) == expected


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("1", 1), ("-1", -1), ("+1", 1), ("1L", 1), ("-1L", -1), ("1S", 1), ("7Y", 7),
        ("1.50", Decimal("1.50")), (".5", Decimal("0.5")), ("5.", Decimal(5)), ("-1.5", Decimal("-1.5")),
        ("1e3", 1000.0), ("1.5E-1", 0.15), ("2.5D", 2.5), ("0.1F", 0.10000000149011612), ("1D", 1.0),
        ("12345678901234567890123456789012345678", 12345678901234567890123456789012345678),
        ("'x'", "x"), ('"x"', "x"), ("''", ""), (r"'a\'b'", "a'b"), (r"'a\\b'", "a\\b"), (r"'a\nb'", "a\nb"),
        (r"'a\_b\%'", r"a\_b\%"), (r"r'a\nb'", r"a\nb"), ("'日'", "日"),
        ("TRUE", True), ("NULL", None),
        ("DATE '2013-1-2'", dt.date(2013, 1, 2)),
        ("TIMESTAMP '2013-01-02 03:04:05.6'", dt.datetime(2013, 1, 2, 3, 4, 5, 600000)),
        ("TIMESTAMP '2013-01-02T03:04:05+01:30'", dt.datetime(2013, 1, 2, 1, 34, 5)),
        ("TIMESTAMP '2013-01-02'", dt.datetime(2013, 1, 2)),
        ("TIMESTAMP_NTZ '2013-01-02 03:04:05'", dt.datetime(2013, 1, 2, 3, 4, 5)),
    ],
)  # fmt: skip
def test_literals_have_sparks_value_and_type(sql: str, value: object) -> None:
    """A literal's Python value and type are those of the SQL literal."""
    found = parse_filter(f"a = {sql}")
    assert isinstance(found, Comparison)
    assert isinstance(found.right, Literal)
    assert (found.right.value, type(found.right.value)) == (value, type(value))


@pytest.mark.parametrize(
    ("sql", "piece"),
    [
        ("upper(a) = 'X'", "UPPER(a)"), ("a + 1 = 2", "a + 1"), ("CAST(a AS INT) = 1", "CAST(a AS INT)"),
        ("a::int = 1", "a"),
        ("a = CAST(1.7 AS INT)", "1.7"), ("a = CAST('5' AS INT)", "'5'"), ("a = CAST(1.55 AS DECIMAL(2, 1))", "1.55"),
        ("a IN (SELECT 1)", "SELECT"), ("EXISTS(SELECT 1)", "EXISTS"), ("x.a = 1", "x.a"), ("a <=> 1", "DISTINCT"),
        ("a IS TRUE", "IS TRUE"), ("a RLIKE 'x'", "x"), ("a ILIKE 'x'", "ILIKE"), ("a LIKE ANY ('x', 'y')", "ANY"),
        ("a LIKE b", "b"), ("a LIKE 1", "LIKE"), ("a = current_date", "CURRENT_DATE"), ("a = now()", "now()"),
        ("a = ?", "?"),
        ("(a, b) = (1, 2)", "(a, b)"), ("a = 'x' 'y'", "'x'"), ("a = 'it''s'", "it"), ("a = X'1F'", "1F"),
        ("a || b", "||"), ("1 = 1", "1 = 1"), ("a IN (b)", "b"), ("1 IN (a)", "1"), ("'x' IS NULL", "'x'"),
        ("a = -'x'", "x"), ("a = -TRUE", "TRUE"), ("5", "5"), ("'x'", "x"), ("a = DATE '2013-02-30'", "2013-02-30"),
        ("a = DATE 'now'", "now"), ("a = TIMESTAMP '2013-01-01 00:00:00 Europe/Berlin'", "Berlin"), ("a = (b = 1)",
        "b = 1"),
        ("a = TIMESTAMP_NTZ '2013-01-01 00:00:00Z'", "2013"), ("a = 1e999", "1e999"), ("a = 1e39F", "1e39"),
        ("a = 123456789012345678901234567890123456789", "123456789012345678901234567890123456789"),
        ("a = INTERVAL 1 DAY", "INTERVAL"), ("CASE WHEN a THEN b END", "CASE"), ("a.b.c = 1", "a.b.c"), ("*", "*"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_showing_the_piece(sql: str, piece: str) -> None:
    """A form that is not supported is named, with what is supported."""
    with pytest.raises(SettingsError) as caught:
        parse_filter(sql)
    assert piece.lower() in str(caught.value).lower()
    assert caught.value.expected


@pytest.mark.parametrize(
    "sql",
    [
        "", "a =", "a = 1 b", "a = 1, b = 2", "a = 1 ORDER BY b", "a = 1; DROP TABLE x", "= 1", "a XOR b", "(a = 1",
        "a = 'x", "SELECT 1", "a AS b", "a = 1 LIMIT 1",
    ],
)  # fmt: skip
def test_what_does_not_parse_is_refused(sql: str) -> None:
    """Text that is not one boolean expression is an error, never a part of it."""
    with pytest.raises(SettingsError):
        parse_filter(sql)


@pytest.mark.parametrize("escape", [r"\u0041", r"\x41", r"\101", r"\Z", r"\a", r"\b"])
def test_escapes_that_parsers_read_differently_are_refused(escape: str) -> None:
    """A string escape is either read alike by Spark and every sqlglot, or refused."""
    with pytest.raises(SettingsError, match="escape"):
        parse_filter(f"a = 'x{escape}'")
    assert parse_filter(f"a = r'x{escape}' AND `{escape}` = 1 -- '{escape}'")


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    """Thousands of parentheses end in a SettingsError."""
    with pytest.raises(SettingsError):
        parse_filter("(" * 5000 + "a" + ")" * 5000)


def test_columns_names_what_the_filter_reads() -> None:
    """All columns are found, on both sides and at any depth, as written."""
    sql = "A = b OR NOT (c IN (1) AND d IS NULL) OR e LIKE 'x' OR f OR 5 BETWEEN g AND h AND TRUE"
    assert columns(parse_filter(sql)) == {"A", "b", "c", "d", "e", "f", "g", "h"}
