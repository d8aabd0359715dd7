"""Registering with the Glue catalog that moto keeps."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

import s3cse.local
from s3cse.errors import SettingsError, TransferError
from s3cse.services.athena.definition import Partition, TableDefinition, define
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.names import TableName
from s3cse.services.athena.projection import integer_range
from s3cse.services.glue import CatalogTable, check_registration, find_table, register

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234"
SCHEMA = pa.schema([("id", pa.int64()), ("s", pa.struct([("date", pa.date32())])), ("month", pa.int32())])


class Counting:
    """A Glue client that counts its calls, and fails some of them.

    Args:
        failing: error codes by method, used up one by one.
    """

    def __init__(self, inner: Any, **failing: list[str]) -> None:
        self._inner = inner
        self._failing = failing
        self.calls: Counter[str] = Counter()
        self.last: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*names: Any, **arguments: Any) -> Any:
            self.calls[name] += 1
            self.last[name] = arguments
            if self._failing.get(name):
                code = self._failing[name].pop(0)
                if code:
                    raise ClientError({"Error": {"Code": code, "Message": "as the test wants"}}, name)
            return getattr(self._inner, name)(*names, **arguments)

        return call


@pytest.fixture(scope="module")
def glue(servers: s3cse.local.Servers) -> Any:
    """A client of the catalog."""
    return servers.glue_client()


@pytest.fixture
def database(glue: Any) -> Iterator[str]:
    """A database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    glue.create_database(DatabaseInput={"Name": name})
    yield name
    glue.delete_database(Name=name)


def flights(database: str, schema: pa.Schema = SCHEMA, key: str | None = KEY, **more: Any) -> TableDefinition:
    """Return the definition of a table partitioned by month."""
    more = {"location": "s3://b/flights/", "partition_columns": ["month"], **more}
    return define(f"{database}.flights", schema, encryption=TableEncryption(key), **more)


def months(*numbers: int) -> list[Partition]:
    """Return partitions."""
    return [Partition((str(number),), f"s3://b/flights/month={number}/") for number in numbers]


def known(glue: Any, database: str) -> CatalogTable:
    """Return the table as the catalog has it."""
    found = find_table(glue, TableName(database, "flights"))
    assert found is not None
    return found


def partitions(glue: Any, database: str) -> dict[tuple[str, ...], Any]:
    """Return the storage of all partitions by values."""
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName="flights")
    return {tuple(row["Values"]): row["StorageDescriptor"] for page in pages for row in page["Partitions"]}


