"""Any table: what Spark wrote as plain Parquet reads the same through the source, encrypted as it is or by us."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T  # noqa: N812 - the usual name

from s3cse.spark import read, view, write
from spark.fixtures import Table, new_table

#: Each example costs several Spark jobs.
EXAMPLES = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
_DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1))
_MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
_LEAVES: tuple[tuple[T.DataType, st.SearchStrategy[Any]], ...] = (
    (T.BooleanType(), st.booleans()),
    (T.ByteType(), st.integers(-128, 127)),
    (T.ShortType(), st.integers(-(2**15), 2**15 - 1)),
    (T.IntegerType(), st.integers(-(2**31), 2**31 - 1)),
    (T.LongType(), st.integers(-(2**63), 2**63 - 1)),
    (T.FloatType(), st.floats(width=32)),
    (T.DoubleType(), st.floats()),
    (T.StringType(), _TEXT),
    (T.BinaryType(), st.binary(max_size=8).map(bytearray)),
    (T.DateType(), _DAYS),
    (T.TimestampType(), _MOMENTS),
    (T.TimestampNTZType(), _MOMENTS),
    (T.DecimalType(9, 2), st.decimals(-(10**6), 10**6, places=2).map(decimal.Decimal)),
    (T.DecimalType(38, 6), st.decimals(-(10**25), 10**25, places=6).map(decimal.Decimal)),
)
Column = tuple[T.DataType, st.SearchStrategy[Any]]


def nested(inner: st.SearchStrategy[Column]) -> st.SearchStrategy[Column]:
    """Return lists, structs and maps of these columns."""

    def of_list(column: Column) -> Column:
        return T.ArrayType(column[0]), st.lists(st.none() | column[1], max_size=3)

    def of_struct(columns: list[Column]) -> Column:
        fields = [T.StructField(f"f{number}", column[0]) for number, column in enumerate(columns)]
        return T.StructType(fields), st.tuples(*(st.none() | column[1] for column in columns))

    def of_map(column: Column) -> Column:
        return T.MapType(T.StringType(), column[0]), st.dictionaries(_TEXT, st.none() | column[1], max_size=3)

    return inner.map(of_list) | st.lists(inner, min_size=1, max_size=3).map(of_struct) | inner.map(of_map)


columns = st.recursive(st.sampled_from(_LEAVES), nested, max_leaves=4)


@st.composite
def tables(draw: st.DrawFn) -> tuple[T.StructType, list[tuple[Any, ...]]]:
    """Draw a table: an id, and up to twelve columns with nulls among their values; perhaps no row at all."""
    kinds = draw(st.lists(columns, min_size=1, max_size=12))
    schema = T.StructType(
        [T.StructField("id", T.LongType()), *(T.StructField(f"c{n}", kind) for n, (kind, _) in enumerate(kinds))]
    )
    rows = draw(st.lists(st.tuples(*(st.none() | values for _, values in kinds)), max_size=12))
    return schema, [(number, *row) for number, row in enumerate(rows)]


def shown(df: DataFrame) -> list[str]:
    """Return the rows in order, as text: NaN is equal to itself there."""
    return [repr(row) for row in sorted(df.collect(), key=lambda row: row.id)]


@EXAMPLES
@given(table=tables(), row_group=st.sampled_from([1 << 10, 128 << 20]))
def test_any_table_reads_as_spark_reads_it_plain(
    table: tuple[T.StructType, list[tuple[Any, ...]]],
    row_group: int,
    spark: SparkSession,
    s3: Any,
    kms: Any,
    kms_key: str,
    shared_bucket: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Spark's own files, byte for byte in encrypted objects, and the files that our writer makes of the same rows."""
    schema, rows = table
    plain = tmp_path_factory.mktemp("plain") / "table"
    df = spark.createDataFrame(rows, schema).repartition(2)
    df.write.option("parquet.block.size", row_group).parquet(str(plain))
    expected = shown(spark.read.schema(schema).parquet(str(plain)))
    assert len(expected) == len(rows)
    theirs, ours = (new_table(spark, s3, kms, kms_key, shared_bucket) for _ in range(2))
    copy_files(plain, theirs)
    write(df, ours.uri, **ours.options)
    for encrypted in (theirs, ours):
        found = read(spark, encrypted.uri, **encrypted.options)
        assert [(field.name, field.dataType) for field in found.schema] == [
            (field.name, field.dataType) for field in schema
        ]
        assert shown(found) == expected


