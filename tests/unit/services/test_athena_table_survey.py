"""What a table tells of itself."""

from __future__ import annotations

import pyarrow as pa
import pytest

from s3cse.errors import PolicyError, SettingsError
from s3cse.objects.policy import Policy
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.projection import integer_range
from s3cse.services.athena.table_survey import partitions_of, survey
from s3cse.storage.port import Location
from spark.fakes import CBC, Lake

KEY = TableEncryption("arn:aws:kms:us-east-1:111122223333:key/fake")
ROWS = pa.table({"id": pa.array([1], pa.int64()), "tags": [["a"]]})


def test_columns_and_partitions() -> None:
    """Columns come from a footer, partition columns with their types from the folders, partitions from both levels."""
    lake = Lake()
    for name in ("Month=1/code=a/f", "Month=1/code=a/g", "Month=2/code=b%3Ac/f", "_SUCCESS"):
        lake.put(name, ROWS if "=" in name else b"x")
    definition, partitions = survey(lake.store, lake.keyring, lake.table, "lake.t", KEY)
    assert [(column.name, column.type) for column in definition.columns] == [
        ("id", "bigint"),
        ("tags", "array<string>"),
    ]
    assert [(each.name, each.type) for each in definition.partition_columns] == [("month", "int"), ("code", "string")]
    assert [partition.values for partition in partitions] == [("1", "a"), ("2", "b:c")]
    assert partitions[1].location == "s3://bucket/lake/table/Month=2/code=b%3Ac/"


def test_types_of_partition_columns_may_be_given() -> None:
    """A given type stands over what the values look like; the values stay the folders' texts, as MSCK has them."""
    lake = Lake()
    lake.put("code=01/f", ROWS)
    definition, (partition,) = survey(
        lake.store, lake.keyring, lake.table, "lake.t", KEY, partition_types=pa.schema([("code", pa.string())])
    )
    assert definition.partition_columns[0].type == "string"
    assert partition.values == ("01",)


def test_null_partition_and_the_root_of_a_bucket() -> None:
    """Null's folder keeps its name as the value; a table may be a whole bucket."""
    (partition,) = partitions_of(Location("b", ""), ["month=__HIVE_DEFAULT_PARTITION__/f"])
    assert partition.values == ("__HIVE_DEFAULT_PARTITION__",)
    assert partition.location == "s3://b/month=__HIVE_DEFAULT_PARTITION__/"


def test_two_folders_of_one_partition() -> None:
    """They are refused, and both named: of two places for one partition the catalog would know one."""
    lake = Lake()
    for folder in ("city=San Juan", "city=San%20Juan"):
        lake.put(f"{folder}/f", ROWS)
    with pytest.raises(SettingsError, match=r"city=San Juan/ and .*city=San%20Juan/"):
        survey(lake.store, lake.keyring, lake.table, "lake.t", KEY)


def test_table_without_partitions() -> None:
    """Files at the top are a table without partitions."""
    lake = Lake()
    lake.put("f", ROWS)
    definition, partitions = survey(lake.store, lake.keyring, lake.table, "lake.t", KEY)
    assert (definition.partition_columns, partitions) == ((), ())


def test_projection() -> None:
    """A projection goes into the definition."""
    lake = Lake()
    lake.put("month=1/f", ROWS)
    definition, _ = survey(
        lake.store, lake.keyring, lake.table, "lake.t", KEY, projection={"month": integer_range(1, 12)}
    )
    assert definition.properties["projection.month.type"] == "integer"


def test_projection_that_leaves_folders_out() -> None:
    """It is refused, with the folder whose rows no query would see."""
    lake = Lake()
    for month in (1, 12):
        lake.put(f"month={month}/f", ROWS)
    with pytest.raises(SettingsError, match=r"leaves out 1 of .*month=12/.*range=1,11"):
        survey(lake.store, lake.keyring, lake.table, "lake.t", KEY, projection={"month": integer_range(1, 11)})


def test_merged_columns() -> None:
    """With merge the columns of all files are taken, else those of the smallest file."""
    lake = Lake()
    lake.put("f", ROWS)
    lake.put("g", ROWS.append_column("late", pa.array(["x" * 5000])))
    for merge, names in ((False, ["id", "tags"]), (True, ["id", "tags", "late"])):
        definition, _ = survey(lake.store, lake.keyring, lake.table, "lake.t", KEY, merge=merge)
        assert [column.name for column in definition.columns] == names


def test_what_cannot_be_surveyed() -> None:
    """No table, and files that the policy refuses, are errors; the policy is the caller's."""
    lake = Lake()
    with pytest.raises(SettingsError, match="no data files"):
        survey(lake.store, lake.keyring, lake.table, "lake.t", KEY)
    lake.put("f", ROWS, CBC)
    with pytest.raises(PolicyError, match="legacy=allow"):
        survey(lake.store, lake.keyring, lake.table, "lake.t", KEY)
    survey(lake.store, lake.keyring, lake.table, "lake.t", KEY, policy=Policy(legacy="allow"))
