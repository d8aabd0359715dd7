"""Scans give exactly the rows and the schema that were asked for, and fetch little more than that takes."""

from __future__ import annotations

import dataclasses
import logging
import pickle
import random
import threading
import time
from typing import Any

import pyarrow as pa
import pytest

from s3cse.errors import EnvelopeError, IntegrityError, SettingsError, TransferError
from s3cse.objects.policy import Policy
from s3cse.parquet import scan as scan_module
from s3cse.parquet.filter.filter_sql import parse_filter
from s3cse.parquet.scan import BATCH_ROWS, FileTask, Scan
from s3cse.parquet.table import DataFile, list_table
from spark.fakes import CBC, CountingStore, Lake

STRICT = Policy()
RANGES = Policy(integrity="none", legacy="allow")
X, TEXT = pa.field("x", pa.int64()), pa.field("text", pa.string())


def scan_of(
    schema: pa.Schema, *, condition: str | None = None, wide: pa.Schema | None = None, policy: Policy = STRICT,
    partition_schema: pa.Schema | None = None,
) -> Scan:  # fmt: skip
    """Return a scan for these columns."""
    return Scan(
        schema=schema,
        wide=wide or schema,
        partition_schema=partition_schema or pa.schema([]),
        expression=None if condition is None else parse_filter(condition),
        policy=policy,
    )


def read(lake: Lake, scan: Scan, *, store: Any = None, tasks: list[FileTask] | None = None) -> pa.Table:
    """Read files, all that may hold rows if none are named, and check every batch's schema."""
    if tasks is None:
        tasks = [FileTask(file) for file in scan.may_hold_rows(list_table(lake.store, lake.table).files)]
    batches = list(scan.read(store or lake.store, lake.keyring, tasks))
    assert all(batch.schema.equals(scan.schema, check_metadata=True) for batch in batches)
    return pa.Table.from_batches(batches, scan.schema)


def numbered(start: int, rows: int) -> pa.Table:
    """Return rows with neighbouring numbers and random text."""
    random.seed(start)
    return pa.table({"x": range(start, start + rows), "text": [random.randbytes(20).hex() for _ in range(rows)]})


@pytest.fixture(scope="module")
def lake() -> Lake:
    """Three files of 10,000 rows in five row groups each, the numbers ascending throughout."""
    lake = Lake()
    for number in range(3):
        lake.put(f"{number}.parquet", numbered(number * 10_000, 10_000), row_group_size=2000)
    return lake


def test_files_come_in_order(lake: Lake) -> None:
    """The rows of all files come in the order of the tasks and of each file."""
    assert read(lake, scan_of(pa.schema([X]))).column("x").to_pylist() == list(range(30_000))


def test_columns_come_in_the_order_asked_for(lake: Lake) -> None:
    """The schema decides about order and letter case of the columns, not the file."""
    found = read(lake, scan_of(pa.schema([TEXT, pa.field("X", pa.int64())])))
    assert found.column_names == ["text", "X"]
    assert found.column("text").to_pylist()[:10_000] == numbered(0, 10_000).column("text").to_pylist()


def test_row_groups_of_a_file_can_be_read_apart(lake: Lake) -> None:
    """A task that names row groups gets these and no other row."""
    file = list_table(lake.store, lake.table).files[1]
    found = read(lake, scan_of(pa.schema([X]), policy=RANGES), tasks=[FileTask(file, (1, 3))])
    assert found.column("x").to_pylist() == [*range(12_000, 14_000), *range(16_000, 18_000)]


