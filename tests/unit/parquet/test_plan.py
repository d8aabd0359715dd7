"""Who reads what, and how little the planner opens to know it."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from s3cse.errors import EnvelopeError, SettingsError
from s3cse.objects.policy import Policy
from s3cse.parquet.plan import file_schema, plan_splits
from s3cse.parquet.table import list_table
from spark.fakes import CountingStore, Lake

STRICT = Policy()
INDEXED = Policy(integrity="verify-indexed")


def random_rows(rows: int) -> pa.Table:
    """Return rows that take about 8 bytes each."""
    random.seed(rows)
    return pa.table({"x": [random.random() for _ in range(rows)]})


@pytest.fixture(scope="module")
def lake() -> Lake:
    """One file of about 800 kB in ten row groups, and five of 8 kB."""
    lake = Lake()
    lake.put("big", random_rows(100_000), row_group_size=10_000)
    for number in range(5):
        lake.put(f"small-{number}", random_rows(1000))
    return lake


def plan(
    lake: Lake, policy: Policy, split_bytes: int
) -> tuple[list[list[tuple[str, tuple[int, ...] | None]]], list[str]]:
    """Return the splits, by file name, and the keys that the planner fetched."""
    store = CountingStore(lake.store)
    splits = plan_splits(store, lake.keyring, list_table(lake.store, lake.table), policy, split_bytes)
    named = [[(task.file.location.key.rpartition("/")[2], task.row_groups) for task in split] for split in splits]
    return named, [key for key, _ in store.gets]


@pytest.mark.parametrize("split_bytes", [1, 10_000, 200_000, 1 << 30])
def test_strict_keeps_files_without_an_index_whole(lake: Lake, split_bytes: int) -> None:
    """Under strict such a file goes to one task as a whole; the planner looks at no file that fits into a split."""
    splits, fetched = plan(lake, STRICT, split_bytes)
    larger = {"big": 800_000, **{f"small-{number}": 8000 for number in range(5)}}
    assert fetched == sorted(f"lake/table/{name}" for name, size in larger.items() if size > split_bytes)
    pieces = sorted(piece for split in splits for piece in split)
    assert pieces == [("big", None), *((f"small-{number}", None) for number in range(5))]


def test_strict_splits_a_file_whose_index_was_seen() -> None:
    """An indexed file is verified per segment, so its row groups go to several tasks; the planner fetches its end."""
    lake = Lake()
    lake.put_indexed("big", random_rows(100_000), row_group_size=10_000)
    splits, fetched = plan(lake, STRICT, 200_000)
    assert fetched == ["lake/table/big"]
    assert len(splits) > 3
    assert sorted(group for split in splits for _, part in split for group in part or ()) == list(range(10))


def test_large_file_is_spread_by_row_groups(lake: Lake) -> None:
    """Where ranges may be read, the planner opens the large file's tail only; its row groups go to several tasks."""
    splits, fetched = plan(lake, INDEXED, 200_000)
    assert set(fetched) == {"lake/table/big"}
    groups = [group for split in splits for name, part in split if name == "big" for group in part or ()]
    assert sorted(groups) == list(range(10))
    assert sum(any(name == "big" for name, _ in split) for split in splits) >= 4
    small = sorted(name for split in splits for name, _ in split if name != "big")
    assert small == [f"small-{number}" for number in range(5)]


def test_small_files_share_a_task(lake: Lake) -> None:
    """Files that fit into one split together are one task: each task has a fixed cost."""
    splits, fetched = plan(lake, INDEXED, 64 << 20)
    assert len(splits) == 1
    assert not fetched


def test_planning_twice_gives_the_same(lake: Lake) -> None:
    """The same table is split in the same way each time."""
    assert plan(lake, INDEXED, 100_000) == plan(lake, INDEXED, 100_000)


def schema_of(lake: Lake, *, merge: bool = False) -> tuple[pa.Schema, list[str]]:
    """Return the schema and the keys fetched for it."""
    store = CountingStore(lake.store)
    files = list_table(lake.store, lake.table).files
    found = file_schema(store, lake.keyring, files, STRICT, merge=merge)
    return found, [key for key, _ in store.gets]


def test_smallest_file_speaks_for_all(lake: Lake) -> None:
    """The schema comes from one file, the smallest: under strict it is read as a whole."""
    found, fetched = schema_of(lake)
    assert found.names == ["x"]
    assert len(set(fetched)) == 1
    assert "small" in fetched[0]


def test_merge_unites_all_files() -> None:
    """With merge the schema has every file's columns, in the widest of their types."""
    lake = Lake()
    lake.put("a", pa.table({"x": pa.array([1], pa.int32())}))
    lake.put("b", pa.table({"x": pa.array([1], pa.int64()), "y": ["text"]}))
    found, fetched = schema_of(lake, merge=True)
    assert found == pa.schema([("x", pa.int64()), ("y", pa.string())])
    assert set(fetched) == {"lake/table/a", "lake/table/b"}


def test_schemas_that_do_not_go_together() -> None:
    """Files whose columns contradict each other are an error under merge."""
    lake = Lake()
    lake.put("a", pa.table({"x": [1]}))
    lake.put("b", pa.table({"x": [["list"]]}))
    with pytest.raises(SettingsError, match="schemas do not go together"):
        schema_of(lake, merge=True)


def test_planner_names_the_file_it_cannot_open() -> None:
    """A file that cannot be opened for the schema is named."""
    lake = Lake()
    lake.put("empty", b"", profile=None)
    lake.put("good", pa.table({"x": [1]}))
    with pytest.raises(EnvelopeError, match="s3://bucket/lake/table/empty"):
        schema_of(lake)
