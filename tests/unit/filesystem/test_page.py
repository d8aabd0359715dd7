"""What docs/filesystem.md shows is run as it stands, against real servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from client.test_documents import shown

import s3cse.local


@pytest.fixture
def lake(
    servers: s3cse.local.Servers, lake_bucket: str, flights_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The bucket, the key and the file that the page speaks of; DuckDB forgets the filesystem afterwards."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.bin").write_bytes(os.urandom(1000))
    yield tmp_path
    duckdb.unregister_filesystem("s3cse")


def test_filesystem_page(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """pandas, DuckDB, Dask, pyarrow, Polars, and files."""
    rows = {"carrier": ["AA", "UA", "UA"] * 10, "delay": [5, 61, 119] * 10}
    scope: dict[str, object] = {"flights": pd.DataFrame(rows)}
    exec(shown("docs/filesystem.md"), scope)
    printed = capsys.readouterr().out
    assert "│ UA      │       90.0 │" in printed
    assert "['lake/notes/a.txt', 'lake/notes/b.txt'] 15 b'flights'" in printed
    assert "shape: (20, 1)" in printed
    assert list(scope["delays"]) == ["carrier", "delay"]  # type: ignore[call-overload]
    assert scope["late"].num_rows == 20  # type: ignore[attr-defined]
    fs = scope["fs"]
    assert fs.cat_file("lake/models/model.bin") == (lake / "model.bin").read_bytes()  # type: ignore[attr-defined]
    assert not fs.exists("lake/letters")  # type: ignore[attr-defined]
