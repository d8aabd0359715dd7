"""Statements: what they say, and that Athena's dialect parses them."""

from __future__ import annotations

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import expressions as ex

from s3cse.errors import SettingsError
from s3cse.services.athena.ddl import add_partitions, create_table, repair_table
from s3cse.services.athena.definition import Partition, TableDefinition, define
from s3cse.services.athena.encryption import TableEncryption

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234"


def defined(**more: object) -> TableDefinition:
    """Return a table with a reserved word, nested types and a partition."""
    schema = pa.schema(
        [
            ("date", pa.date32()),
            ("amount", pa.decimal128(12, 2)),
            ("nested", pa.list_(pa.struct([("select", pa.int32()), ("tags", pa.map_(pa.string(), pa.string()))]))),
            ("month", pa.int32()),
        ]
    )
    return define("lake.t", schema, "s3://b/it's/", TableEncryption(KEY), partition_columns=["month"], **more)  # type: ignore[arg-type]


def test_create_table_is_athenas_own_language() -> None:
    """The statement parses in Athena's dialect to the columns, types, location and properties that were meant."""
    tree = sqlglot.parse_one(create_table(defined()), dialect="athena")
    assert isinstance(tree, ex.Create)
    assert tree.find(ex.Table).sql(dialect="hive") == "`lake`.`t`"  # type: ignore[union-attr]
    types = {column.name: column.kind.sql(dialect="hive") for column in tree.find_all(ex.ColumnDef) if column.kind}
    assert types["date"] == "DATE"
    assert types["amount"] == "DECIMAL(12, 2)"
    assert types["nested"] == "ARRAY<STRUCT<`select`: INT, `tags`: MAP<STRING, STRING>>>"
    assert types["month"] == "INT"
    assert tree.find(ex.LocationProperty).this.this == "s3://b/it's/"  # type: ignore[union-attr]
    properties = {
        found.this.name: found.args["value"].name for found in tree.find_all(ex.Property) if found.args.get("value")
    }
    assert properties["encryption_option"] == "CSE_KMS"
    assert properties["kms_key"] == KEY


def test_statement_of_the_other_mode() -> None:
    """Without a key the table says has_encrypted_data, and nothing of a key."""
    schema = pa.schema([("a", pa.int32())])
    text = create_table(define("lake.t", schema, "s3://b/t", TableEncryption()), if_not_exists=False)
    assert "'has_encrypted_data'='true'" in text
    assert "kms_key" not in text
    assert "IF NOT EXISTS" not in text
    assert "PARTITIONED" not in text


def test_partitions_are_added_a_hundred_at_a_time() -> None:
    """Values are quoted and escaped, locations given; more than a hundred become several statements."""
    partitions = [Partition((str(number),), f"s3://b/it's/month={number}/") for number in range(250)]
    statements = list(add_partitions(defined(), partitions))
    assert [text.count("PARTITION (") for text in statements] == [100, 100, 50]
    assert statements[0].startswith("ALTER TABLE `lake`.`t` ADD IF NOT EXISTS\n")
    assert "PARTITION (`month` = '7') LOCATION 's3://b/it\\'s/month=7/'" in statements[0]


def test_no_statement_adds_the_partition_of_null() -> None:
    """A statement cannot name it; the error says what can."""
    null = Partition(("__HIVE_DEFAULT_PARTITION__",), "s3://b/t/month=__HIVE_DEFAULT_PARTITION__/")
    with pytest.raises(SettingsError, match="MSCK REPAIR TABLE"):
        list(add_partitions(defined(), [null]))


def test_repair() -> None:
    """Athena can look for folders itself."""
    assert repair_table(defined()) == "MSCK REPAIR TABLE `lake`.`t`"
