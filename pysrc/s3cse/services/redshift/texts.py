"""Values as the text that COPY reads: a column at a time, by Arrow's own kernels where there are any.

What a column cannot hold in Redshift is refused, with its name and the row, and never cut or rounded. Sources, below
https://docs.aws.amazon.com/redshift/latest/dg/: r_Character_types.html (VARCHAR of 65,535 bytes),
copy-parameters-data-conversion.html (a NUL ends the record; dates), r_VARBYTE_type.html (hexadecimal).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from s3cse.errors import SettingsError
from s3cse.services.redshift.json_text import RepeatedKeyError, nested_texts
from s3cse.services.redshift.types import MAX_VARCHAR_BYTES, UTC_MICROSECONDS, plain_type, redshift_type

#: What texts are made of: 64-bit offsets, so that no column's text overflows.
TEXT = pa.large_string()
_FIRST, _LAST = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)
_NAMES_OF_FLOATS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_HEX_DIGITS_PER_BYTE = 2


def is_text(found: pa.DataType) -> bool:
    """Whether values of this type may hold any character, so that a file has to mark where they end."""
    found = plain_type(found)
    return bool(_is_string(found) or pat.is_nested(found) or pat.is_null(found))


def texts(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    """Return values as texts of type TEXT; NULL stays null.

    Args:
        first_row: number of the first value's row, for messages.

    Raises:
        SettingsError: a value that Redshift cannot hold, or a type that it has not.
    """
    redshift_type(column)
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pat.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    made = _maker(values.type)(column, values, first_row)
    if is_text(column.type):
        _check_text(column, made, first_row, nested=pat.is_nested(values.type))
    return made


_Maker = Callable[[pa.Field, pa.Array, int], pa.Array]


def _maker(found: pa.DataType) -> _Maker:
    for fits, make in _MAKERS:
        if fits(found):
            return make
    return _plain


def _is_string(found: pa.DataType) -> bool:
    return bool(pat.is_string(found) or pat.is_large_string(found) or pat.is_string_view(found))


def _is_binary(found: pa.DataType) -> bool:
    return bool(
        pat.is_binary(found)
        or pat.is_large_binary(found)
        or pat.is_binary_view(found)
        or pat.is_fixed_size_binary(found)
    )


def _plain(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:  # noqa: ARG001 - a maker
    return values.cast(TEXT)


def _floats(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:  # noqa: ARG001 - a maker
    if pat.is_float16(values.type):
        values = values.cast(pa.float32())
    made = values.cast(TEXT)
    if pc.all(pc.is_finite(values)).as_py() is False:
        for found, name in _NAMES_OF_FLOATS.items():
            made = pc.if_else(pc.equal(made, found), pa.scalar(name, TEXT), made)
    return made


def _decimals(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:  # noqa: ARG001 - a maker
    """Return decimals in digits: Arrow writes very small ones with an exponent."""
    made = values.cast(TEXT)
    short = pc.fill_null(pc.match_substring(made, "E"), False)
    if pc.any(short).as_py():
        digits = [format(value, "f") for value in values.filter(short).to_pylist()]
        made = pc.replace_with_mask(made, short, pa.array(digits, TEXT))
    return made


def _dates(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    days = values.cast(pa.date32())
    _check_range(column, days, first_row, _FIRST.date(), _LAST.date())
    return days.cast(TEXT)


def _timestamps(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    zoned = values.type.tz is not None
    exact = _exactly(column, values, UTC_MICROSECONDS if zoned else pa.timestamp("us"), first_row)
    wall = exact.cast(pa.timestamp("us"))  # of UTC, where there is a zone
    _check_range(column, wall, first_row, _FIRST, _LAST)
    made = wall.cast(TEXT)
    return pc.binary_join_element_wise(made, pa.scalar("+00", TEXT), pa.scalar("", TEXT)) if zoned else made


def _times(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    return _exactly(column, values, pa.time64("us"), first_row).cast(TEXT)


def _hexadecimal(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    """Return bytes in hexadecimal: all of the column's at once, with offsets twice as far apart."""
    row = first_true(pc.equal(pc.binary_length(values), 0))
    if row is not None:
        raise refused(column.name, first_row + row, "is empty bytes, which COPY takes for NULL", fix="make it NULL")
    whole = values.cast(pa.large_binary()).fill_null(b"")
    offsets = pa.Array.from_buffers(pa.int64(), len(whole) + 1, [None, whole.buffers()[1]], offset=whole.offset)
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    digits = memoryview(whole.buffers()[2] or b"")[start:end].hex().encode()
    doubled = pc.multiply(pc.subtract(offsets, start), _HEX_DIGITS_PER_BYTE)
    made = pa.LargeStringArray.from_buffers(len(whole), doubled.buffers()[1], pa.py_buffer(digits))
    return pc.if_else(values.is_valid(), made, pa.scalar(None, TEXT)) if values.null_count else made


