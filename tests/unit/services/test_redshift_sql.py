"""Names and texts in statements: nothing in them ends the quotes."""

from __future__ import annotations

import pytest

from s3cse.errors import SettingsError
from s3cse.services.redshift.sql import delimiter_literal, identifier, literal, qualified, quoted_query


def test_identifiers() -> None:
    """Quotes are doubled, and any other letter is fine."""
    assert identifier("flights") == '"flights"'
    assert identifier('a"; DROP TABLE b; --') == '"a""; DROP TABLE b; --"'
    assert qualified(["public", "Two Words"]) == '"public"."Two Words"'


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 128, "é" * 64])
def test_no_identifiers(name: str) -> None:
    """Empty names, names with NUL and names of more than 127 bytes are refused."""
    with pytest.raises(SettingsError, match="cannot be a name"):
        identifier(name)


def test_literals() -> None:
    """Quotes are doubled."""
    assert literal("it's", "x") == "'it''s'"


@pytest.mark.parametrize("text", ["back\\slash", "new\nline", "\0"])
def test_no_literals(text: str) -> None:
    """What Redshift might read as an escape is refused, and named."""
    with pytest.raises(SettingsError, match="the manifest has a character"):
        literal(text, "the manifest")


def test_queries() -> None:
    """A query is quoted with its own quotes and backslashes doubled, without the semicolon at its end."""
    assert quoted_query("SELECT 'a', ';\\d' FROM t; ") == "'SELECT ''a'', '';\\\\d'' FROM t'"
    with pytest.raises(SettingsError, match="no query"):
        quoted_query("  ")


@pytest.mark.parametrize(("delimiter", "written"), [("|", "'|'"), ("\t", "'\\t'"), ("'", "''''"), ("\x01", "'\\001'")])
def test_delimiters(delimiter: str, written: str) -> None:
    """Delimiters that do not print are written as Redshift spells them."""
    assert delimiter_literal(delimiter) == written