def test_new_table(glue: Any, database: str) -> None:
    """A new table has its columns, partition columns, location, formats and encryption as Athena wants them."""
    done = register(glue, flights(database), months(1, 2))
    assert str(done) == f"{database}.flights: created; 2 of 2 partitions added"
    table = known(glue, database)
    assert table.parquet
    assert table.location == "s3://b/flights/"
    assert table.columns == {"id": "bigint", "s": "struct<date:date>"}
    assert table.partition_columns == {"month": "int"}
    assert table.encryption == TableEncryption(KEY)
    assert table.properties["EXTERNAL"] == "TRUE"
    assert table.properties["classification"] == "parquet"
    assert table.described["TableType"] == "EXTERNAL_TABLE"
    serde = table.described["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    assert serde.endswith("ParquetHiveSerDe")
    found = partitions(glue, database)
    assert found["2",]["Location"] == "s3://b/flights/month=2/"
    assert found["2",]["Columns"] == table.described["StorageDescriptor"]["Columns"]
    assert found["2",]["InputFormat"].endswith("MapredParquetInputFormat")


def test_again_changes_nothing(glue: Any, database: str) -> None:
    """Registering the same again sends no change at all."""
    register(glue, flights(database), months(1, 2))
    counting = Counting(glue)
    done = register(counting, flights(database), months(1, 2))
    assert (done.table, done.partitions_added) == ("unchanged", 0)
    assert set(counting.calls) == {"get_table", "batch_get_partition"}


def test_new_partitions_and_columns_are_added(glue: Any, database: str) -> None:
    """What is new is added at the end; description, further properties and old partitions stay."""
    register(glue, flights(database), months(1))
    described = known(glue, database).described
    glue.update_table(
        DatabaseName=database,
        TableInput={
            "Name": "flights",
            "Description": "of all airlines",
            **{name: described[name] for name in ("StorageDescriptor", "PartitionKeys", "TableType")},
            "Parameters": {**described["Parameters"], "team": "flights"},
        },
    )
    wider = flights(database, pa.schema([("gate", pa.string()), *SCHEMA]))
    done = register(glue, wider, months(1, 2, 3))
    assert (done.table, done.partitions_added) == ("updated", 2)
    table = known(glue, database)
    assert list(table.columns) == ["id", "s", "gate"]
    assert table.described["Description"] == "of all airlines"
    assert table.properties["team"] == "flights"
    found = partitions(glue, database)
    assert [column["Name"] for column in found["3",]["Columns"]] == ["id", "s", "gate"]
    fewer = flights(database, pa.schema([SCHEMA.field("id"), SCHEMA.field("month")]))
    assert register(glue, fewer).table == "unchanged"


def test_hundreds_of_partitions(glue: Any, database: str) -> None:
    """Partitions are added a hundred per request, and looked up a thousand per request."""
    counting = Counting(glue)
    assert register(counting, flights(database), months(*range(250))).partitions_added == 250
    assert counting.calls["batch_create_partition"] == 3
    assert len(partitions(glue, database)) == 250
    counting = Counting(glue)
    assert register(counting, flights(database), months(*range(240, 260))).partitions_added == 10
    assert counting.calls["batch_create_partition"] == counting.calls["batch_get_partition"] == 1


def test_versions(glue: Any, database: str) -> None:
    """An update keeps no old version unless asked to, and is refused where the table changed meanwhile."""
    register(glue, flights(database))
    wider = flights(database, pa.schema([*SCHEMA, ("gate", pa.string())]))
    counting = Counting(glue)
    register(counting, wider, skip_archive=False)
    assert counting.last["update_table"]["SkipArchive"] is False
    assert counting.last["update_table"]["VersionId"] == known_version(glue, database, before=1)
    assert len(glue.get_table_versions(DatabaseName=database, TableName="flights")["TableVersions"]) == 2


def known_version(glue: Any, database: str, before: int) -> str:
    """Return the version that the table had some versions ago."""
    return str(int(known(glue, database).described["VersionId"]) - before)


def test_two_writers(glue: Any, database: str) -> None:
    """A table that somebody creates or changes in between is looked at again."""
    register(glue, flights(database))
    wider = flights(database, pa.schema([*SCHEMA, ("gate", pa.string())]))
    assert register(Counting(glue, update_table=["ConcurrentModificationException"]), wider).table == "updated"
    racing = Counting(glue, get_table=["EntityNotFoundException"])
    assert register(racing, wider).table == "unchanged"
    stubborn = Counting(glue, update_table=["ConcurrentModificationException"] * 9)
    with pytest.raises(TransferError, match=r"ConcurrentModificationException.*try again"):
        register(stubborn, flights(database, pa.schema([*SCHEMA, ("late", pa.string())])))


def test_partition_that_somebody_adds_meanwhile(glue: Any, database: str) -> None:
    """A partition that is there when it is to be added is no error; any other refusal is."""
    register(glue, flights(database), months(1))
    counting = Counting(glue)
    counting._inner = Blind(glue)
    assert register(counting, flights(database), months(1, 2)).partitions_added == 1
    assert set(partitions(glue, database)) == {("1",), ("2",)}

    class Refusing(Blind):
        def batch_create_partition(self, **_: Any) -> Any:
            detail = {"ErrorCode": "InternalServiceException", "ErrorMessage": "later"}
            return {"Errors": [{"PartitionValues": ["3"], "ErrorDetail": detail}]}

    with pytest.raises(TransferError, match="3: InternalServiceException: later"):
        register(Refusing(glue), flights(database), months(3))


def test_partition_that_somebody_adds_elsewhere_meanwhile(glue: Any, database: str) -> None:
    """A partition that came in between, at another place, is the error that it would have been before."""
    register(glue, flights(database), [Partition(("1",), "s3://b/old/month=1/")])

    class BlindOnce(Blind):
        looks = 0

        def batch_get_partition(self, **arguments: Any) -> Any:
            self.looks += 1
            return {"Partitions": []} if self.looks == 1 else self._inner.batch_get_partition(**arguments)

    with pytest.raises(SettingsError, match=r"s3://b/old/month=1/.*s3://b/flights/month=1/"):
        register(BlindOnce(glue), flights(database), months(1, 2))


class Sparing:
    """A Glue client that looks up few partitions per request, and leaves the rest for the next one.

    Args:
        few: how many it answers for.
    """

    def __init__(self, inner: Any, few: int) -> None:
        self._inner = inner
        self._few = few

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def batch_get_partition(self, **arguments: Any) -> Any:
        """Answer for some."""
        wanted = arguments.pop("PartitionsToGet")
        found = self._inner.batch_get_partition(**arguments, PartitionsToGet=wanted[: self._few])
        return {**found, "UnprocessedKeys": wanted[self._few :]}


def test_partitions_that_are_looked_up_in_many_steps(glue: Any, database: str) -> None:
    """However few Glue looks up at once, all are; only where it does not go on at all it is an error."""
    register(glue, flights(database), months(*range(200)))
    assert register(Sparing(glue, 7), flights(database), months(*range(210))).partitions_added == 10
    with pytest.raises(TransferError, match="did not look up all partitions"):
        register(Sparing(glue, 0), flights(database), months(1))


class Blind:
    """A Glue client that sees no partitions."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def batch_get_partition(self, **_: Any) -> Any:
        """See none."""
        return {"Partitions": []}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"location": "s3://b/elsewhere/"}, "at another location.*s3://b/flights/.*s3://b/elsewhere/"),
        ({"key": KEY.replace("1234", "5678")}, "another key.*1234.*5678"),
        ({"key": None}, "another key or mode.*CSE_KMS.*has_encrypted_data"),
        ({"schema": pa.schema([("id", pa.string()), ("month", pa.int32())])}, "other types.*id bigint.*id string"),
        ({"partition_columns": []}, "other partition columns.*month int.*none"),
        ({"schema": pa.schema([("id", pa.int64()), ("month", pa.string())])}, "month int.*month string"),
    ],
)
def test_conflicts(glue: Any, database: str, change: dict[str, Any], said: str) -> None:
    """Whatever the catalog knows otherwise is one clear error with both sides; nothing is changed."""
    register(glue, flights(database), months(1))
    before = known(glue, database).described
    for attempt in (register, check_registration):
        with pytest.raises(SettingsError, match=said):
            attempt(glue, flights(database, **change))  # type: ignore[operator]
    assert known(glue, database).described == before


def test_replacing(glue: Any, database: str) -> None:
    """With replace, key and columns become the definition's; a location is never replaced."""
    register(glue, flights(database))
    new = flights(database, pa.schema([("id", pa.string()), ("month", pa.int32())]), key=None)
    assert register(glue, new, replace=True).table == "updated"
    table = known(glue, database)
    assert table.columns == {"id": "string"}
    assert table.encryption == TableEncryption()
    with pytest.raises(SettingsError, match="another location"):
        register(glue, flights(database, location="s3://b/elsewhere/"), replace=True)


def test_replacing_reaches_partitions(glue: Any, database: str) -> None:
    """Partitions that are there get the new columns too, else their types and the table's would not go together."""
    register(glue, flights(database), months(*range(120)))
    glue.update_partition(
        DatabaseName=database,
        TableName="flights",
        PartitionValueList=["7"],
        PartitionInput={
            "Values": ["7"],
            "Parameters": {"team": "flights"},
            "StorageDescriptor": partitions(glue, database)["7",],
        },
    )
    new = flights(database, pa.schema([("id", pa.string()), ("month", pa.int32())]))
    counting = Counting(glue)
    register(counting, new, months(1), replace=True)
    assert counting.calls["batch_update_partition"] == 2
    found = partitions(glue, database)
    assert len(found) == 120
    assert {column["Type"] for storage in found.values() for column in storage["Columns"]} == {"string"}
    assert found["7",]["Location"] == "s3://b/flights/month=7/"
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName="flights")
    parameters = [row.get("Parameters") for page in pages for row in page["Partitions"] if row["Values"] == ["7"]]
    assert parameters == [{"team": "flights"}]
    counting = Counting(glue)
    register(counting, new, months(1), replace=True)
    assert not counting.calls["batch_update_partition"]


