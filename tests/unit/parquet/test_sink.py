"""A task's rows become encrypted files, all of them, and nothing is visible before the commit."""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
from typing import Any

import pyarrow as pa
import pytest

from s3cse.errors import S3CSEError, SettingsError
from s3cse.objects.upload import complete
from s3cse.parquet import file_targets
from s3cse.parquet import sink as sink_module
from s3cse.parquet.file_targets import FileTargets
from s3cse.parquet.sink import MAX_OPEN_FILES, StagedFile, TableSink
from s3cse.parquet.table import list_table
from spark.fakes import CBC, GCM, FailingStore, Lake

SCHEMA = pa.schema([("k", pa.string()), ("x", pa.int64())])


def sink_for(
    lake: Lake, schema: pa.Schema = SCHEMA, *, store: Any = None, profile: Any = GCM, **options: Any
) -> TableSink:
    """Return a sink for the lake's table."""
    return TableSink(
        store or lake.store, lake.keyring, profile, lake.table, schema, name="f{}.parquet".format, **options
    )


def batch(keys: list[Any], start: int = 0, schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    """Return rows with these keys, numbered."""
    return pa.RecordBatch.from_arrays(
        [pa.array(keys, schema.field(0).type), pa.array(range(start, start + len(keys)), pa.int64())], schema=schema
    )


def publish(lake: Lake, staged: list[StagedFile]) -> dict[str, list[pa.Table]]:
    """Complete the uploads; return the files' content by folder."""
    from s3cse.objects.open import open_object
    from s3cse.objects.policy import Policy
    from s3cse.parquet.input import open_parquet

    policy = Policy(legacy="allow")
    folders: dict[str, list[pa.Table]] = {}
    for file in staged:
        complete(lake.store, file.upload)
        source = open_parquet(open_object(lake.store, lake.keyring, file.upload.location, policy), policy)
        table = source.file.read()
        assert table.num_rows == file.rows
        folder = file.upload.location.key.removeprefix(f"{lake.table.key}/").rpartition("/")[0]
        folders.setdefault(folder, []).append(table)
    return folders


def numbers(tables: list[pa.Table]) -> list[int]:
    """Return the numbers of all rows, sorted."""
    return sorted(itertools.chain.from_iterable(table.column("x").to_pylist() for table in tables))


@pytest.mark.parametrize("profile", [GCM, CBC], ids=["gcm", "cbc"])
@pytest.mark.parametrize("compression", ["none", "zstd", "snappy"])
def test_rows_come_back(profile: Any, compression: str) -> None:
    """What goes in as batches comes back from one file, in order, under any profile and codec."""
    lake = Lake()
    sink = sink_for(lake, profile=profile, compression=compression)
    for start in range(0, 100, 10):
        sink.write(batch(["a", None] * 5, start))
    (table,) = publish(lake, sink.finish())[""]
    assert table.schema.remove_metadata() == SCHEMA
    assert table.column("x").to_pylist() == list(range(100))
    assert table.column("k").to_pylist() == ["a", None] * 50


def test_nothing_is_visible_before_the_commit() -> None:
    """Finished files are uploads that wait: no object exists until somebody completes them."""
    lake = Lake()
    sink = sink_for(lake)
    sink.write(batch(["a"]))
    staged = sink.finish()
    assert lake.names() == set()
    assert [row.upload_id for row in lake.store.list_uploads(lake.table)] == [staged[0].upload.upload_id]


def test_no_rows_no_file_unless_asked() -> None:
    """An empty task leaves nothing; one that has to keep the schema leaves a file without rows."""
    lake = Lake()
    assert sink_for(lake).finish() == []
    empty = sink_for(lake)
    empty.write(batch([]))
    (table,) = publish(lake, empty.finish(at_least_one=True))[""]
    assert (table.num_rows, table.schema.remove_metadata()) == (0, SCHEMA)
    assert sink_for(lake, partition_by=["k"]).finish() == []


def test_empty_partitioned_table_keeps_its_schema() -> None:
    """Without any rows one file lies in the folders of null, so that the table can be read; with rows it does not."""
    schema = pa.schema([("d", pa.date32()), ("k", pa.string()), ("x", pa.int64())])
    lake = Lake()
    ((folder, (table,)),) = publish(
        lake, sink_for(lake, schema, partition_by=["d", "k"]).finish(at_least_one=True)
    ).items()
    assert folder == "d=__HIVE_DEFAULT_PARTITION__/k=__HIVE_DEFAULT_PARTITION__"
    assert (table.num_rows, table.schema.remove_metadata()) == (0, pa.schema([("x", pa.int64())]))
    found = list_table(lake.store, lake.table)
    assert found.partition_schema == pa.schema([("d", pa.string()), ("k", pa.string())])
    full = sink_for(lake, partition_by=["k"])
    full.write(batch(["a"]))
    assert [file.rows for file in full.finish(at_least_one=True)] == [1]


def test_partitions_become_folders() -> None:
    """Rows go to the folder of their value, which the files then do not repeat; special characters are escaped."""
    lake = Lake()
    keys = ["a/b", "ü=1", None, "", "%", "a b", "x:y", "{}", "\\", "*?", "\n"]
    sink = sink_for(lake, partition_by=["k"])
    for start in range(0, 3 * len(keys), len(keys)):
        sink.write(batch(keys, start))
    folders = publish(lake, sink.finish())
    assert {"k=a%2Fb", "k=__HIVE_DEFAULT_PARTITION__", "k=%25"} <= set(folders)
    # Hive's convention cannot tell the empty string from null.
    assert len(folders) == len(keys) - 1
    assert all(table.column_names == ["x"] for tables in folders.values() for table in tables)
    assert numbers(folders["k=a%2Fb"]) == [0, 11, 22]
    assert numbers(list(itertools.chain.from_iterable(folders.values()))) == list(range(3 * len(keys)))


def test_partition_by_several_columns_of_other_types() -> None:
    """Dates, decimals, booleans and their nulls make nested folders, in the order given."""
    lake = Lake()
    schema = pa.schema([("d", pa.date32()), ("n", pa.decimal128(5, 2)), ("b", pa.bool_()), ("x", pa.int64())])
    rows = pa.RecordBatch.from_pylist(
        [
            {"d": dt.date(1582, 10, 4), "n": decimal.Decimal("1.50"), "b": True, "x": 1},
            {"d": None, "n": None, "b": None, "x": 2},
            {"d": dt.date(1582, 10, 4), "n": decimal.Decimal("1.50"), "b": True, "x": 3},
        ],
        schema,
    )
    sink = sink_for(lake, schema, partition_by=["b", "d", "n"])
    sink.write(rows)
    null = "__HIVE_DEFAULT_PARTITION__"
    folders = publish(lake, sink.finish())
    assert {folder: numbers(tables) for folder, tables in folders.items()} == {
        "b=true/d=1582-10-04/n=1.50": [1, 3],
        f"b={null}/d={null}/n={null}": [2],
    }


def test_few_files_are_open_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more partitions than files may be open, the oldest is finished and its partition gets another file later."""
    monkeypatch.setattr(sink_module, "ROW_GROUP_ROWS", 10)
    lake = Lake()
    sink = sink_for(lake, partition_by=["k"], max_open_files=3)
    most = 0
    for start in range(0, 400, 100):
        for key in range(10):
            sink.write(batch([str(key)] * 10, start + key * 10))
            most = max(most, len(sink._open))
    staged = sink.finish()
    assert most == 3
    assert len(staged) == 40
    assert len({file.upload.location for file in staged}) == 40
    folders = publish(lake, staged)
    assert len(folders) == 10
    assert numbers(list(itertools.chain.from_iterable(folders.values()))) == list(range(400))


def test_waiting_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of partitions, the rows that wait stay below the limit, and all arrive."""
    monkeypatch.setattr(file_targets, "PENDING_BYTES", 4000)
    lake = Lake()
    sink = sink_for(lake, partition_by=["k"], targets=FileTargets(row_group_bytes=2000))
    for start in range(0, 2000, 50):
        sink.write(batch([str(number % 25) for number in range(50)], start))
        assert sink._pending_bytes <= 4000
        assert sink._pending_bytes == sum(waiting.nbytes for waiting in sink._waiting.values())
    folders = publish(lake, sink.finish())
    assert numbers(list(itertools.chain.from_iterable(folders.values()))) == list(range(2000))


def test_row_groups_and_files_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches make proper row groups, and a file that is large enough is followed by another."""
    monkeypatch.setattr(sink_module, "ROW_GROUP_ROWS", 1000)
    lake = Lake()
    sink = sink_for(lake, targets=FileTargets(file_bytes=20_000))
    for start in range(0, 20_000, 100):
        sink.write(batch([f"{start}-{number}" for number in range(100)], start))
    staged = sink.finish()
    tables = publish(lake, staged)[""]
    assert len(staged) > 3
    assert all(20_000 <= file.upload.plaintext_bytes < 60_000 for file in staged[:-1])
    assert [value for table in tables for value in table.column("x").to_pylist()] == list(range(20_000))


@pytest.mark.parametrize("limit", [1, 7, 10, 99, 100, 101])
def test_files_end_at_a_number_of_rows(limit: int) -> None:
    """Every file but the last has exactly as many rows as it may, whatever came in one batch; no row is lost."""
    lake = Lake()
    sink = sink_for(lake, targets=FileTargets(rows=limit))
    for start in range(0, 100, 25):
        sink.write(batch(["a"] * 25, start))
    staged = sink.finish()
    counts = [file.rows for file in staged]
    assert counts == [limit] * (100 // limit) + [100 % limit] * (100 % limit > 0)
    tables = publish(lake, staged)[""]
    assert [value for table in tables for value in table.column("x").to_pylist()] == list(range(100))


def test_number_of_rows_counts_per_file_over_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is half full takes what fits, and the rest of the row group begins the next one; per partition."""
    monkeypatch.setattr(sink_module, "ROW_GROUP_ROWS", 10)
    lake = Lake()
    sink = sink_for(lake, partition_by=["k"], targets=FileTargets(rows=15))
    for start in range(0, 80, 20):
        sink.write(batch(["a", "b"] * 10, start))
    folders = publish(lake, sink.finish())
    assert {folder: sorted(table.num_rows for table in tables) for folder, tables in folders.items()} == {
        "k=a": [10, 15, 15],
        "k=b": [10, 15, 15],
    }


def test_row_groups_have_the_size_asked_for() -> None:
    """A row group is written as soon as its rows take as much memory as was asked for, or as a whole file may have."""
    for targets in (FileTargets(row_group_bytes=8000), FileTargets(file_bytes=8000)):
        assert targets.flush_bytes == 8000
        sink = sink_for(Lake(), targets=targets)
        for start in range(0, 4000, 100):
            sink.write(batch(["x" * 10] * 100, start))
            assert sink._pending_bytes < 8000
    assert FileTargets(row_group_bytes=100 << 20).pending_bytes == 200 << 20
    assert FileTargets().pending_bytes == file_targets.PENDING_BYTES


def test_many_partitions_of_one_task_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 200 values that come in any order few files are open, few rows wait, and every row is in its folder."""
    monkeypatch.setattr(file_targets, "PENDING_BYTES", 256 << 10)
    lake = Lake()
    sink = sink_for(lake, partition_by=["k"], targets=FileTargets(row_group_bytes=64 << 10))
    order = [number * 7919 % 200 for number in range(20_000)]
    before, most = pa.total_allocated_bytes(), 0
    for start in range(0, len(order), 500):
        sink.write(batch([f"value {key}/{key % 3}" for key in order[start : start + 500]], start))
        most = max(most, pa.total_allocated_bytes() - before)
        begun = list(lake.store.list_uploads(lake.table))
        assert len(sink._open) <= MAX_OPEN_FILES
        assert len(begun) - len(sink._staged) <= MAX_OPEN_FILES
        assert sink._pending_bytes <= 256 << 10
    assert most < 8 << 20
    folders = publish(lake, sink.finish())
    assert len(folders) == 200
    for key in range(200):
        expected = [number for number, value in enumerate(order) if value == key]
        assert numbers(folders[f"k=value {key}%2F{key % 3}"]) == expected


def test_columns_of_a_batch_are_found_by_name() -> None:
    """Batches in another order or with other letter case are put right, never swapped."""
    lake = Lake()
    schema = pa.schema([("a", pa.int64()), ("x", pa.int64())])
    sink = sink_for(lake, schema)
    sink.write(pa.RecordBatch.from_pydict({"X": [1], "a": [2]}))
    (table,) = publish(lake, sink.finish())[""]
    assert table.to_pylist() == [{"a": 2, "x": 1}]


def test_type_that_cannot_partition() -> None:
    """A binary column cannot become folders, and the error says which one."""
    sink = sink_for(Lake(), pa.schema([("k", pa.binary()), ("x", pa.int64())]), partition_by=["k"])
    sink.write(pa.RecordBatch.from_pydict({"k": [b"a"], "x": [1]}))
    with pytest.raises(SettingsError, match="column 'k' cannot partition a table"):
        sink.finish()


def test_abort_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An aborted sink leaves neither objects nor uploads, whether its files were open or finished; twice is fine."""
    monkeypatch.setattr(sink_module, "ROW_GROUP_ROWS", 2)
    lake = Lake()
    sink = sink_for(lake, partition_by=["k"], max_open_files=2)
    sink.write(batch(["a", "a", "b", "b", "c", "c", "d"]))
    assert list(lake.store.list_uploads(lake.table))
    sink.abort()
    sink.abort()
    assert not list(lake.store.list_uploads(lake.table))
    assert lake.names() == set()


@pytest.mark.parametrize("how", ["refused", "lost"])
def test_every_request_may_fail(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Whichever request of a task fails, it ends as an error of ours, and abort leaves no upload that it knows of."""
    monkeypatch.setattr(sink_module, "ROW_GROUP_ROWS", 2)
    number = 1
    while True:
        lake = Lake()
        store = FailingStore(lake.store, number, how=how)
        sink = sink_for(lake, store=store, partition_by=["k"], max_open_files=1)
        try:
            sink.write(batch(["a", "a", "b", "b", "c"]))
            sink.finish()
        except S3CSEError:
            sink.abort()
            left = list(lake.store.list_uploads(lake.table))
            # An upload whose id was lost with the answer is found by the job's id at commit or abort.
            assert len(left) <= (1 if how == "lost" else 0)
        assert lake.names() == set()
        if store.calls < number:
            break
        number += 1
    assert number > 6


def test_key_service_that_fails_leaves_nothing() -> None:
    """Without a data key there is no file, no upload, and the error names the object it was for."""
    from s3cse.errors import KeyringError

    class Refusing(type(Lake().keyring)):  # type: ignore[misc]
        def new_data_key(self, profile: Any) -> Any:
            raise KeyringError("no key today")

    lake = Lake(keyring=Refusing())
    sink = sink_for(lake)
    with pytest.raises(KeyringError, match=r"s3://bucket/lake/table/f0\.parquet: no key today"):
        sink.finish(at_least_one=True)
    sink.abort()
    assert not list(lake.store.list_uploads(lake.table))
