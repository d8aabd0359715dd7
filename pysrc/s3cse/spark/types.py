"""Arrow and Spark types: what files hold, what Spark accepts, and the one mapping between the two.

Spark 4.2 and later accept a batch only if every Arrow type is exactly the one of the Spark type; 4.0 and 4.1 swap
values silently if columns come in another order. So there is one target schema, and s3cse.parquet.conform brings
batches to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.types as pat
from pyspark.sql import types as st

from s3cse.errors import SettingsError

TIMESTAMP = pa.timestamp("us", tz="UTC")
TIMESTAMP_NTZ = pa.timestamp("us")
_MOST_DIGITS = 38
_ATOMIC = "boolean, integers, floats, decimals, strings, binary, dates, timestamps, and lists, structs, maps of these"

#: Types that become another one, by a test on the Arrow type.
_WIDENED: tuple[tuple[Callable[[Any], Any], pa.DataType], ...] = (
    (pat.is_uint8, pa.int16()),
    (pat.is_uint16, pa.int32()),
    (pat.is_uint32, pa.int64()),
    (pat.is_uint64, pa.decimal128(20, 0)),
    (pat.is_float16, pa.float32()),
    (pat.is_large_string, pa.string()),
    (pat.is_string_view, pa.string()),
    (pat.is_large_binary, pa.binary()),
    (pat.is_fixed_size_binary, pa.binary()),
    (pat.is_binary_view, pa.binary()),
    (pat.is_date64, pa.date32()),
)

#: Spark's atomic types that have one Arrow type each.
_PAIRS: tuple[tuple[type[st.DataType], pa.DataType], ...] = (
    (st.BooleanType, pa.bool_()),
    (st.ByteType, pa.int8()),
    (st.ShortType, pa.int16()),
    (st.IntegerType, pa.int32()),
    (st.LongType, pa.int64()),
    (st.FloatType, pa.float32()),
    (st.DoubleType, pa.float64()),
    (st.StringType, pa.string()),
    (st.BinaryType, pa.binary()),
    (st.DateType, pa.date32()),
    (st.TimestampType, TIMESTAMP),
    (st.TimestampNTZType, TIMESTAMP_NTZ),
    (st.NullType, pa.null()),
)
_TO_ARROW = dict(_PAIRS)
_TO_SPARK = {arrow_type: spark_type for spark_type, arrow_type in _PAIRS}


def _unsupported(path: str, found: object, fix: str | None = None) -> SettingsError:
    return SettingsError(
        f"column {path!r} has a type that is not supported",
        found=str(found),
        expected=_ATOMIC,
        fix=fix or "leave the column out with the option columns, or with a schema",
    )


def _ready_decimal(arrow_type: pa.DataType, path: str) -> pa.DataType:
    if arrow_type.precision > _MOST_DIGITS or not 0 <= arrow_type.scale <= arrow_type.precision:
        raise _unsupported(path, arrow_type, f"Spark's decimals have at most {_MOST_DIGITS} digits")
    return pa.decimal128(arrow_type.precision, arrow_type.scale)


def _ready_nested(arrow_type: pa.DataType, path: str) -> Any:
    if pat.is_struct(arrow_type):
        return pa.struct([_ready_field(field, f"{path}.{field.name}") for field in arrow_type])
    if pat.is_map(arrow_type):
        key = _ready(arrow_type.key_type, f"{path}.key")
        return pa.map_(key, pa.field("value", _ready(arrow_type.item_type, f"{path}.value")))
    if pat.is_list(arrow_type) or pat.is_large_list(arrow_type) or pat.is_fixed_size_list(arrow_type):
        return pa.list_(pa.field("element", _ready(arrow_type.value_type, f"{path}.element")))
    return None


def _ready(arrow_type: pa.DataType, path: str) -> pa.DataType:
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _ready(arrow_type.storage_type, path)
    if pat.is_dictionary(arrow_type):
        return _ready(arrow_type.value_type, path)
    if pat.is_decimal(arrow_type):
        return _ready_decimal(arrow_type, path)
    if pat.is_timestamp(arrow_type):
        return TIMESTAMP if arrow_type.tz is not None else TIMESTAMP_NTZ
    if arrow_type in _TO_SPARK:
        return arrow_type
    widened = next((target for fits, target in _WIDENED if fits(arrow_type)), None)
    found = widened or _ready_nested(arrow_type, path)
    if found is None:
        raise _unsupported(path, arrow_type)
    return found


def _ready_field(field: pa.Field, path: str) -> pa.Field:
    return pa.field(field.name, _ready(field.type, path))


def spark_ready(schema: pa.Schema) -> pa.Schema:
    """Return the schema in the exact Arrow types that Spark accepts for what the files hold.

    Every field is nullable, as in Spark's own file sources, because another file of the table may lack the column.
    INT96 is the caller's: read it with ``coerce_int96_timestamp_unit="us"``.

    Raises:
        SettingsError: a column's type has no counterpart (time, duration, decimals of more than 38 digits).
    """
    return pa.schema([_ready_field(field, field.name) for field in schema])


def _spark_type(arrow_type: pa.DataType, path: str) -> st.DataType:
    if arrow_type in _TO_SPARK:
        return _TO_SPARK[arrow_type]()
    if pat.is_decimal128(arrow_type):
        return st.DecimalType(arrow_type.precision, arrow_type.scale)
    if pat.is_struct(arrow_type):
        return st.StructType([_spark_field(field, f"{path}.{field.name}") for field in arrow_type])
    if pat.is_list(arrow_type):
        element = arrow_type.value_field
        return st.ArrayType(_spark_type(element.type, f"{path}.element"), element.nullable)
    if pat.is_map(arrow_type):
        key, value = _spark_type(arrow_type.key_type, f"{path}.key"), arrow_type.item_field
        return st.MapType(key, _spark_type(value.type, f"{path}.value"), value.nullable)
    raise _unsupported(path, arrow_type)


def _spark_field(field: pa.Field, path: str) -> st.StructField:
    return st.StructField(field.name, _spark_type(field.type, path), field.nullable)


def to_spark(schema: pa.Schema) -> st.StructType:
    """Return the Spark schema of a schema that :func:`spark_ready` made.

    Raises:
        SettingsError: a type that is not one of Spark's exact Arrow types.
    """
    return st.StructType([_spark_field(field, field.name) for field in schema])


def _arrow_struct(spark_type: st.StructType, path: str) -> pa.DataType:
    return pa.struct([_arrow_field(field, f"{path}.{field.name}") for field in spark_type.fields])


def _arrow_map(spark_type: st.MapType, path: str) -> pa.DataType:
    value = _arrow_type(spark_type.valueType, f"{path}.value")
    key = _arrow_type(spark_type.keyType, f"{path}.key")
    return pa.map_(key, pa.field("value", value, nullable=spark_type.valueContainsNull))


def _arrow_type(spark_type: st.DataType, path: str) -> pa.DataType:
    if isinstance(spark_type, (st.CharType, st.VarcharType)):
        raise _unsupported(path, spark_type.simpleString(), "use string")
    if isinstance(spark_type, st.StringType) and spark_type != st.StringType():
        raise _unsupported(path, spark_type.simpleString(), "use string without a collation")
    if isinstance(spark_type, st.DecimalType):
        return pa.decimal128(spark_type.precision, spark_type.scale)
    if isinstance(spark_type, st.StructType):
        return _arrow_struct(spark_type, path)
    if isinstance(spark_type, st.MapType):
        return _arrow_map(spark_type, path)
    if isinstance(spark_type, st.ArrayType):
        element = _arrow_type(spark_type.elementType, f"{path}.element")
        return pa.list_(pa.field("element", element, nullable=spark_type.containsNull))
    if type(spark_type) not in _TO_ARROW:
        raise _unsupported(path, spark_type.simpleString())
    return _TO_ARROW[type(spark_type)]


def _arrow_field(field: st.StructField, path: str) -> pa.Field:
    return pa.field(field.name, _arrow_type(field.dataType, path), nullable=field.nullable)


def to_arrow(schema: st.StructType) -> pa.Schema:
    """Return the one Arrow schema that Spark accepts for a Spark schema, nullability included.

    Raises:
        SettingsError: a type that is not supported, such as char and varchar (use string).
    """
    return pa.schema([_arrow_field(field, field.name) for field in schema.fields])
