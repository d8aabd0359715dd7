"""Counting from footers: right under every policy, cheap for indexed files, refused for changed ones."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from s3cse.errors import IntegrityError
from s3cse.objects.policy import Policy
from s3cse.parquet import counts
from s3cse.parquet.plan import plan_splits
from s3cse.parquet.row_counts import SCHEMA, RowCounts
from s3cse.parquet.scan import FileTask
from s3cse.parquet.table import list_table
from s3cse.storage.port import Location
from spark.fakes import CBC, CountingStore, Lake

REPORT = Location("bucket", "reports/one")


def table(rows: int) -> pa.Table:
    """Return rows of no interest."""
    return pa.table({"x": pa.array(range(rows), pa.int64()), "text": [f"row {row} of many" for row in range(rows)]})


def count(lake: Lake, policy: Policy, store: CountingStore | None = None) -> dict[str, int]:
    """Return the rows of each file, counted as a task does."""
    tasks = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    job = pickle.loads(pickle.dumps(RowCounts(policy, REPORT)))
    batches = list(job.read(store or lake.store, lake.keyring, tasks))
    found = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    return {row["file"].rpartition("/")[2]: row["rows"] for row in found}


@pytest.fixture
def lake() -> Lake:
    """Indexed files, an empty one among them, and one that another tool wrote."""
    lake = Lake()
    lake.put_indexed("a", table(30_000), row_group_size=10_000)
    lake.put_indexed("b", table(0))
    lake.put("c", table(40_000))
    return lake


@pytest.mark.parametrize("integrity", ["strict", "verify-indexed", "none"])
def test_counts_every_file(lake: Lake, integrity: str) -> None:
    """One row per file; the report says of each whether its footer was verified."""
    assert count(lake, Policy(integrity=integrity)) == {"a": 30_000, "b": 0, "c": 40_000}
    report = counts.collect(lake.store, REPORT)
    expected = {"strict": (3, 0), "verify-indexed": (2, 1), "none": (0, 3)}[integrity]
    assert (report.verified_files, report.unverified_files) == expected
    assert len(report.unverified) == expected[1]


def test_an_indexed_file_costs_its_end(lake: Lake) -> None:
    """One request of 64 KiB, whatever its length; a foreign file is fetched whole under strict."""
    store = CountingStore(lake.store)
    count(lake, Policy(), store)
    size = {row.location.key: row.size for row in lake.store.list(lake.table)}
    assert [key for key, _ in store.gets].count("lake/table/a") == 1
    assert store.bytes_of(lake.table.child("a")) < size["lake/table/a"] / 2
    assert store.bytes_of(lake.table.child("c")) >= size["lake/table/c"]


def test_a_file_larger_than_a_split_counts_once(lake: Lake) -> None:
    """Splits of a count are whole files, and the planner opens none of them."""
    store = CountingStore(lake.store)
    table = list_table(lake.store, lake.table)
    splits = plan_splits(store, lake.keyring, table, Policy(), 1000, cut=False)
    assert not store.gets
    tasks = [task for split in splits for task in split]
    assert len(tasks) == 3
    (batch,) = RowCounts(Policy()).read(lake.store, lake.keyring, tasks)
    assert sum(batch.column("rows").to_pylist()) == 70_000


def test_a_changed_footer_is_refused(lake: Lake) -> None:
    """No count of a file whose end is another one."""
    size = {row.location.key: row.size for row in lake.store.list(lake.table)}
    lake.change(lake.table.child("a"), at=size["lake/table/a"] - 200)
    with pytest.raises(IntegrityError, match="lake/table/a"):
        count(lake, Policy())


def test_cbc_counts_as_unverified(lake: Lake) -> None:
    """Nothing authenticates it, and the report says so."""
    lake.put("d", table(7), CBC)
    assert count(lake, Policy(legacy="allow"))["d"] == 7
    assert counts.collect(lake.store, REPORT).unverified == ["s3://bucket/lake/table/d"]
