"""Definitions of tables: columns, partitions, encryption, projection."""

from __future__ import annotations

import pyarrow as pa
import pytest

from s3cse.errors import SettingsError
from s3cse.services.athena.definition import define
from s3cse.services.athena.encryption import TableEncryption, encryption_of
from s3cse.services.athena.projection import date_range, enumeration, injected, integer_range, parse_projection

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234"
SCHEMA = pa.schema([("Id", pa.int64()), ("Day", pa.date32()), ("code", pa.string())])


def test_columns_and_partition_columns_are_parted() -> None:
    """Partition columns leave the files' columns, in the order asked for, in lower case, with their types."""
    made = define("lake.t", SCHEMA, "s3a://b/t", TableEncryption(KEY), partition_columns=["code", "Day"])
    assert [(column.name, column.type) for column in made.columns] == [("id", "bigint")]
    assert [(column.name, column.type) for column in made.partition_columns] == [("code", "string"), ("day", "date")]
    assert made.location == "s3://b/t/"


def test_root_of_a_bucket_is_a_table() -> None:
    """A table may be a whole bucket."""
    assert define("lake.t", SCHEMA, "s3://b", TableEncryption()).location == "s3://b/"


def test_both_modes_of_encryption() -> None:
    """A key is named by its ARN with CSE_KMS; without one each object names its own."""
    assert TableEncryption(KEY).properties == {"encryption_option": "CSE_KMS", "kms_key": KEY}
    assert TableEncryption().properties == {"has_encrypted_data": "true"}
    for mode in (TableEncryption(KEY), TableEncryption()):
        assert encryption_of(mode.properties, "lake.t") == mode
    assert encryption_of({}, "lake.t") is None


@pytest.mark.parametrize("key", ["1234", "alias/x", "arn:aws:kms:us-east-1:1:alias/x", "arn:aws:s3:::b", ""])
def test_a_table_names_its_key_by_arn(key: str) -> None:
    """Anything but the ARN of a key is refused: Athena takes nothing else."""
    with pytest.raises(SettingsError, match="by ARN"):
        TableEncryption(key)


@pytest.mark.parametrize(
    "properties",
    [
        {"encryption_option": "CSE_KMS", "kms_key": KEY, "has_encrypted_data": "true"},
        {"encryption_option": "CSE_KMS"},
        {"kms_key": KEY},
    ],
)
def test_two_modes_or_half_a_mode_are_refused(properties: dict[str, str]) -> None:
    """A table that says its encryption twice, or by half, is an error that names the table."""
    with pytest.raises(SettingsError, match=r"lake\.t"):
        encryption_of(properties, "lake.t")


@pytest.mark.parametrize(
    ("schema", "partitions", "said"),
    [
        (pa.schema([("a", pa.int32()), ("A", pa.int32())]), [], "letter case"),
        (SCHEMA, ["nope"], "cannot partition"),
        (SCHEMA, ["id", "day", "code"], "cannot partition"),
        (pa.schema([]), [], "cannot partition"),
    ],
)
def test_tables_that_athena_cannot_have(schema: pa.Schema, partitions: list[str], said: str) -> None:
    """Columns that differ in case only, unknown partition columns, and tables without columns are refused."""
    with pytest.raises(SettingsError, match=said):
        define("lake.t", schema, "s3://b/t", TableEncryption(KEY), partition_columns=partitions)


def test_properties_of_ones_own() -> None:
    """Further properties are kept; those that other arguments make are refused."""
    assert (
        define("lake.t", SCHEMA, "s3://b/t", TableEncryption(KEY), properties={"owner": "x"}).properties["owner"] == "x"
    )
    with pytest.raises(SettingsError, match="kms_key"):
        define("lake.t", SCHEMA, "s3://b/t", TableEncryption(KEY), properties={"kms_key": "y"})


def test_projection_properties() -> None:
    """Projected partitions become Athena's properties, with the folders' own spelling in the template."""
    made = define(
        "lake.t", SCHEMA, "s3://b/t/", TableEncryption(KEY), partition_columns=["Day", "code"],
        projection={"day": date_range("2024-01-01", unit="DAYS"), "code": enumeration(["a", "b"])},
    )  # fmt: skip
    assert made.projection == {
        "projection.enabled": "true",
        "projection.day.type": "date",
        "projection.day.range": "2024-01-01,NOW",
        "projection.day.format": "yyyy-MM-dd",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
        "projection.code.type": "enum",
        "projection.code.values": "a,b",
        "storage.location.template": "s3://b/t/Day=${day}/code=${code}/",
    }


@pytest.mark.parametrize(
    ("projection", "said"),
    [
        ({"day": injected()}, "all of its partition columns"),
        ({"day": integer_range(1, 2), "code": injected()}, "cannot be projected as integer"),
        ({"day": injected(), "code": injected()}, "cannot be projected as injected"),
    ],
)
def test_projections_that_do_not_fit_the_columns(projection: dict, said: str) -> None:  # type: ignore[type-arg]
    """A projection of some columns only, or of a type that a column does not have, is refused."""
    with pytest.raises(SettingsError, match=said):
        define(
            "lake.t", SCHEMA, "s3://b/t", TableEncryption(KEY), partition_columns=["Day", "code"], projection=projection
        )


def test_projections_as_flags_spell_them() -> None:
    """Flags give the same projections as the functions."""
    assert parse_projection("enum:a,b") == enumeration(["a", "b"])
    assert parse_projection("integer:1,12,2") == integer_range(1, 12, digits=2)
    assert parse_projection("date:2024-01,NOW,yyyy-MM") == date_range("2024-01", "NOW", format="yyyy-MM")
    assert parse_projection("injected") == injected()


@pytest.mark.parametrize(
    "text", ["", "enum:", "enum:a b/c", "integer:1", "integer:2,1", "integer:a,b", "date:x", "set:1"]
)
def test_no_projection(text: str) -> None:
    """What is no projection is refused."""
    with pytest.raises(SettingsError):
        parse_projection(text)
