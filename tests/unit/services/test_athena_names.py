"""Names and texts in Athena's two languages."""

from __future__ import annotations

import pytest

from s3cse.errors import SettingsError
from s3cse.services.athena.names import TableName, column_name, literal


def test_table_name_is_lowered_and_quoted() -> None:
    """A name is read in any case, written in lower case, and quoted as each language quotes."""
    name = TableName.parse(" Lake.Flights_2 ")
    assert str(name) == "lake.flights_2"
    assert name.in_ddl == "`lake`.`flights_2`"
    assert name.in_query == '"lake"."flights_2"'


@pytest.mark.parametrize(
    "text", ["", "flights", ".flights", "lake.", "a.b.c", "la-ke.t", "lake.t`; DROP", "x" * 256 + ".t"]
)
def test_what_is_no_table_of_athena_is_refused(text: str) -> None:
    """A name that Athena does not take, or could run as something else, is refused."""
    with pytest.raises(SettingsError):
        TableName.parse(text)


@pytest.mark.parametrize("name", ["date", "_id", "1st", "with blank", "größe", "a.b", "x-y"])
def test_columns_may_have_odd_names(name: str) -> None:
    """Reserved words, leading underscores, blanks and letters of all languages are names for columns."""
    assert column_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a ", "a`b", "a,b", "a:b", "a<b", "a\nb", "é" * 200])
def test_columns_that_the_catalog_would_break_are_refused(name: str) -> None:
    """What would end a quoted name, or a type in the catalog's text, is refused with the column named."""
    with pytest.raises(SettingsError, match="no column of this name"):
        column_name(name)


def test_literals_are_escaped() -> None:
    """A text cannot end its own quotes."""
    assert literal("it's a \\ path\n") == "'it\\'s a \\\\ path\\n'"
