"""Arrow types as Hive's."""

from __future__ import annotations

import pyarrow as pa
import pytest

from s3cse.errors import SettingsError
from s3cse.services.athena.hive_types import hive_type


@pytest.mark.parametrize(
    ("arrow_type", "expected"),
    [
        (pa.bool_(), "boolean"),
        (pa.int8(), "tinyint"),
        (pa.int16(), "smallint"),
        (pa.int32(), "int"),
        (pa.int64(), "bigint"),
        (pa.uint8(), "smallint"),
        (pa.uint16(), "int"),
        (pa.float32(), "float"),
        (pa.float64(), "double"),
        (pa.decimal128(38, 10), "decimal(38,10)"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.binary(16), "binary"),
        (pa.date32(), "date"),
        (pa.timestamp("us", "UTC"), "timestamp"),
        (pa.timestamp("ns"), "timestamp"),
        (pa.list_(pa.map_(pa.string(), pa.int32())), "array<map<string,int>>"),
        (
            pa.struct([("Date", pa.date32()), ("inner", pa.struct([("d", pa.decimal128(5, 2))]))]),
            "struct<date:date,inner:struct<d:decimal(5,2)>>",
        ),
    ],
)
def test_types_of_the_catalog(arrow_type: pa.DataType, expected: str) -> None:
    """Each type, nested ones too, is spelt as the Glue catalog spells it."""
    assert hive_type(arrow_type, "c") == expected


def test_struct_fields_are_quoted_in_statements() -> None:
    """A statement quotes the fields of structs, which may be reserved words there."""
    assert hive_type(pa.struct([("date", pa.date32())]), "c", in_ddl=True) == "struct<`date`:date>"


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.uint32(),
        pa.uint64(),
        pa.float16(),
        pa.time64("us"),
        pa.duration("s"),
        pa.decimal256(39, 0),
        pa.null(),
        pa.struct([]),
        pa.list_(pa.uint64()),
        pa.struct([("a:b", pa.int32())]),
    ],
)
def test_what_athena_has_no_type_for_is_refused(arrow_type: pa.DataType) -> None:
    """A type that Athena would read wrongly or not at all is refused; the message names the column."""
    with pytest.raises(SettingsError, match="speed"):
        hive_type(arrow_type, "speed")
