"""Reports as Parquet files in a folder."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from s3cse.errors import SettingsError
from s3cse.keys import report_parts
from s3cse.keys.report_parts import ReportParts
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

SCHEMA = pa.schema([("uri", pa.string()), ("size", pa.int64())])


def test_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file for every so many rows, whole at once; a second run adds its own."""
    monkeypatch.setattr(report_parts, "PART_ROWS", 2)
    folder = tmp_path / "a" / "report"
    for _ in range(2):
        with ReportParts(str(folder), SCHEMA, MemoryStore()) as report:
            for number in range(3):
                report.add({"uri": f"s3://b/{number}", "size": number})
    assert len(list(folder.glob("*.parquet"))) == 4
    assert sorted(ds.dataset(folder).to_table()["size"].to_pylist()) == [0, 0, 1, 1, 2, 2]
    assert not list(folder.glob(".*"))


def test_in_s3() -> None:
    """The same in a bucket."""
    store = MemoryStore()
    with ReportParts("s3://b/report/", SCHEMA, store) as report:
        report.add({"uri": "s3://b/x", "size": None})
    (row,) = store.list(Location("b", "report/"))
    body = bytearray(row.size)
    store.get_into(row.location, 0, body, row.etag)
    assert pq.read_table(io.BytesIO(body)).to_pylist() == [{"uri": "s3://b/x", "size": None}]


def test_rows_before_an_error_are_kept(tmp_path: Path) -> None:
    """What was told before the run broke off is in the report."""

    def broken() -> None:
        with ReportParts(str(tmp_path), SCHEMA, MemoryStore()) as report:
            report.add({"uri": "s3://b/x", "size": 1})
            raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        broken()
    assert ds.dataset(tmp_path).count_rows() == 1


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A file in the folder's place is wrong use."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="cannot be made"):
        ReportParts(str(tmp_path / "file"), SCHEMA, MemoryStore())