def _nested(column: pa.Field, values: pa.Array, first_row: int) -> pa.Array:
    try:
        return nested_texts(values)
    except RepeatedKeyError as error:
        raise refused(
            column.name, first_row + error.row, "has a map with one key twice", fix="leave one of the entries out"
        ) from None


_MAKERS: tuple[tuple[Callable[[pa.DataType], bool], _Maker], ...] = (
    (pat.is_floating, _floats),
    (pat.is_decimal, _decimals),
    (pat.is_date, _dates),
    (pat.is_timestamp, _timestamps),
    (pat.is_time, _times),
    (_is_binary, _hexadecimal),
    (pat.is_nested, _nested),
)


def _exactly(column: pa.Field, values: pa.Array, wanted: pa.DataType, first_row: int) -> pa.Array:
    """Cast to microseconds, Redshift's finest unit, and lose nothing."""
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid:
        row = first_row + first_failure(values, lambda some: some.cast(wanted))
        raise refused(
            column.name,
            row,
            "has a fraction of a second that Redshift cannot hold",
            expected="whole microseconds",
            fix="round the column to microseconds",
        ) from None


def _check_range(column: pa.Field, values: pa.Array, first_row: int, least: Any, most: Any) -> None:
    wrong = pc.or_(pc.less(values, pa.scalar(least, values.type)), pc.greater(values, pa.scalar(most, values.type)))
    row = first_true(wrong)
    if row is not None:
        raise refused(column.name, first_row + row, "is outside the years 1 to 9999", fix="leave such values out")


def _check_text(column: pa.Field, made: pa.Array, first_row: int, *, nested: bool) -> None:
    try:
        made.validate(full=True)
    except pa.ArrowInvalid:  # Parquet files and Arrow's casts can bring such texts along
        wrong = first_row + first_failure(made, lambda some: some.validate(full=True))
        raise refused(column.name, wrong, "is no UTF-8, which COPY refuses", fix="read the column as bytes") from None
    row = first_true(pc.match_substring(made, "\0"))
    if row is not None:
        raise refused(
            column.name, first_row + row, "holds a NUL, where COPY ends the record", fix="take NULs out of the text"
        )
    if nested:
        return
    sizes = pc.binary_length(made)
    row = first_true(pc.greater(sizes, MAX_VARCHAR_BYTES))
    if row is not None:
        raise refused(
            column.name,
            first_row + row,
            "is longer than a VARCHAR",
            found=f"{sizes[row].as_py()} bytes of UTF-8",
            expected=f"at most {MAX_VARCHAR_BYTES} bytes",
            fix="cut or split the text",
        )


def first_true(flags: pa.Array) -> int | None:
    """Return the index of the first true flag, None where there is none."""
    index = pc.index(flags, True).as_py()
    return None if index < 0 else int(index)


def first_failure(values: pa.Array, work: Callable[[pa.Array], object]) -> int:
    """Return the index of the first value at which work on the array fails, where it is known to fail."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            work(values.slice(low, middle - low))
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low


def refused(
    column: str, row: int, problem: str, *, found: str | None = None, expected: str | None = None, fix: str
) -> SettingsError:
    """Return the error for a value; it names the column and the row (from 0), and shows nothing of the value."""
    return SettingsError(f"column {column!r}, row {row}: the value {problem}", found=found, expected=expected, fix=fix)
