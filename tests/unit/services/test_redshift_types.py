"""Redshift's types and Arrow's."""

from __future__ import annotations

import pyarrow as pa
import pytest

from s3cse.errors import SettingsError
from s3cse.services.redshift import create_table
from s3cse.services.redshift.types import arrow_type, redshift_type

from .redshift_rows import every_type


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("smallint", pa.int16()),
        ("integer", pa.int32()),
        ("INT8", pa.int64()),
        ("real", pa.float32()),
        ("double precision", pa.float64()),
        ("boolean", pa.bool_()),
        ("character varying", pa.string()),
        ("char", pa.string()),
        ("date", pa.date32()),
        ("timestamp without time zone", pa.timestamp("us")),
        ("timestamptz", pa.timestamp("us", "UTC")),
        ("time without time zone", pa.time64("us")),
        ("binary varying", pa.binary()),
        ("super", pa.string()),
        ("geometry", pa.string()),
    ],
)
def test_types_of_a_manifest(base: str, expected: pa.DataType) -> None:
    """The catalog's names and their aliases have one Arrow type each."""
    assert arrow_type(base) == expected


def test_numeric_has_dimensions() -> None:
    """NUMERIC needs precision and scale, and is refused without."""
    assert arrow_type("numeric", 18, 2) == pa.decimal128(18, 2)
    for dimensions in ((None, None), (18, None), (39, 2), (2, 18)):
        with pytest.raises(SettingsError, match="no known precision and scale"):
            arrow_type("numeric", *dimensions)


def test_unknown_type() -> None:
    """A type that is none is named."""
    with pytest.raises(SettingsError, match="no such type in Redshift; found 'blob'"):
        arrow_type("blob")


@pytest.mark.parametrize(
    "found",
    [pa.duration("us"), pa.month_day_nano_interval(), pa.decimal256(40, 2), pa.decimal128(5, -2)],
)
def test_types_that_redshift_has_not(found: pa.DataType) -> None:
    """A column of such a type is named with its type."""
    with pytest.raises(SettingsError, match="column 'x' has a type that Redshift has not") as caught:
        redshift_type(pa.field("x", found))
    assert str(found) in str(caught.value)


@pytest.mark.parametrize(
    "found",
    [
        pa.list_(pa.duration("us")),
        pa.map_(pa.string(), pa.struct([("x", pa.large_list(pa.month_day_nano_interval()))])),
        pa.struct([pa.field("x", pa.int8()), pa.field("x", pa.int8())]),
        pa.list_(pa.dense_union([pa.field("x", pa.int8())])),
        pa.dictionary(pa.int8(), pa.duration("s")),
    ],
)
def test_types_within_others_that_have_no_json(found: pa.DataType) -> None:
    """They are refused by the column's name before anything is written."""
    with pytest.raises(SettingsError, match="column 'x' has a type that Redshift has not"):
        redshift_type(pa.field("x", found))


def test_types_within_others() -> None:
    """All others are SUPER, however deep."""
    for inner in (pa.int8(), pa.date32(), pa.binary(), pa.dictionary(pa.int8(), pa.string()), pa.decimal256(60, 2)):
        deep = pa.map_(pa.string(), pa.struct([("x", pa.list_(inner)), ("y", pa.list_(inner, 2))]))
        assert redshift_type(pa.field("x", deep)) == "SUPER"


def test_create_table() -> None:
    """A table for all types can be made from a schema."""
    schema = pa.schema(
        [
            *every_type().schema,
            pa.field("bytes", pa.binary()),
            pa.field("nested", pa.list_(pa.struct([("x", pa.int8())]))),
            pa.field("word", pa.dictionary(pa.int8(), pa.string())),
            pa.field("unsigned", pa.uint64()),
        ]
    )
    lines = create_table("t", schema, in_schema="s").splitlines()
    assert lines[0] == 'CREATE TABLE "s"."t" ('
    assert [line.strip(" ,").partition('" ')[2] for line in lines[1:-1]] == [
        "BOOLEAN", "SMALLINT", "BIGINT", "REAL", "DOUBLE PRECISION", "DECIMAL(20,8)", "VARCHAR(65535)", "DATE",
        "TIMESTAMP", "TIMESTAMPTZ", "TIME", "VARBYTE", "SUPER", "VARCHAR(65535)", "DECIMAL(20,0)",
    ]  # fmt: skip
