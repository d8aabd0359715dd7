"""Statements for Athena in the hands of another parser of Hive's language: Spark's."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import SparkSession

from s3cse.services.athena.ddl import add_partitions, create_table, repair_table
from s3cse.services.athena.definition import Partition, define
from s3cse.services.athena.encryption import TableEncryption


def plan(spark: SparkSession, statement: str) -> str:
    """Return what Spark's parser makes of a statement; nothing is run."""
    return str(spark._jsparkSession.sessionState().sqlParser().parsePlan(statement).toString())


def test_spark_parses_the_statements(spark: SparkSession) -> None:
    """Reserved words, nested types, escaped locations and partition values mean the same to another parser."""
    schema = pa.schema(
        [
            ("date", pa.date32()),
            ("nested", pa.list_(pa.struct([("select", pa.decimal128(5, 2)), ("m", pa.map_(pa.string(), pa.int8()))]))),
            ("with blank", pa.timestamp("us", "UTC")),
            ("code", pa.string()),
        ]
    )
    definition = define(
        "lake.t", schema, "s3://b/it's/", TableEncryption("arn:aws:kms:us-east-1:111122223333:key/1234"),
        partition_columns=["code"],
    )  # fmt: skip
    created = plan(spark, create_table(definition))
    for part in ("lake", "nested", "select", "DecimalType(5,2)", "with blank", "s3://b/it's/", "kms_key"):
        assert part in created, created
    (added,) = add_partitions(definition, [Partition(("it's \\ 1",), "s3://b/it's/code=it's/")])
    for part in ("code", "it's \\ 1", "s3://b/it's/code=it's/"):
        assert part in plan(spark, added), plan(spark, added)
    assert "lake" in plan(spark, repair_table(definition))
