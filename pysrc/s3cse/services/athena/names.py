"""Names and texts in Athena's two languages: Hive's DDL, and Trino's SQL for queries.

Source: "Name databases, tables, and columns" in Athena's guide. DDL quotes names with backticks and escapes texts with
backslashes; queries quote names with double quotes. Athena lowers every name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from s3cse.errors import SettingsError

_MOST = 255
_NAME = re.compile(r"[a-z0-9_]+")
#: What no column may have in its name: Hive writes columns into one text with commas, types with the others.
_FORBIDDEN = re.compile(r"[`,:;<>()]")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table in a database of the catalog, both in lower case.

    Raises:
        SettingsError: a name that Athena does not take.
    """

    database: str
    table: str

    def __post_init__(self) -> None:
        for kind, name in (("database", self.database), ("table", self.table)):
            if not _NAME.fullmatch(name) or len(name) > _MOST:
                raise SettingsError(
                    f"Athena takes no {kind} of this name",
                    found=repr(name),
                    expected=f"1 to {_MOST} letters a-z, digits and _",
                )

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read ``database.table``, in any letter case.

        Raises:
            SettingsError: it is something else.
        """
        database, dot, table = text.strip().partition(".")
        if not dot:
            raise SettingsError("no table of the catalog", found=repr(text), expected="database.table")
        return cls(database.lower(), table.lower())

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"

    @property
    def in_ddl(self) -> str:
        """As DDL writes it."""
        return f"{quoted(self.database)}.{quoted(self.table)}"

    @property
    def in_query(self) -> str:
        """As a query writes it."""
        return f'"{self.database}"."{self.table}"'


def column_name(name: str, *, inside: str = "") -> str:
    """Return a column's (or a struct field's) name as the catalog has it: in lower case.

    Args:
        inside: the column that the field is in, for messages.

    Raises:
        SettingsError: Athena cannot have it.
    """
    lower = name.lower()
    fits = lower.isprintable() and lower == lower.strip() and 1 <= len(lower.encode()) <= _MOST
    if not fits or _FORBIDDEN.search(lower):
        raise SettingsError(
            "Athena takes no column of this name",
            found=repr(f"{inside}.{name}" if inside else name),
            expected=f"1 to {_MOST} printable characters without ` , : ; < > ( ) and without blanks at the ends",
            fix="rename the column before the table is written",
        )
    return lower


def refuse_repeated(names: Sequence[str], *, inside: str = "") -> None:
    """Refuse columns, or fields of one struct, that are one and the same to Athena.

    Args:
        names: as files have them.
        inside: the column that the fields are in, for messages.

    Raises:
        SettingsError: two of them differ in letter case only, or not at all.
    """
    counts = Counter(name.lower() for name in names)
    repeated = [f"{inside}.{name}" if inside else name for name in names if counts[name.lower()] > 1]
    if repeated:
        raise SettingsError(
            "Athena does not tell columns apart by letter case",
            found=", ".join(repeated),
            expected="each name once",
            fix="rename them before the table is written",
        )


def quoted(name: str) -> str:
    """Return a name between backticks, for DDL; ``name`` holds none, see column_name."""
    return f"`{name}`"


def literal(text: str) -> str:
    """Return a text between single quotes, as Hive's DDL escapes it."""
    return "'" + "".join(_ESCAPES.get(letter, letter) for letter in text) + "'"
