"""Files that other programs wrote: types that Spark does not have, missing columns, plain files."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

import s3cse.spark
from s3cse.spark.explain import explain
from spark.fixtures import Table

INSTANT = dt.datetime(1890, 5, 5, 1, 2, 3, 4)


def test_types_of_other_writers_become_spark_types(table: Table) -> None:
    """INT96, unsigned, large, dictionary, half and other types of pyarrow's arrive as Spark's nearest exact type."""
    columns = {
        "tiny": pa.array([255, None], pa.uint8()),
        "wide": pa.array([2**64 - 1, None], pa.uint64()),
        "half": pa.array([1.5, None], pa.float16()),
        "text": pa.array(["a", None], pa.large_string()),
        "view": pa.array(["v", None], pa.string_view()),
        "code": pa.array(["x", None]).dictionary_encode(),
        "fixed": pa.array([b"abcd", None], pa.binary(4)),
        "day": pa.array([dt.date(1890, 5, 5), None], pa.date64()),
        "milli": pa.array([dt.datetime(1890, 5, 5), None], pa.timestamp("ms", "Europe/Paris")),
        "nano": pa.array([dt.datetime(1990, 5, 5), None], pa.timestamp("ns")),
        "lists": pa.array([[1, None], None], pa.large_list(pa.uint16())),
        "short": pa.array([123, None], pa.decimal256(20, 0)),
    }
    table.put("f.parquet", pa.table(columns))
    found = table.read()
    assert dict(found.dtypes) == {
        "tiny": "smallint", "wide": "decimal(20,0)", "half": "float", "text": "string", "view": "string",
        "code": "string", "fixed": "binary", "day": "date", "milli": "timestamp", "nano": "timestamp_ntz",
        "lists": "array<int>", "short": "decimal(20,0)",
    }  # fmt: skip
    first, second = found.collect()
    assert (first.tiny, int(first.wide), first.half, first.text, first.view) == (255, 2**64 - 1, 1.5, "a", "v")
    assert (first.code, bytes(first.fixed), first.day, first.nano) == (
        "x", b"abcd", dt.date(1890, 5, 5), dt.datetime(1990, 5, 5),
    )  # fmt: skip
    assert (first.lists, int(first.short)) == ([1, None], 123)
    assert table.read("milli timestamp").selectExpr("unix_micros(milli) AS us").first().us == -29_095 * 86_400_000_000
    assert set(second) == {None}


def test_int96_is_an_instant(table: Table) -> None:
    """Timestamps of old Spark and Hive are instants, before 1900 and after 2262 as well."""
    far = dt.datetime(2600, 1, 1)
    rows = pa.table({"at": pa.array([INSTANT, far], pa.timestamp("us"))})
    table.put("f.parquet", rows, use_deprecated_int96_timestamps=True)
    found = table.read()
    assert found.dtypes == [("at", "timestamp")]
    micros = [(moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1) for moment in (INSTANT, far)]
    assert [row.us for row in found.selectExpr("unix_micros(at) AS us").collect()] == micros


def test_files_of_one_table_may_differ(table: Table) -> None:
    """Other column orders, letter case, missing columns, narrower types, files without rows: each row is right."""
    table.put("a.parquet", pa.table({"id": pa.array([1], pa.int64()), "text": ["a"]}))
    table.put("b.parquet", pa.table({"TEXT": ["b"], "ID": pa.array([2], pa.int32())}))
    table.put("c.parquet", pa.table({"id": pa.array([3], pa.int64())}))
    table.put("d.parquet", pa.table({"id": pa.array([], pa.int64()), "text": pa.array([], pa.string())}))
    found = table.read("id bigint, text string")
    assert sorted(map(tuple, found.collect()), key=str) == [(1, "a"), (2, "b"), (3, None)]
    merged = table.read(schemaMode="merge", columns="id")
    assert sorted(row.id for row in merged.collect()) == [1, 2, 3]


def test_plain_files_are_read_only_if_that_is_allowed(table: Table) -> None:
    """An object that is not encrypted is refused by name, or passed through where the reader says so."""
    table.put("encrypted.parquet", pa.table({"id": [1, 2, 3]}))
    table.put("plain.parquet", pa.table({"id": [4]}), profile=None)
    with pytest.raises(Exception, match=rf"{table.uri}plain\.parquet: .*plaintext=pass") as caught:
        table.read("id bigint").collect()
    assert (explain(caught.value) or "").startswith("PolicyError: ")
    assert sorted(row.id for row in table.read(plaintext="pass").collect()) == [1, 2, 3, 4]


def test_one_object_is_a_table(table: Table) -> None:
    """The address of one file reads that file."""
    table.put("a.parquet", pa.table({"id": [1]}))
    location = table.put("b.parquet", pa.table({"id": [2]}))
    one = s3cse.spark.read(table.spark, location.uri, **table.options)
    assert [row.id for row in one.collect()] == [2]
