"""From object names to data files with partition values."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from s3cse.errors import SettingsError
from s3cse.parquet.hive import discover, is_hidden, partition_path

TABLE = "s3://bucket/table"


def test_a_table_without_partitions() -> None:
    """Files at the top have no values, in the order given."""
    found = discover(["b.parquet", "a.parquet"], TABLE)
    assert [(file.name, file.values) for file in found.files] == [("b.parquet", ()), ("a.parquet", ())]
    assert found.schema == pa.schema([])


def test_one_file_is_a_table() -> None:
    """The empty name stands for the table's own key."""
    assert [file.name for file in discover([""], TABLE).files] == [""]


def test_values_are_typed_and_unescaped() -> None:
    """Every column has one type for all files, and null where the folder is the null partition's."""
    names = ["a=1/b=x%20y/0.parquet", "a=2/b=__HIVE_DEFAULT_PARTITION__/0.parquet", "a=2/b=c=d/1.parquet"]
    found = discover(names, TABLE)
    assert found.schema == pa.schema([("a", pa.int32()), ("b", pa.string())])
    assert [file.values for file in found.files] == [(1, "x y"), (2, None), (2, "c=d")]


def test_inference_can_be_off_and_types_can_be_given() -> None:
    """Without inference columns are strings; a given type wins, whatever the name's case."""
    names = ["a=01/d=2013-01-02/0.parquet"]
    assert discover(names, TABLE, infer=False).files[0].values == ("01", "2013-01-02")
    found = discover(names, TABLE, types=pa.schema([("A", pa.string()), ("other", pa.int32())]))
    assert found.schema == pa.schema([("a", pa.string()), ("d", pa.date32())])
    assert found.files[0].values == ("01", date(2013, 1, 2))


def test_column_names_are_unescaped() -> None:
    """A folder's name part is escaped like its value."""
    assert discover(["a%3Ab=1/x.parquet"], TABLE).schema.names == ["a:b"]


@pytest.mark.parametrize(
    "name",
    [
        "_SUCCESS", "_temporary/0/x.parquet", ".hidden", "a=1/_started_1", "a=1/.x.parquet.crc", ".spark/x.parquet",
        "_delta_log/0.json", "_metadata", "x.parquet._COPYING_", "a=1/_tmp/x.parquet", ".a=1/x.parquet",
    ],
)  # fmt: skip
def test_hidden_names_are_skipped(name: str) -> None:
    """A segment that starts with a dot, or an underscore without an equals sign, hides what is below."""
    assert is_hidden(name)
    assert discover([name], TABLE).files == ()


def test_underscore_columns_are_not_hidden() -> None:
    """A partition column may start with an underscore."""
    assert discover(["_x=1/0.parquet"], TABLE).files[0].values == (1,)


def test_folder_markers_are_skipped() -> None:
    """What tools leave so that a folder exists is no data, and is not checked as a path."""
    assert discover(["a=1/", "sub/", "a=1_$folder$", "x/y_$folder$"], TABLE).files == ()


@pytest.mark.parametrize(
    "names",
    [
        ["a=1/0.parquet", "0.parquet"],
        ["a=1/0.parquet", "a=1/b=2/0.parquet"],
        ["a=1/0.parquet", "b=1/0.parquet"],
        ["a=1/b=1/0.parquet", "b=1/a=1/0.parquet"],
        ["a=1/0.parquet", "A=2/0.parquet"],
    ],
)
def test_contradicting_folders_name_two_files(names: list[str]) -> None:
    """Files that are partitioned in different ways are an error that shows one of each."""
    with pytest.raises(SettingsError) as caught:
        discover(names, TABLE)
    assert all(repr(name) in str(caught.value) for name in names)
    assert TABLE in str(caught.value)


@pytest.mark.parametrize(
    "name", ["sub/0.parquet", "a=1/sub/0.parquet", "=1/0.parquet", "a=/0.parquet", "a=1//0.parquet"]
)
def test_other_folders_are_refused(name: str) -> None:
    """A folder that is no partition is neither read nor silently left out."""
    with pytest.raises(SettingsError) as caught:
        discover([name], TABLE)
    assert caught.value.found == name


def test_a_column_twice_is_refused() -> None:
    """Columns that differ in case only are the same to Spark."""
    with pytest.raises(SettingsError, match="twice"):
        discover(["a=1/A=2/0.parquet"], TABLE)


def test_a_value_that_does_not_fit_names_the_file() -> None:
    """The message shows the folder's value, the file and the type."""
    with pytest.raises(SettingsError) as caught:
        discover(["a=1/0.parquet", "a=x/1.parquet"], TABLE, types=pa.schema([("a", pa.int32())]))
    assert "'x' in 'a=x/1.parquet'" in str(caught.value)
    assert "int32" in str(caught.value)


@settings(deadline=None)
@given(some.lists(some.text(min_size=1), min_size=1, max_size=5, unique=True))
def test_what_is_written_is_read_back(values: list[str]) -> None:
    """Strings of any characters survive the folder's name."""
    names = [f"{partition_path([('p', pa.scalar(value))])}/0.parquet" for value in values]
    found = discover(names, TABLE, infer=False)
    expected = [None if value == "__HIVE_DEFAULT_PARTITION__" else value for value in values]
    assert [file.values[0] for file in found.files] == expected
