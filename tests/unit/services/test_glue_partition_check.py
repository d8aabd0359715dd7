"""Folders against the catalog's partitions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pyarrow as pa
import pytest

import s3cse.local
from s3cse.services.athena.definition import Partition, define
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.findings import Finding
from s3cse.services.athena.names import TableName
from s3cse.services.athena.projection import integer_range
from s3cse.services.glue import find_table, glue_client, partition_findings, register
from s3cse.storage.port import Location

SCHEMA = pa.schema([("id", pa.int64()), ("month", pa.int32())])


@pytest.fixture
def database(servers: s3cse.local.Servers) -> Iterator[str]:
    """A database of the test's own."""
    name = f"check_{uuid.uuid4().hex}"
    servers.glue_client().create_database(DatabaseInput={"Name": name})
    yield name
    servers.glue_client().delete_database(Name=name)


def checked(servers: s3cse.local.Servers, database: str, keys: list[str]) -> list[Finding]:
    """Check the table against these files."""
    glue = servers.glue_client()
    table = find_table(glue, TableName(database, "t"))
    assert table is not None
    return list(partition_findings(glue, table, [Location("b", key) for key in keys]))


def test_folders_and_partitions(servers: s3cse.local.Servers, database: str) -> None:
    """An unregistered folder and one registered elsewhere are errors, a partition without files is a note."""
    definition = define(f"{database}.t", SCHEMA, "s3://b/t", TableEncryption(), partition_columns=["month"])
    places = {"1": "s3://b/t/month=1/", "2": "s3://b/old/month=2", "4": "s3://b/t/month=4/"}
    partitions = [Partition((value,), place) for value, place in places.items()]
    register(servers.glue_client(), definition, partitions)
    assert [each.severity for each in checked(servers, database, ["t/month=1/f"])] == ["note"]
    found = checked(servers, database, ["t/month=1/f", "t/month=2/f", "t/month=3/f", "t/month=3/g"])
    assert [(each.severity, each.check) for each in found] == [
        ("error", "partitions"),
        ("error", "partitions"),
        ("note", "partitions"),
    ]
    assert "1 folders are not registered: s3://b/t/month=3/" in found[0].problem
    assert "another place: s3://b/t/month=2/" in found[1].problem
    assert "1 registered partitions have no files" in found[2].problem


def test_many_missing_folders_are_counted(servers: s3cse.local.Servers, database: str) -> None:
    """A message shows a few folders, not thousands."""
    definition = define(f"{database}.t", SCHEMA, "s3://b/t", TableEncryption(), partition_columns=["month"])
    register(servers.glue_client(), definition)
    (finding,) = checked(servers, database, [f"t/month={number}/f" for number in range(500)])
    assert "500 folders" in finding.problem
    assert finding.problem.endswith(", …")
    assert len(finding.problem) < 200


def test_projected_and_whole_tables(servers: s3cse.local.Servers, database: str) -> None:
    """Where Athena computes the partitions, or there are none, nothing has to be registered."""
    projection = {"month": integer_range(1, 12)}
    for more in ({"partition_columns": ["month"], "projection": projection}, {}):
        definition = define(f"{database}.t", SCHEMA, "s3://b/t", TableEncryption(), **more)  # type: ignore[arg-type]
        register(servers.glue_client(), definition)
        assert checked(servers, database, ["t/month=1/f"]) == []
        servers.glue_client().delete_table(DatabaseName=database, Name="t")


def test_folders_that_a_projection_leaves_out(servers: s3cse.local.Servers, database: str) -> None:
    """What Athena does not compute no query sees, registered or not: an error that names the folder."""
    projection = {"month": integer_range(1, 6)}
    definition = define(
        f"{database}.t", SCHEMA, "s3://b/t", TableEncryption(), partition_columns=["month"], projection=projection
    )
    register(servers.glue_client(), definition)
    assert checked(servers, database, ["t/month=6/f"]) == []
    (finding,) = checked(servers, database, ["t/month=6/f", "t/month=7/f"])
    assert (finding.severity, finding.check) == ("error", "partitions")
    assert "1 folders are not among the projected partitions: s3://b/t/month=7/" in finding.problem


def test_client_of_ones_own() -> None:
    """A client is made for a Region and an endpoint, and waits out throttling."""
    client = glue_client("eu-west-1", "http://127.0.0.1:1")
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client.meta.config.retries["total_max_attempts"] > 3
