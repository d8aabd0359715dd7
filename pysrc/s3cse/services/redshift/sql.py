"""Names and texts in Redshift's SQL, quoted so that nothing in them ends the quotes."""

from __future__ import annotations

from collections.abc import Sequence

from s3cse.errors import SettingsError, printable

#: Longest name, in bytes (https://docs.aws.amazon.com/redshift/latest/dg/r_names.html).
MAX_NAME_BYTES = 127


def identifier(name: str) -> str:
    """Return a name in double quotes, those in it doubled. Redshift still folds its letter case, unless told not to.

    Raises:
        SettingsError: no name: empty, too long, or with a NUL.
    """
    size = len(name.encode())
    if not 0 < size <= MAX_NAME_BYTES or "\0" in name:
        raise SettingsError(
            "this cannot be a name in Redshift",
            found=f"{printable(name)!r} of {size} bytes",
            expected=f"1 to {MAX_NAME_BYTES} bytes without NUL",
        )
    return '"' + name.replace('"', '""') + '"'


def qualified(names: Sequence[str]) -> str:
    """Return ``"schema"."table"`` from its parts.

    Raises:
        SettingsError: a part that can be no name.
    """
    return ".".join(map(identifier, names))


def literal(text: str, what: str) -> str:
    """Return a text in single quotes.

    Redshift's documentation shows backslashes in literals both as they are and as escapes; where none is needed, none
    is let in.

    Args:
        what: what the text is, for messages.

    Raises:
        SettingsError: a backslash or a control character.
    """
    if "\\" in text or not text.isprintable():
        raise SettingsError(
            f"{what} has a character that cannot be written safely into a statement",
            found=repr(printable(text)),
            expected="no backslash and no control character",
        )
    return "'" + text.replace("'", "''") + "'"


def quoted_query(query: str) -> str:
    """Return a query as UNLOAD takes it: in single quotes, with those in it doubled, and backslashes too.

    Source: UNLOAD's parameter 'select-statement' (https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html), which
    says both of quotation marks, and in earlier editions of backslashes.

    Raises:
        SettingsError: it is empty, or has a NUL.
    """
    if not query.strip() or "\0" in query:
        raise SettingsError("there is no query to unload", found=repr(printable(query)), expected="a SELECT statement")
    return "'" + query.strip().rstrip(";").replace("\\", "\\\\").replace("'", "''") + "'"


def delimiter_literal(delimiter: str) -> str:
    r"""Return a one-character delimiter in single quotes: ``'|'``, ``'\t'``, others that do not print in octal."""
    if delimiter == "\t":
        return r"'\t'"
    if delimiter == "'":
        return "''''"
    return f"'{delimiter}'" if delimiter.isprintable() else f"'\\{ord(delimiter):03o}'"
