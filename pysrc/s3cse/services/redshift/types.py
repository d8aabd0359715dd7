"""Redshift's types and Arrow's.

Sources: https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html; the names in a VERBOSE manifest are
those of the system catalog (r_UNLOAD_command_examples.html).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from s3cse.errors import SettingsError
from s3cse.services.redshift.sql import identifier, qualified

#: Longest VARCHAR, in bytes.
MAX_VARCHAR_BYTES = 65_535
MAX_PRECISION = 38
UTC_MICROSECONDS = pa.timestamp("us", "UTC")
#: Types of a VERBOSE manifest that have one Arrow type each. SUPER and what has no Arrow type stay text.
_FROM_CATALOG: Mapping[str, pa.DataType] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": UTC_MICROSECONDS,
    "time without time zone": pa.time64("us"),
    "time with time zone": pa.string(),
    "character": pa.string(),
    "character varying": pa.string(),
    "super": pa.string(),
    "binary varying": pa.binary(),
    "geometry": pa.string(),
    "geography": pa.string(),
    "hllsketch": pa.string(),
}
_ALIASES = {
    "int2": "smallint",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float": "double precision",
    "float8": "double precision",
    "bool": "boolean",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "char": "character",
    "nchar": "character",
    "bpchar": "character",
    "varchar": "character varying",
    "nvarchar": "character varying",
    "text": "character varying",
    "varbyte": "binary varying",
    "varbinary": "binary varying",
    "decimal": "numeric",
}


def arrow_type(base: str, precision: int | None = None, scale: int | None = None) -> pa.DataType:
    """Return the Arrow type of a column that UNLOAD wrote.

    Args:
        base: Redshift's name of the type, or one of its aliases.
        precision: of NUMERIC.
        scale: of NUMERIC.

    Raises:
        SettingsError: an unknown type, or a NUMERIC of unknown dimensions.
    """
    name = base.strip().lower()
    name = _ALIASES.get(name, name)
    if name == "numeric":
        if precision is None or scale is None or not 0 <= scale <= precision <= MAX_PRECISION:
            raise SettingsError(
                "a NUMERIC column has no known precision and scale",
                found=f"precision {precision}, scale {scale}",
                expected=f"a precision of 1 to {MAX_PRECISION}",
            )
        return pa.decimal128(precision, scale)
    if name not in _FROM_CATALOG:
        raise SettingsError("no such type in Redshift", found=repr(base), expected=", ".join(sorted(_FROM_CATALOG)))
    return _FROM_CATALOG[name]


_TO_REDSHIFT: tuple[tuple[Callable[[Any], Any], str], ...] = (
    (pat.is_boolean, "BOOLEAN"),
    (lambda found: pat.is_int8(found) or pat.is_int16(found) or pat.is_uint8(found), "SMALLINT"),
    (lambda found: pat.is_int32(found) or pat.is_uint16(found), "INTEGER"),
    (lambda found: pat.is_int64(found) or pat.is_uint32(found), "BIGINT"),
    (pat.is_uint64, "DECIMAL(20,0)"),
    (lambda found: pat.is_float16(found) or pat.is_float32(found), "REAL"),
    (pat.is_float64, "DOUBLE PRECISION"),
    (pat.is_date, "DATE"),
    (lambda found: pat.is_timestamp(found) and found.tz is not None, "TIMESTAMPTZ"),
    (pat.is_timestamp, "TIMESTAMP"),
    (pat.is_time, "TIME"),
    (
        lambda found: pat.is_string(found) or pat.is_large_string(found) or pat.is_string_view(found),
        f"VARCHAR({MAX_VARCHAR_BYTES})",
    ),
    (pat.is_null, f"VARCHAR({MAX_VARCHAR_BYTES})"),
    (
        lambda found: (
            pat.is_binary(found)
            or pat.is_large_binary(found)
            or pat.is_binary_view(found)
            or pat.is_fixed_size_binary(found)
        ),
        "VARBYTE",
    ),
    (pat.is_nested, "SUPER"),
)


def plain_type(found: pa.DataType) -> pa.DataType:
    """Return the type below extensions and dictionaries."""
    if isinstance(found, pa.BaseExtensionType):
        return plain_type(found.storage_type)
    return plain_type(found.value_type) if pat.is_dictionary(found) else found


def redshift_type(column: pa.Field) -> str:
    """Return the type of a column that takes an Arrow column's values, strings as long as there are.

    Raises:
        SettingsError: there is none (durations, intervals, nested ones too; decimals of more than 38 digits).
    """
    found = plain_type(column.type)
    if pat.is_decimal(found) and found.precision <= MAX_PRECISION and 0 <= found.scale <= found.precision:
        return f"DECIMAL({found.precision},{found.scale})"
    for fits, name in _TO_REDSHIFT:
        if fits(found) and not (pat.is_nested(found) and _is_no_json(found)):
            return name
    raise SettingsError(
        f"column {column.name!r} has a type that Redshift has not",
        found=str(column.type),
        expected="booleans, numbers, decimals up to 38 digits, strings, binary, dates, times, timestamps, or nested",
        fix="leave the column out, or cast it",
    )


def _is_no_json(found: pa.DataType) -> bool:
    """Whether something within a type has no JSON text: durations, intervals, unions, two members of one name."""
    found = plain_type(found)
    if pat.is_struct(found) and len({member.name for member in found}) != found.num_fields:
        return True
    if pat.is_nested(found):
        return pat.is_union(found) or any(_is_no_json(found.field(at).type) for at in range(found.num_fields))
    return bool(pat.is_duration(found) or pat.is_interval(found))


def create_table(table: str, schema: pa.Schema, *, in_schema: str | None = None) -> str:
    """Return a CREATE TABLE statement whose table takes what is exported from these columns.

    Raises:
        SettingsError: a column that Redshift cannot have.
    """
    columns = ",\n".join(f"  {identifier(column.name)} {redshift_type(column)}" for column in schema)
    return f"CREATE TABLE {qualified([in_schema, table] if in_schema else [table])} (\n{columns}\n)"
