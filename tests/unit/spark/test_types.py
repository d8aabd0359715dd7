"""Arrow and Spark types."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.sql import SparkSession
from pyspark.sql import types as st
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from s3cse.errors import SettingsError
from s3cse.parquet.conform import conform
from s3cse.spark.types import spark_ready, to_arrow, to_spark

UTC = pa.timestamp("us", tz="UTC")

READY: list[tuple[Any, Any]] = [
    (pa.bool_(), pa.bool_()), (pa.int8(), pa.int8()), (pa.int16(), pa.int16()), (pa.int32(), pa.int32()),
    (pa.int64(), pa.int64()),
    (pa.uint8(), pa.int16()), (pa.uint16(), pa.int32()), (pa.uint32(), pa.int64()), (pa.uint64(), pa.decimal128(20, 0)),
    (pa.float16(), pa.float32()), (pa.float32(), pa.float32()), (pa.float64(), pa.float64()),
    (pa.string(), pa.string()), (pa.large_string(), pa.string()), (pa.string_view(), pa.string()),
    (pa.dictionary(pa.int32(), pa.large_string()), pa.string()), (pa.dictionary(pa.int8(), pa.uint8()), pa.int16()),
    (pa.binary(), pa.binary()), (pa.large_binary(), pa.binary()), (pa.binary(16), pa.binary()),
    (pa.binary_view(), pa.binary()),
    (pa.date32(), pa.date32()), (pa.date64(), pa.date32()), (pa.null(), pa.null()),
    (pa.timestamp("ns", "Europe/Berlin"), UTC), (pa.timestamp("s", "UTC"), UTC),
    (pa.timestamp("ms"), pa.timestamp("us")),
    (pa.decimal128(9, 2), pa.decimal128(9, 2)), (pa.decimal256(38, 5), pa.decimal128(38, 5)),
    (pa.list_(pa.uint8()), pa.list_(pa.field("element", pa.int16()))),
    (pa.large_list(pa.large_string()), pa.list_(pa.field("element", pa.string()))),
    (pa.list_(pa.float16(), 3), pa.list_(pa.field("element", pa.float32()))),
    (pa.struct([pa.field("a", pa.uint8(), nullable=False)]), pa.struct([("a", pa.int16())])),
    (pa.map_(pa.large_string(), pa.list_(pa.uint8())), pa.map_(pa.string(), pa.list_(pa.field("element", pa.int16())))),
]  # fmt: skip
if hasattr(pa, "decimal32"):  # pyarrow 19 and later
    READY += [(pa.decimal32(5, 2), pa.decimal128(5, 2)), (pa.decimal64(15, 0), pa.decimal128(15, 0))]


@pytest.mark.parametrize(("stored", "expected"), READY, ids=lambda each: str(each))
def test_stored_types_become_sparks(stored: Any, expected: Any) -> None:
    """Each type that a Parquet file may hold has one exact type, which is Spark's, and stays when mapped again."""
    found = spark_ready(pa.schema([pa.field("c", stored, nullable=stored == pa.null())], metadata={"pandas": "{}"}))
    assert found.equals(pa.schema([("c", expected)]), check_metadata=True)
    assert spark_ready(found).equals(found)
    assert to_arrow(to_spark(found)).equals(found)


@pytest.mark.parametrize(
    "stored",
    [pa.time32("s"), pa.time64("us"), pa.duration("us"), pa.month_day_nano_interval(), pa.decimal256(50, 2),
     pa.decimal128(5, -2), pa.list_(pa.time64("us")), pa.struct([("x", pa.duration("s"))]),
     pa.map_(pa.string(), pa.time32("s"))],
    ids=str,
)  # fmt: skip
def test_types_without_a_counterpart_name_the_column(stored: Any) -> None:
    """Times, durations and too long decimals are refused, at any depth."""
    with pytest.raises(SettingsError) as caught:
        spark_ready(pa.schema([("late", stored)]))
    assert "'late" in str(caught.value)
    assert caught.value.fix


