"""Hive's types for Arrow's: what the catalog calls the columns of a Parquet file.

Source: "Data types in Amazon Athena". Unsigned numbers of Parquet are read as signed ones of the same width, so 8 and
16 bits go into a wider type and 32 and 64 bits are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from s3cse.errors import SettingsError
from s3cse.services.athena.names import column_name, quoted, refuse_repeated

_MOST_DIGITS = 38
_ATOMIC: tuple[tuple[Callable[[Any], Any], str], ...] = (
    (pat.is_boolean, "boolean"),
    (pat.is_int8, "tinyint"),
    (pat.is_int16, "smallint"),
    (pat.is_int32, "int"),
    (pat.is_int64, "bigint"),
    (pat.is_uint8, "smallint"),
    (pat.is_uint16, "int"),
    (pat.is_float32, "float"),
    (pat.is_float64, "double"),
    (pat.is_string, "string"),
    (pat.is_large_string, "string"),
    (pat.is_string_view, "string"),
    (pat.is_binary, "binary"),
    (pat.is_large_binary, "binary"),
    (pat.is_binary_view, "binary"),
    (pat.is_fixed_size_binary, "binary"),
    (pat.is_date, "date"),
    (pat.is_timestamp, "timestamp"),
)


def hive_type(arrow_type: pa.DataType, column: str, *, in_ddl: bool = False) -> str:
    """Return the type as the catalog writes it, ``struct<a:array<int>>``.

    Args:
        column: whose type it is, for messages.
        in_ddl: quote the names of struct fields, which may be reserved words there; the catalog wants them bare.

    Raises:
        SettingsError: Athena has no such type, or a field cannot have its name.
    """
    if isinstance(arrow_type, pa.BaseExtensionType):
        return hive_type(arrow_type.storage_type, column, in_ddl=in_ddl)
    if pat.is_dictionary(arrow_type):
        return hive_type(arrow_type.value_type, column, in_ddl=in_ddl)
    if pat.is_decimal(arrow_type) and arrow_type.precision <= _MOST_DIGITS and arrow_type.scale >= 0:
        return f"decimal({arrow_type.precision},{arrow_type.scale})"
    found = next((name for fits, name in _ATOMIC if fits(arrow_type)), None) or _nested(arrow_type, column, in_ddl)
    if found is None:
        raise SettingsError(
            f"Athena has no type for column {column!r}",
            found=str(arrow_type),
            expected="boolean, signed integers, floats, decimals of at most 38 digits, strings, binary, dates, "
            "timestamps, and lists, maps, structs of these",
            fix="cast the column before the table is written, or leave it out",
        )
    return found


def _nested(arrow_type: pa.DataType, column: str, in_ddl: bool) -> str | None:
    if pat.is_list(arrow_type) or pat.is_large_list(arrow_type) or pat.is_fixed_size_list(arrow_type):
        return f"array<{hive_type(arrow_type.value_type, f'{column}.element', in_ddl=in_ddl)}>"
    if pat.is_map(arrow_type):
        key = hive_type(arrow_type.key_type, f"{column}.key", in_ddl=in_ddl)
        return f"map<{key},{hive_type(arrow_type.item_type, f'{column}.value', in_ddl=in_ddl)}>"
    if pat.is_struct(arrow_type) and arrow_type.num_fields:
        refuse_repeated([field.name for field in arrow_type], inside=column)
        return f"struct<{','.join(_field(field, column, in_ddl) for field in arrow_type)}>"
    return None


def _field(field: pa.Field, column: str, in_ddl: bool) -> str:
    name = column_name(field.name, inside=column)
    text = hive_type(field.type, f"{column}.{field.name}", in_ddl=in_ddl)
    return f"{quoted(name) if in_ddl else name}:{text}"
