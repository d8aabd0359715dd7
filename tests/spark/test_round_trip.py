"""What is written is what is read, for every type and every way to ask for it."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

import s3cse.spark
from s3cse.spark.explain import explain
from spark.fixtures import Table

POINT = StructType([StructField("x", IntegerType()), StructField("tags", ArrayType(StringType()))])
#: A column per type, with values at the edges; None is added to each.
TYPES: dict[str, tuple[DataType, list[Any]]] = {
    "boolean": (BooleanType(), [True, False]),
    "byte": (ByteType(), [-128, 127]),
    "short": (ShortType(), [-32768, 32767]),
    "integer": (IntegerType(), [-(2**31), 2**31 - 1]),
    "long": (LongType(), [-(2**63), 2**63 - 1]),
    "float": (FloatType(), [float("nan"), float("-inf"), -0.0, 1.5]),
    "double": (DoubleType(), [float("nan"), float("inf"), 5e-324, -1.7976931348623157e308]),
    "money": (DecimalType(5, 2), [Decimal("-999.99"), Decimal("0.01")]),
    "huge": (DecimalType(38, 18), [Decimal("-99999999999999999999.999999999999999999"), Decimal("1e-18")]),
    "string": (StringType(), ["", "naïve 🦆\n", "\x00", "x" * 5000]),
    "binary": (BinaryType(), [b"", bytes(range(256))]),
    "date": (DateType(), [dt.date(1, 1, 1), dt.date(1582, 10, 4), dt.date(1899, 12, 31), dt.date(9999, 12, 31)]),
    "instant": (
        TimestampType(),
        [dt.datetime(2, 1, 1), dt.datetime(1883, 11, 18, 17, 3, 57, 999999), dt.datetime(9998, 1, 1)],
    ),
    "local": (
        TimestampNTZType(),
        [dt.datetime(1, 1, 1), dt.datetime(1883, 11, 18, 12, 3, 57, 999999), dt.datetime(2024, 3, 10, 2, 30)],
    ),
    "list": (ArrayType(IntegerType()), [[], [1, None, 3]]),
    "full_list": (ArrayType(LongType(), containsNull=False), [[], [1, 2]]),
    "lists": (ArrayType(ArrayType(StringType())), [[[], None, ["a", None]]]),
    "map": (MapType(StringType(), DoubleType()), [{}, {"a": None, "ü": 1.0}]),
    "struct": (POINT, [Row(x=None, tags=None), Row(x=1, tags=["t", None])]),
    "deep": (
        MapType(IntegerType(), ArrayType(POINT)),
        [{1: [Row(x=1, tags=[]), None], 2: None}],
    ),
}


def every_type(spark: SparkSession) -> Any:
    """Return a DataFrame with a column per type, nulls included."""
    longest = max(len(values) for _, values in TYPES.values())
    rows = [
        (number, *((values[number] if number < len(values) else None) for _, values in TYPES.values()))
        for number in range(longest + 1)
    ]
    columns = [StructField(name, kind) for name, (kind, _) in TYPES.items()]
    return spark.createDataFrame(rows, StructType([StructField("id", IntegerType()), *columns]))


def collected(df: Any) -> list[str]:
    """Return the rows as text, sorted; NaN equals itself there."""
    return sorted(map(repr, df.collect()))


def test_every_type_comes_back(spark: SparkSession, table: Table) -> None:
    """Every supported type, with nulls and extreme values, comes back as the same type with the same values."""
    df = every_type(spark)
    table.write(df)
    found = table.read()
    assert collected(found) == collected(df)
    assert found.schema.simpleString() == df.schema.simpleString()
    # As text, in the session's zone, there is no conversion by Python in between.
    as_text = [F.col(name).cast("string") for name in ("instant", "local", "date", "huge", "double")]
    assert collected(found.select(*as_text)) == collected(df.select(*as_text))


def test_types_that_have_no_place_are_refused_by_name(spark: SparkSession, table: Table) -> None:
    """A type outside the mapping is an error on the driver that names the column, and nothing is written."""
    with pytest.raises(Exception, match="column 'took'") as caught:
        table.write(spark.sql("SELECT 1 AS id, INTERVAL '1' DAY AS took"))
    assert (explain(caught.value) or "").startswith("SettingsError: ")
    assert table.names() == []


def test_append_adds_and_overwrite_replaces(spark: SparkSession, table: Table) -> None:
    """Append adds rows to what is there; overwrite leaves only its own, under the same address."""
    for start in (0, 10):
        table.write(spark.range(start, start + 10, numPartitions=2))
    assert sorted(row.id for row in table.read().collect()) == list(range(20))
    table.write(spark.range(100, 103, numPartitions=2), "overwrite")
    assert sorted(row.id for row in table.read().collect()) == [100, 101, 102]
    assert sorted(table.names())[0] == "_SUCCESS"
    assert len(table.names()) == 3


def test_functions_do_the_same(spark: SparkSession, table: Table) -> None:
    """write, read and count of s3cse.spark take the session's settings, columns and filters."""
    spark.conf.set("spark.s3cse.kmsKeyId", table.options["kmsKeyId"])
    try:
        df = spark.range(100).withColumn("text", F.concat(F.lit("t"), "id")).withColumn("part", F.col("id") % 3)
        s3cse.spark.write(df, table.uri, "overwrite", ["part"])
        found = s3cse.spark.read(spark, table.uri, ["text", "part"], "id < 4")
        assert collected(found) == collected(df.where("id < 4").select("text", F.col("part").cast("int").alias("part")))
        assert s3cse.spark.count(spark, table.uri, "id >= 90 AND part = 0") == 4
    finally:
        spark.conf.unset("spark.s3cse.kmsKeyId")