def test_partition_that_glue_does_not_update(glue: Any, database: str) -> None:
    """A partition that Glue leaves as it was is an error that names it."""
    register(glue, flights(database), months(1))

    class Refusing(Blind):
        def batch_update_partition(self, **_: Any) -> Any:
            detail = {"ErrorCode": "InternalServiceException", "ErrorMessage": "later"}
            return {"Errors": [{"PartitionValueList": ["1"], "ErrorDetail": detail}]}

    new = flights(database, pa.schema([("id", pa.string()), ("month", pa.int32())]))
    with pytest.raises(TransferError, match=r"1: InternalServiceException: later.*again with replace"):
        register(Refusing(glue), new, replace=True)


def test_table_without_encryption_learns_it(glue: Any, database: str) -> None:
    """A table that says nothing of encryption gets the properties."""
    definition = flights(database)
    register(glue, definition)
    described = known(glue, database).described
    fields = ("Name", "StorageDescriptor", "PartitionKeys", "TableType")
    glue.update_table(DatabaseName=database, TableInput={name: described[name] for name in fields} | {"Parameters": {}})
    assert known(glue, database).encryption is None
    assert register(glue, definition).table == "updated"
    assert known(glue, database).encryption == TableEncryption(KEY)


def test_partition_at_another_location(glue: Any, database: str) -> None:
    """A partition that the catalog has elsewhere is an error with both places."""
    register(glue, flights(database), [Partition(("1",), "s3://b/old/month=1/")])
    with pytest.raises(SettingsError, match=r"s3://b/old/month=1/.*s3://b/flights/month=1/"):
        register(glue, flights(database), months(1))