def test_projection_fetches_less(lake: Lake) -> None:
    """Where ranges may be read, one small column costs a small part of the files."""
    fetched = {}
    for name, schema in (("one", pa.schema([X])), ("both", pa.schema([X, TEXT]))):
        store = CountingStore(lake.store)
        read(lake, scan_of(schema, policy=RANGES), store=store)
        fetched[name] = sum(size for _, size in store.gets)
    assert fetched["one"] < fetched["both"] / 2


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("x = 12345", [12_345]),
        ("x BETWEEN 19998 AND 20001", [19_998, 19_999, 20_000, 20_001]),
        ("x < 0", []),
        ("x IN (0, 29999, 40000)", [0, 29_999]),
        ("NOT (x >= 2)", [0, 1]),
    ],
)
def test_filter_is_exact_and_prunes(lake: Lake, condition: str, expected: list[int]) -> None:
    """Exactly the rows that match come out, and row groups that cannot match are not fetched."""
    store = CountingStore(lake.store)
    scan = scan_of(pa.schema([TEXT]), wide=pa.schema([TEXT, X]), condition=condition, policy=RANGES)
    found = read(lake, scan, store=store)
    rows = [numbered(number // 10_000 * 10_000, 10_000).column("text")[number % 10_000].as_py() for number in expected]
    assert found.column("text").to_pylist() == rows
    behind_the_tail = [size for _, size in store.gets if size != 65_584]
    assert len(behind_the_tail) <= max(len(expected), 1)


def test_filter_that_nothing_passes_has_the_schema(lake: Lake) -> None:
    """No row is no error, and no file's data is fetched behind its footer."""
    store = CountingStore(lake.store)
    assert read(lake, scan_of(pa.schema([X]), condition="x > 99999", policy=RANGES), store=store).num_rows == 0
    assert len(store.gets) == 3


def test_file_without_rows_among_others() -> None:
    """A file without rows adds nothing and breaks nothing."""
    lake = Lake()
    lake.put("a", numbered(0, 3))
    lake.put("b", numbered(0, 0))
    lake.put("c", numbered(3, 3))
    assert read(lake, scan_of(pa.schema([X]))).column("x").to_pylist() == list(range(6))


def test_column_that_a_file_lacks_is_null() -> None:
    """An older file without a column has nulls there, also where it has none of the columns asked for."""
    lake = Lake()
    lake.put("a", pa.table({"x": [1, 2], "new": ["p", "q"]}))
    lake.put("b", pa.table({"x": [3]}))
    new = pa.field("new", pa.string())
    assert read(lake, scan_of(pa.schema([new, X]))).to_pylist()[2] == {"new": None, "x": 3}
    assert read(lake, scan_of(pa.schema([new]))).column("new").to_pylist() == ["p", "q", None]


def test_large_row_groups_come_in_bounded_batches() -> None:
    """The JVM never has to hold more than BATCH_ROWS rows of a file at once, with columns or without."""
    lake = Lake()
    lake.put("p=1/a", pa.table({"x": range(BATCH_ROWS + 5)}))
    partitions = pa.schema([("p", pa.int32())])
    files = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    for schema in (pa.schema([X]), partitions):
        batches = list(scan_of(schema, partition_schema=partitions).read(lake.store, lake.keyring, files))
        assert [batch.num_rows for batch in batches] == [BATCH_ROWS, 5]


def partitioned() -> Lake:
    """Two folders, one of them the null partition."""
    lake = Lake()
    lake.put("p=1/a", numbered(0, 2))
    lake.put("p=__HIVE_DEFAULT_PARTITION__/b", numbered(2, 2))
    return lake


PARTITIONS = pa.schema([("p", pa.int32())])


def test_partition_columns_are_part_of_the_rows() -> None:
    """Every row has its folder's value, in the place that the schema gives it."""
    found = read(partitioned(), scan_of(pa.schema([*PARTITIONS, X]), partition_schema=PARTITIONS))
    assert found.to_pylist() == [{"p": p, "x": x} for x, p in enumerate([1, 1, None, None])]


def test_partition_columns_alone_fetch_no_data() -> None:
    """Asked for partition columns only, a scan opens the files and reads none of their columns."""
    lake = partitioned()
    store = CountingStore(lake.store)
    found = read(lake, scan_of(PARTITIONS, partition_schema=PARTITIONS, policy=RANGES), store=store)
    assert found.column("p").to_pylist() == [1, 1, None, None]
    assert len(store.gets) == 2


@pytest.mark.parametrize(("condition", "opened"), [("p = 1", "p=1/a"), ("p IS NULL", "p=__HIVE_DEFAULT_PARTITION__/b")])
def test_filter_on_a_partition_skips_files(condition: str, opened: str) -> None:
    """Files of other partitions are not even opened: no request, no call of the key service."""
    lake = partitioned()
    store = CountingStore(lake.store)
    before = lake.keyring.unwraps
    scan = scan_of(pa.schema([X]), wide=pa.schema([X, *PARTITIONS]), condition=condition, partition_schema=PARTITIONS)
    assert read(lake, scan, store=store).num_rows == 2
    assert {key for key, _ in store.gets} == {f"lake/table/{opened}"}
    assert lake.keyring.unwraps == before + 1


def test_damaged_file_releases_no_row_of_its_own(lake: Lake) -> None:
    """Rows of the files before it come, then an error that names it; not one of its rows."""
    damaged = Lake()
    for name in ("a", "b", "c"):
        damaged.put(name, numbered(0, 1000))
    damaged.change(damaged.table.child("b"), at=100)
    files = [FileTask(file) for file in list_table(damaged.store, damaged.table).files]
    rows = scan_of(pa.schema([X])).read(damaged.store, damaged.keyring, files)
    assert next(rows).num_rows == 1000
    with pytest.raises(IntegrityError, match="s3://bucket/lake/table/b"):
        next(rows)


def test_damage_that_nothing_authenticates_is_still_an_error_of_ours() -> None:
    """A CBC file with damaged pages ends as an error that names the object, never as pyarrow's own."""
    lake = Lake()
    location = lake.put("a", numbered(0, 2000), CBC, compression="gzip")
    for at in range(20_000, 40_000, 16):
        lake.change(location, at)
    with pytest.raises(IntegrityError, match="s3://bucket/lake/table/a"):
        read(lake, scan_of(pa.schema([X, TEXT]), policy=RANGES))


def test_file_replaced_since_the_listing() -> None:
    """A file that is not the one listed is refused by name, before a row of it is seen."""
    lake = Lake()
    lake.put("a", numbered(0, 5))
    files = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    lake.put("a", numbered(5, 5))
    with pytest.raises(TransferError, match=r"s3://bucket/lake/table/a: .*replaced.*[Ll]oad the table again"):
        read(lake, scan_of(pa.schema([X])), tasks=files)


def test_file_that_is_gone() -> None:
    """A file that was listed and is gone is an error with its name, though it was being fetched ahead."""
    lake = Lake()
    for name in ("a", "b"):
        lake.put(name, numbered(0, 5))
    files = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    lake.store.delete([lake.table.child("b")])
    rows = scan_of(pa.schema([X])).read(lake.store, lake.keyring, files)
    next(rows)
    with pytest.raises(TransferError, match="s3://bucket/lake/table/b"):
        next(rows)


def test_early_end_leaves_no_thread(lake: Lake) -> None:
    """A reader that takes one batch and goes, as LIMIT does, leaves no thread behind."""
    files = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    rows = scan_of(pa.schema([X])).read(lake.store, lake.keyring, files)
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("s3cse-ahead")]


def test_what_was_not_verified_is_said_aloud(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes released unverified are counted in a warning; a strict scan of GCM warns of nothing."""
    with caplog.at_level(logging.WARNING):
        read(lake, scan_of(pa.schema([X])))
        assert not caplog.records
        read(lake, scan_of(pa.schema([X]), policy=RANGES))
    assert "3 files" in caplog.text
    assert "UNVERIFIED" in caplog.text


def test_early_end_says_what_was_released_too(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """A reader that stops after one batch has released that file's bytes, and the warning counts them."""
    files = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    with caplog.at_level(logging.WARNING):
        rows = scan_of(pa.schema([X]), policy=RANGES).read(lake.store, lake.keyring, files)
        next(rows)
        rows.close()  # type: ignore[attr-defined]
    assert "1 files" in caplog.text
    assert "UNVERIFIED" in caplog.text


def test_scan_travels(lake: Lake) -> None:
    """A scan is the same after a trip through pickle."""
    scan = scan_of(pa.schema([X]), condition="x IN (1, 2) AND NOT x IS NULL")
    again = pickle.loads(pickle.dumps(scan))
    assert read(lake, again).equals(read(lake, scan))


def test_type_that_does_not_fit_names_file_and_column() -> None:
    """A file whose column has another type than the table is named, with the column."""
    lake = Lake()
    lake.put("a", pa.table({"x": ["text"]}))
    with pytest.raises(SettingsError, match=r"s3://bucket/lake/table/a: column 'x'"):
        read(lake, scan_of(pa.schema([X])))


def test_header_that_came_twice() -> None:
    """An object with a header twice, in different letter case, is refused by name before a key is asked for."""
    lake = Lake()
    location = lake.put("a", numbered(0, 5))
    stored, body = lake.store.get_tail(location, 1 << 20)
    lake.store.put(location, body, {**stored.metadata, "X-Amz-Iv": stored.metadata["x-amz-iv"]})
    with pytest.raises(EnvelopeError, match=r"s3://bucket/lake/table/a: "):
        read(lake, scan_of(pa.schema([X])))
    assert lake.keyring.unwraps == 0


def test_no_parquet_among_the_files() -> None:
    """An encrypted object that is something else is named."""
    lake = Lake()
    lake.put("readme.txt", b"hello")
    with pytest.raises(EnvelopeError, match=r"s3://bucket/lake/table/readme\.txt"):
        read(lake, scan_of(pa.schema([X])))


def test_tasks_are_values() -> None:
    """Two tasks for the same piece of a file are equal, so a plan can be compared."""
    file = DataFile(Lake().table, 1, "etag")
    assert FileTask(file, (1,)) == FileTask(dataclasses.replace(file), (1,))


def test_the_report_does_not_hide_what_failed(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged file is the error, also where the report cannot be left; without damage the report's error is."""

    class NoReports(CountingStore):
        def put(self, *arguments: Any) -> Any:
            raise TransferError("no room for reports")

    damaged = Lake()
    damaged.put("f", numbered(0, 1000))
    scan = dataclasses.replace(scan_of(pa.schema([X])), report=damaged.table.child("reports"))
    with pytest.raises(TransferError, match="no room"):
        read(damaged, scan, store=NoReports(damaged.store))
    damaged.change(damaged.table.child("f"), at=50)
    with pytest.raises(IntegrityError):
        read(damaged, scan, store=NoReports(damaged.store))
    assert "no room for reports" in caplog.text


def test_nothing_large_is_fetched_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file is decoded a small one comes along, whatever is skipped between; a large one waits its turn."""
    lake = Lake()
    for number, rows in enumerate([2000, 2000, 30_000]):
        lake.put(f"{number}", numbered(number * 100_000, rows))
    sizes = [row.size for row in lake.store.list(lake.table)]
    monkeypatch.setattr(scan_module, "AHEAD_BYTES", sizes[0] + 1000)
    store = CountingStore(lake.store)
    scan = scan_of(pa.schema([X, TEXT]), condition="x < 100000 OR x >= 200000")
    tasks = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    batches = scan.read(store, lake.keyring, tasks)
    next(batches)
    time.sleep(0.2)
    assert {key for key, _ in store.gets} <= {"lake/table/0", "lake/table/1"}
    assert sum(batch.num_rows for batch in batches) == 30_000