def test_partitions_with_awkward_values(spark: SparkSession, table: Table) -> None:
    """Special characters, nulls and dates become folders and come back; more values than open files are fine."""
    texts = ["a/b", "ü=1", None, "%41", "a b", "x:y", "{}", "\\", "*?", "#[]", "tab\t", "'q'"]
    rows = [
        (number, texts[number % 12], dt.date(1890, 1, 1) if number % 2 else None, f"row {number}")
        for number in range(240)
    ]
    df = spark.createDataFrame(rows, "id int, k string, day date, text string").repartition(1)
    table.write(df, partitionBy=json.dumps(["k", "day"]))
    found = table.read()
    assert found.columns == ["id", "text", "k", "day"]
    assert dict(found.dtypes) == dict(df.dtypes)
    assert collected(found.select(df.columns)) == collected(df)
    assert any(name.startswith("k=%2541/day=1890-01-01/part-") for name in table.files())
    # A filter on a folder reads that folder's rows and no others.
    assert table.read(filter="k = '%41' AND day IS NULL").count() == 0
    assert table.read(filter="k = '%41' AND day = DATE '1890-01-01'").count() == 20


def test_partitions_get_the_type_that_is_asked_for(spark: SparkSession, table: Table) -> None:
    """Folders whose values look like numbers are numbers, unless the schema says that they are strings."""
    table.write(spark.createDataFrame([(1, "01"), (2, "2")], "id int, code string"), partitionBy="code")
    assert sorted(row.code for row in table.read().collect()) == [1, 2]
    assert sorted(row.code for row in table.read("code string, id int").collect()) == ["01", "2"]


@pytest.fixture(scope="module")
def plain_table(spark: SparkSession, s3: Any, kms: Any, kms_key: str, shared_bucket: str) -> Table:
    """Sixty rows of four columns in three files, that no test changes."""
    from spark.fixtures import new_table

    table = new_table(spark, s3, kms, kms_key, shared_bucket)
    df = spark.range(0, 60, numPartitions=3).selectExpr(
        "cast(id as int) AS a", "concat('b', id) AS B", "IF(id % 7 = 0, NULL, id / 4) AS c", "id AS d"
    )
    table.write(df)
    return table


@pytest.mark.parametrize("ask", [{"schema": "d bigint, A int"}, {"columns": "d,A"}, {"columns": '["D", "a"]'}], ids=str)
def test_projection(plain_table: Table, ask: dict[str, str]) -> None:
    """Some columns, in another order and letter case, have the right values: none are swapped."""
    found = plain_table.read(**ask)
    assert [name.lower() for name in found.columns] == ["d", "a"]
    assert sorted(tuple(row) for row in found.collect()) == [(number, number) for number in range(60)]