def test_projected_partitions_are_not_registered(glue: Any, database: str) -> None:
    """Where Athena computes the partitions none are added, and the properties say how."""
    definition = flights(database, projection={"month": integer_range(1, 12)})
    assert register(glue, definition, months(1)).partitions_added == 0
    assert known(glue, database).properties["projection.month.range"] == "1,12"
    assert partitions(glue, database) == {}
    assert register(glue, flights(database), replace=True).table == "updated"
    assert "projection.enabled" not in known(glue, database).properties


def test_other_kinds_of_tables(glue: Any, database: str) -> None:
    """A view, or a table that Iceberg keeps, is not touched."""
    glue.create_table(DatabaseName=database, TableInput={"Name": "flights", "TableType": "VIRTUAL_VIEW"})
    with pytest.raises(SettingsError, match=r"no table of Parquet files.*VIRTUAL_VIEW"):
        register(glue, flights(database))


def test_no_database(glue: Any) -> None:
    """A database that is not there is one clear error, before and while registering."""
    nowhere = flights("nobody_made_this")
    assert find_table(glue, nowhere.name) is None
    for attempt in (register, check_registration):
        with pytest.raises(SettingsError, match=r"no such database.*nobody_made_this.*create-database"):
            attempt(glue, nowhere)  # type: ignore[operator]


def test_no_permission(glue: Any, database: str) -> None:
    """A refusal has Glue's own words, the table's name, and the permissions to ask for."""
    denied = Counting(glue, get_table=["AccessDeniedException"])
    with pytest.raises(TransferError, match=rf"{database}\.flights.*AccessDeniedException.*glue:CreateTable"):
        register(denied, flights(database))


def test_two_modes_in_the_catalog(glue: Any, database: str) -> None:
    """A table that says its encryption in two ways is an error, unless it is replaced."""
    definition = flights(database, properties={})
    register(glue, definition)
    described = known(glue, database).described
    fields = ("Name", "StorageDescriptor", "PartitionKeys", "TableType")
    both = {**described["Parameters"], "has_encrypted_data": "true"}
    glue.update_table(
        DatabaseName=database, TableInput={name: described[name] for name in fields} | {"Parameters": both}
    )
    with pytest.raises(SettingsError, match="in two ways"):
        register(glue, definition)
    register(glue, definition, replace=True)
    assert known(glue, database).encryption == TableEncryption(KEY)
