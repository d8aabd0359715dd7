"""The overwrite journal is read as it was written, and nothing else passes for one."""

from __future__ import annotations

import json

import pytest

from s3cse.errors import EnvelopeError
from s3cse.parquet import hive, journal
from s3cse.storage.memory import MemoryStore
from spark.fakes import TABLE

WRITTEN = journal.Journal("job1", journal.DONE, ("p=é/new.parquet",), ("old 1.parquet", "p=%2F/old.parquet"))


def read_back(store: MemoryStore) -> journal.Journal:
    """Read the journal that the listing shows."""
    (row,) = store.list(journal.location(TABLE, "job1"))
    return journal.read(store, row)


def test_round_trip() -> None:
    """What is written is read back, names of any kind included."""
    store = MemoryStore()
    journal.write(store, TABLE, WRITTEN)
    assert read_back(store) == WRITTEN


def test_journal_is_hidden_from_readers() -> None:
    """A journal's name is recognised, and no reader of Hive tables takes it for data."""
    name = journal.location(TABLE, "job1").key.removeprefix(f"{TABLE.key}/")
    assert journal.is_journal(name)
    assert hive.is_hidden(name)
    assert not journal.is_journal("part-0.parquet")
    assert not journal.is_journal(f"p=1/{name}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b'{"version": 1}',
        b"\xff\xfe",
        json.dumps({"version": 2, "job": "job1", "new": [], "replaced": []}).encode(),
        json.dumps({"version": 1, "job": "job1", "new": [], "replaced": ["../other/file"]}).encode(),
        json.dumps({"version": 1, "job": "job1", "new": [], "replaced": ["/absolute"]}).encode(),
        json.dumps({"version": 1, "job": "job1", "new": [], "replaced": "a.parquet"}).encode(),
        json.dumps({"version": 1, "job": "job1", "new": [], "replaced": None}).encode(),
    ],
)
def test_damaged_journal_is_an_error_that_names_it(body: bytes) -> None:
    """A journal that is no journal of ours is refused by name, so that no file is left out or deleted on its word."""
    store = MemoryStore()
    store.put(journal.location(TABLE, "job1"), body)
    with pytest.raises(EnvelopeError, match=r"s3://bucket/lake/table/_s3cse_overwrite_job1\.json.*damaged"):
        read_back(store)
