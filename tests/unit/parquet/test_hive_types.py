"""Types of partition columns, inferred as Spark does."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3cse.parquet.hive_types import infer_column, typed_value

NULL = "__HIVE_DEFAULT_PARTITION__"
#: Seen with Spark 4.3.0; test_spark_infers_the_same repeats it.
INFERRED: dict[tuple[str, ...], str] = {
    ("1",): "int", ("01", "2"): "int", ("+5",): "int", ("-0",): "int", ("00",): "int", ("2147483647",): "int",
    ("2147483648",): "bigint", ("1", "2147483648"): "bigint", ("-9223372036854775808",): "bigint",
    ("9223372036854775808",): "decimal(19,0)", ("99999999999999999999",): "decimal(20,0)",
    ("1", "99999999999999999999"): "decimal(20,0)", ("3000000000", "99999999999999999999"): "decimal(20,0)",
    ("1" * 39,): "double", ("1e5",): "decimal(6,0)", ("1e5", "1"): "decimal(10,0)", ("1e30", "1"): "decimal(31,0)",
    ("1e30", "3000000000"): "decimal(31,0)", ("1e37",): "decimal(38,0)", ("1e38",): "double", ("1e40",): "double",
    ("5.",): "decimal(1,0)", ("1e0",): "decimal(1,0)", ("1.0e1",): "decimal(2,0)", ("10e-1",): "double",
    ("0e-5",): "double",
    ("1E-5",): "double", ("1.5",): "double", ("1d",): "double", ("1f",): "double", ("NaN",): "double",
    ("Infinity",): "double",
    ("0x1p3",): "double", ("1E400",): "double", (".5",): "double", ("1 ",): "double", (" 1.5 ",): "double",
    ("1", "1.5"): "double", ("3000000000", "1.5"): "string", ("99999999999999999999", "1.5"): "string",
    ("1", "1.5", "3000000000"): "string", ("1.50", "1e5"): "string", ("1L",): "string", ("1_0",): "string",
    ("-",): "string",
    ("2013-01-01",): "date", ("0001-01-01",): "date", ("2013-1-1",): "string", ("2013-01",): "string",
    ("2013-02-30",): "string",
    ("2013-01-01x",): "string", ("12013-01-01",): "string", ("+2013-01-01",): "string",
    ("2013-01-01 00%3A00%3A00",): "timestamp", ("2013-01-01 00%3A00%3A00.1",): "timestamp",
    ("2013-01-01 00%3A00%3A00.12",): "string", ("2013-01-01 10%3A00%3A00.123456",): "string",
    ("2013-01-01T10%3A00%3A00",): "string",
    ("2013-01-01 1%3A00%3A00",): "string", ("2013-01-01 25%3A00%3A00",): "string",
    ("2013-01-01 10%3A00%3A00Z",): "string",
    ("2013-01-01", "2013-01-02 00%3A00%3A00"): "timestamp", ("2013-01-01", "1"): "string",
    ("2013-01-01", "x"): "string",
    ("true",): "string", ("x", "1"): "string", (NULL, "1"): "int", (NULL, "x"): "string", (NULL, "1.5"): "double",
    (NULL, "2013-01-01"): "date", ("a%20b",): "string", ("%31",): "string", ("x", NULL, "2013-01-01"): "string",
}  # fmt: skip
NAMES = {"int": pa.int32(), "bigint": pa.int64(), "double": pa.float64(), "string": pa.string(), "date": pa.date32(),
         "timestamp": pa.timestamp("us", "UTC")}  # fmt: skip


def arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a Spark type's name."""
    if name.startswith("decimal"):
        return pa.decimal128(int(name[8:-3]), 0)
    return NAMES[name]