def copy_files(plain: Path, table: Table) -> None:
    """Put Spark's plain files into the table, encrypted as they are."""
    for path in plain.glob("part-*.parquet"):
        table.put(path.name, path.read_bytes())


CONDITIONS = (
    "k = 3",
    "k <> 3",
    "k IN (1, 5, 12)",
    "k NOT IN (1, 5)",
    "x > 0.5",
    "x <= -1",
    "x IS NULL",
    "s LIKE 'b%'",
    "s = 'b1' OR k < 2",
    "NOT (k > 4 AND x > 0)",
    "s IS NOT NULL AND k BETWEEN 2 AND 9",
    "p = 1 AND k > 3",
    "p IS NULL OR p = 2",
    "p IN (0, 2) AND x < 0",
)


@pytest.fixture(scope="module")
def pair(
    spark: SparkSession, s3: Any, kms: Any, kms_key: str, shared_bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DataFrame, Table]:
    """A table with folders, NaN, nulls and several row groups: plain on disk, and encrypted by our writer."""
    values: list[float | None] = [None, math.nan, -math.inf, -1.5, -0.0, 0.0, 0.5, 2.0, math.inf]
    rows = [
        (n, n % 13 if n % 7 else None, values[n % len(values)], f"{'abc'[n % 3]}{n % 5}" if n % 11 else None, n % 3)
        for n in range(400)
    ]
    df = spark.createDataFrame(rows, "id long, k int, x double, s string, p int")
    df = df.selectExpr("id", "k", "x", "s", "IF(p = 0 AND id % 2 = 0, NULL, p) p").repartition(2)
    folder = tmp_path_factory.mktemp("filters") / "table"
    df.write.partitionBy("p").parquet(str(folder))
    table = new_table(spark, s3, kms, kms_key, shared_bucket)
    write(df, table.uri, partition_by=["p"], **table.options)
    return spark.read.parquet(str(folder)), table


@pytest.mark.parametrize("condition", CONDITIONS)
def test_filters_never_change_a_result(spark: SparkSession, pair: tuple[DataFrame, Table], condition: str) -> None:
    """The option gives the rows that Spark's own filter gives."""
    plain, table = pair
    found = read(spark, table.uri, filter=condition, **table.options)
    assert shown(found) == shown(plain.filter(condition))


def test_two_reads_of_one_table_with_different_filters(spark: SparkSession, pair: tuple[DataFrame, Table]) -> None:
    """In one query, joined and united, each read keeps its own filter."""
    plain, table = pair
    names = [f"v{uuid.uuid4().hex}" for _ in range(2)]
    for name, condition in zip(names, ("k = 5", "k = 7"), strict=True):
        view(spark, name, table.uri, filter=condition, **table.options)
    fives, sevens = plain.filter("k = 5").count(), plain.filter("k = 7").count()
    both = spark.sql(f"SELECT (SELECT count(*) FROM {names[0]}) a, (SELECT count(*) FROM {names[1]}) b").first()
    assert tuple(both) == (fives, sevens)
    assert spark.sql(f"SELECT * FROM {names[0]} UNION ALL SELECT * FROM {names[1]}").count() == fives + sevens
    assert spark.sql(f"SELECT * FROM {names[0]} a JOIN {names[1]} b ON a.id = b.id").count() == 0