def test_nullability_travels_both_ways() -> None:
    """Fields, list elements and map values keep whether they may be null."""
    ddl = st.StructType(
        [
            st.StructField("a", st.LongType(), False),
            st.StructField("l", st.ArrayType(st.StringType(), False)),
            st.StructField("m", st.MapType(st.StringType(), st.DecimalType(5, 2), False), False),
            st.StructField("s", st.StructType([st.StructField("x", st.TimestampNTZType(), False)])),
            st.StructField("n", st.NullType()),
        ]
    )
    assert to_spark(to_arrow(ddl)) == ddl
    assert not to_arrow(ddl).field("l").type.value_field.nullable


@pytest.mark.parametrize("spark_type", [st.CharType(3), st.VarcharType(3)])
def test_char_and_varchar_say_use_string(spark_type: st.DataType) -> None:
    """Spark refuses every batch for them, so the schema is refused with the way out."""
    with pytest.raises(SettingsError, match="Use string") as caught:
        to_arrow(st.StructType([st.StructField("c", st.ArrayType(spark_type))]))
    assert "'c.element'" in str(caught.value)


@pytest.mark.parametrize(
    "spark_type", [st.StringType("UNICODE_CI"), st.DayTimeIntervalType(), st.YearMonthIntervalType(), st.VariantType()]
)
def test_other_spark_types_are_refused(spark_type: st.DataType) -> None:
    """Collations, intervals and variants cannot be kept in these files."""
    with pytest.raises(SettingsError, match="'c'"):
        to_arrow(st.StructType([st.StructField("c", spark_type)]))


def test_to_spark_takes_exact_types_only() -> None:
    """A type that Spark would refuse in a batch gets no Spark type."""
    for inexact in (pa.large_string(), pa.timestamp("ns"), pa.uint8(), pa.decimal256(5, 2)):
        with pytest.raises(SettingsError):
            to_spark(pa.schema([("c", inexact)]))


class _Reader(DataSourceReader):
    def __init__(self, schema: st.StructType) -> None:
        self._schema = schema

    def partitions(self) -> list[InputPartition]:
        return [InputPartition(0)]

    def read(self, partition: InputPartition) -> Iterator[Any]:
        yield _every_type(to_arrow(self._schema))


class EveryType(DataSource):
    """Offers one batch with a column of every type that files may hold."""

    @classmethod
    def name(cls) -> str:
        """The format's name."""
        return "everytype"

    def schema(self) -> st.StructType:
        """Return the schema as this package derives it from files."""
        return to_spark(spark_ready(_stored().schema))

    def reader(self, schema: st.StructType) -> DataSourceReader:
        """Return the reader."""
        return _Reader(schema)


def _stored() -> Any:
    small = {f"c{number}": pa.nulls(2, stored) for number, (stored, _) in enumerate(READY)}
    small["at"] = pa.array([1357034400000000000, None], pa.timestamp("ns", "Asia/Tokyo"))
    lists = pa.map_(pa.large_string(), pa.list_(pa.uint8()))
    small["deep"] = pa.array([[{"m": [("k", [1, None])]}], None], pa.large_list(pa.struct([("m", lists)])))
    return pa.record_batch(small)


def _every_type(target: Any) -> Any:
    return conform(_stored(), target, uri="s3://b/k")


@pytest.mark.spark
def test_spark_takes_batches_of_every_type() -> None:
    """A real Spark accepts the conformed batch, nested types and all, and shows its values."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    spark.dataSource.register(EveryType)
    rows = spark.read.format("everytype").load().selectExpr("CAST(at AS TIMESTAMP_NTZ) AS at", "deep").collect()
    assert rows[0].at == datetime(2013, 1, 1, 10)
    assert rows[0].deep[0].m == {"k": [1, None]}
    assert (rows[1].at, rows[1].deep) == (None, None)