@pytest.mark.parametrize(("raws", "name"), INFERRED.items())
def test_types_are_inferred(raws: tuple[str, ...], name: str) -> None:
    """All of a column's values together decide its type, and each value then has one of that type."""
    found = infer_column(raws)
    assert found == arrow_type(name)
    for raw in raws:
        value = typed_value(raw, found)
        assert pa.scalar(value, type=found).is_valid == (raw != NULL)


def test_a_column_of_nulls_is_a_string() -> None:
    """Where nothing is known, any later value will fit."""
    assert infer_column([NULL]) == pa.string()
    assert infer_column([]) == pa.string()


@pytest.mark.spark
def test_spark_infers_the_same(spark: Any, tmp_path: Path) -> None:
    """Spark itself infers these types and values from the same folders."""
    found, mine = [], defaultdict(list)
    for number, (raws, name) in enumerate(INFERRED.items()):
        for raw in raws:
            folder = tmp_path / str(number) / f"p={raw}"
            folder.mkdir(parents=True)
            pq.write_table(pa.table({"v": [1]}), folder / "x.parquet")
        # With the file's columns given, Spark infers the folders' alone, and starts no job for it.
        frame = spark.read.schema("v bigint").parquet(str(tmp_path / str(number)))
        assert frame.schema["p"].dataType.simpleString() == name, raws
        found.append(frame.selectExpr(f"{number} AS number", "CAST(p AS STRING) AS p"))
        given = arrow_type(name)
        mine[name] += [(number, pa.scalar(typed_value(raw, given), type=given).as_py()) for raw in raws]
    texts = [
        spark.createDataFrame(rows, f"number int, p {name}").selectExpr("number", "CAST(p AS STRING) AS p")
        for name, rows in mine.items()
    ]
    assert rows_of(texts) == rows_of(found)


def rows_of(frames: list[Any]) -> set[tuple[int, str]]:
    """Return the rows of several frames, by one job."""
    return {(row.number, repr(row.p)) for row in reduce(lambda one, other: one.union(other), frames).collect()}


@pytest.mark.parametrize(
    ("raw", "given", "value"),
    [
        ("01", pa.string(), "01"), ("x%20y", pa.string(), "x y"), (NULL, pa.string(), None), (NULL, pa.int32(), None),
        ("01", pa.int32(), 1), ("127", pa.int8(), 127), ("1", pa.int64(), 1), ("1", pa.float64(), 1.0),
        ("-Infinity", pa.float32(), -math.inf), ("1.5", pa.decimal128(5, 2), Decimal("1.50")),
        ("1e2", pa.decimal128(5, 0), Decimal(100)),
        ("TRUE", pa.bool_(), True), ("false", pa.bool_(), False), ("2013", pa.date32(), date(2013, 1, 1)),
        ("2013-01-02", pa.timestamp("us", "UTC"), datetime(2013, 1, 2)),
        ("2013-01-02 03%3A04%3A05.000006", pa.timestamp("us"), datetime(2013, 1, 2, 3, 4, 5, 6)),
    ],
)  # fmt: skip
def test_values_of_a_given_type(raw: str, given: pa.DataType, value: object) -> None:
    """A type that the user gave decides how a value is read."""
    assert typed_value(raw, given) == value


@pytest.mark.parametrize(
    ("raw", "given"),
    [
        ("x", pa.int32()), ("1.5", pa.int32()), ("128", pa.int8()), ("300", pa.int8()), ("9" * 50, pa.int64()),
        ("x", pa.float64()),
        ("1.55", pa.decimal128(3, 1)), ("100", pa.decimal128(3, 1)), ("1e999999999", pa.decimal128(38, 0)),
        ("1", pa.bool_()),
        ("soon", pa.date32()), ("soon", pa.timestamp("us", "UTC")), ("1", pa.list_(pa.int8())), ("x", pa.binary()),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_errors(raw: str, given: pa.DataType) -> None:
    """Nothing is rounded, wrapped around or made null, as some releases of Spark do."""
    with pytest.raises(ValueError, match=r"is no"):
        typed_value(raw, given)
