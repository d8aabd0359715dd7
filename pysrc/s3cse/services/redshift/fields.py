"""The text of UNLOAD's fields as values of a column's type; the counterpart of ``texts``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from s3cse.errors import IntegrityError, SettingsError
from s3cse.services.redshift.texts import first_failure, first_true

_TRUE, _FALSE = ("t", "true"), ("f", "false")
_FITS: tuple[tuple[Callable[[Any], Any], str], ...] = (
    (pat.is_integer, "an integer"),
    (pat.is_floating, "a number"),
    (pat.is_decimal, "a decimal"),
    (pat.is_date, "a date"),
    (pat.is_timestamp, "a timestamp"),
    (pat.is_time, "a time"),
    (pat.is_boolean, "t or f"),
    (pat.is_binary, "hexadecimal"),
    (pat.is_string, "text"),
)


def check_types(schema: pa.Schema) -> None:
    """Refuse columns whose values cannot be read from text.

    Raises:
        SettingsError: names the column.
    """
    for column in schema:
        if not any(fits(column.type) for fits, _ in _FITS):
            raise SettingsError(
                f"column {column.name!r} has a type that is not read from UNLOAD's files",
                found=str(column.type),
                expected="booleans, integers, floats, decimals, dates, times, timestamps, strings, binary",
                fix="read it as a string; SUPER columns are JSON texts",
            )


def parsed(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    """Return texts as values of the column's type; null stays null.

    Args:
        first_row: number of the first value's row in its file, for messages.

    Raises:
        IntegrityError: a value that is none of this type; names column and row, and shows no value.
    """
    try:
        if pat.is_boolean(column.type):
            return _booleans(column, values, first_row)
        if pat.is_binary(column.type):
            return _bytes(column, values, first_row)
        return _cast(values, column.type)
    except pa.ArrowInvalid:
        row = first_row + first_failure(values, lambda some: _cast(some, column.type))
        raise _wrong(column, row) from None


def _cast(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    if pat.is_time(wanted):  # Arrow reads times of day with a date only
        dated = pc.binary_join_element_wise("1970-01-01 ", values, "")
        return dated.cast(pa.timestamp("us")).cast(wanted)
    return values.cast(wanted)


def _booleans(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    lower = pc.utf8_lower(values)
    true = pc.is_in(lower, pa.array(_TRUE))
    known = pc.or_(true, pc.is_in(lower, pa.array(_FALSE)))
    row = first_true(pc.and_(pc.is_valid(values), pc.invert(known)))
    if row is not None:
        raise _wrong(column, first_row + row)
    return pc.if_else(pc.is_valid(values), true, pa.scalar(None, pa.bool_()))


def _bytes(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    """One by one: Arrow has no kernel for hexadecimal."""
    made: list[bytes | None] = []
    for row, text in enumerate(values.to_pylist()):
        try:
            made.append(None if text is None else bytes.fromhex(text))
        except ValueError:
            raise _wrong(column, first_row + row) from None
    return pa.array(made, column.type)


def _wrong(column: pa.Field, row: int) -> IntegrityError:
    expected = next(name for fits, name in _FITS if fits(column.type))
    return IntegrityError(
        f"column {column.name!r}, row {row}: the value is not of the column's type",
        expected=f"{expected} ({column.type})",
        fix="check columns and layout; if they are right, the file was changed: restore it from a copy you trust",
    )