@pytest.mark.parametrize(
    "condition",
    [
        "a > 50",
        "c IS NULL OR B = 'b9'",
        "NOT (c < 5) AND d BETWEEN 10 AND 40",
        "B LIKE 'b_' AND a NOT IN (1, 2, NULL)",
        "B LIKE 'b1%' AND a IN (1, 2, 10, 11)",
        "c = 2.5 AND a <> 3",
    ],
)
def test_filter_equals_spark(plain_table: Table, condition: str) -> None:
    """The option filter gives exactly the rows that Spark's own WHERE does."""
    assert collected(plain_table.read(filter=condition)) == collected(plain_table.read().where(condition))


def test_each_load_has_its_own_filter(plain_table: Table) -> None:
    """Two reads of one table in one query do not see each other's filter (the push-down leak of Spark 4.1 to 4.3)."""
    one, two, all_rows = plain_table.read(filter="a = 5"), plain_table.read(filter="a = 7"), plain_table.read()
    assert one.union(all_rows).count() == 61
    assert one.join(two, "a").count() == 0
    assert [row.a for row in one.collect()] == [5]


@pytest.mark.data_source
def test_sql_view_keeps_the_options(spark: SparkSession, plain_table: Table) -> None:
    """A temporary view over the format can be queried in SQL."""
    spark.sql(
        f"CREATE OR REPLACE TEMPORARY VIEW flights USING s3cse OPTIONS "
        f"(path '{plain_table.uri}', kmsKeyId '{plain_table.options['kmsKeyId']}')"
    )
    assert spark.sql("SELECT sum(d) AS total FROM flights WHERE a < 10").first() == Row(total=45)


def test_empty_dataframe_keeps_its_schema(spark: SparkSession, table: Table) -> None:
    """A table written from no rows can be read: no rows, all columns; and it can be appended to."""
    table.write(spark.createDataFrame([], "id bigint, s struct<x: array<string>>"))
    assert table.read().schema.simpleString() == "struct<id:bigint,s:struct<x:array<string>>>"
    assert table.read().count() == 0
    table.write(spark.createDataFrame([(1, None)], "id bigint, s struct<x: array<string>>"))
    assert [row.id for row in table.read().collect()] == [1]


def test_empty_partitioned_dataframe_keeps_its_schema(spark: SparkSession, table: Table) -> None:
    """A partitioned table written from no rows can be read, folders as strings; rows then tell the type."""
    table.write(spark.createDataFrame([], "id bigint, part int"), partitionBy="part")
    assert table.read().schema.simpleString() == "struct<id:bigint,part:string>"
    assert table.read().count() == 0
    table.write(spark.createDataFrame([(1, 7)], "id bigint, part int").repartition(2), partitionBy="part")
    assert [tuple(row) for row in table.read().collect()] == [(1, 7)]


def test_overwrite_of_the_table_that_is_read(spark: SparkSession, table: Table) -> None:
    """A query may overwrite its own source: the old files are there until the new ones are."""
    table.write(spark.range(10))
    table.write(table.read().where("id >= 5"), "overwrite")
    assert sorted(row.id for row in table.read().collect()) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("profile", ["emrfs", "emrfs-v2"])
def test_profile_decides_what_is_stored(spark: SparkSession, table: Table, profile: str) -> None:
    """The option profile decides about cipher and headers; CBC is read back only where the reader allows it."""
    table.write(spark.range(10), profile=profile)
    body, metadata = table.body(table.files()[0])
    assert b"PAR1" not in body
    if profile == "emrfs-v2":
        assert (metadata["x-amz-cek-alg"], metadata["x-amz-wrap-alg"]) == ("AES/GCM/NoPadding", "kms+context")
        assert table.read().count() == 10
    else:
        assert (metadata["x-amz-cek-alg"], metadata["x-amz-wrap-alg"]) == ("AES/CBC/PKCS5Padding", "kms")
        assert table.read(legacy="allow").count() == 10


def test_encryption_context_is_bound(spark: SparkSession, table: Table) -> None:
    """A context given on writing must be given on reading, where one is given at all."""
    table.write(spark.range(3), context='{"team": "flights"}')
    assert table.read(context='{"team": "flights"}').count() == 3
    assert table.read().count() == 3
    with pytest.raises(Exception, match="encryption context") as caught:
        table.read(context='{"team": "other"}').count()
    assert (explain(caught.value) or "").startswith("KeyringError: ")
