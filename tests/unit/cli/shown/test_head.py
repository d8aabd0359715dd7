"""``s3cse head``: rows of tables and files, as a table, CSV and JSON."""

from __future__ import annotations

import io
import json
import sys
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.lake import Lake, damage

ROWS = 30


@pytest.fixture
def table(lake: Lake) -> Lake:
    """A table of two partitions."""
    for month in (1, 2):
        rows = pa.table(
            {
                "n": list(range(ROWS)),
                "name": [f"[bold]{n}\x1b" for n in range(ROWS)],
                "at": [datetime(2026, 1, month)] * ROWS,
                "cost": [Decimal("1.50"), None] * (ROWS // 2),
                "raw": [b"\x00\x01"] * ROWS,
                "list": [[1, 2]] * ROWS,
            }
        )
        out = io.BytesIO()
        pq.write_table(rows, out)
        lake.put(f"t/month={month}/x.parquet", out.getvalue())
    return lake


def test_json(table: Lake) -> None:
    """Types keep what they can: numbers, ISO times, decimals as text, bytes as base64; partitions are columns."""
    result = table.run("head", table.at + "t/", "-n", "2", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, len(rows)) == (0, 2)
    assert rows[1] == {
        "n": 1, "name": "[bold]1\x1b", "at": "2026-01-01T00:00:00", "cost": None, "raw": "AAE=", "list": [1, 2],
        "month": 1,
    }  # fmt: skip
    assert rows[0]["cost"] == "1.50"


def test_csv_of_some_columns_and_rows(table: Lake) -> None:
    """Columns in the order asked for, and only rows for which the filter is true."""
    result = table.run("head", table.at + "t", "--csv", "--columns", "month,N", "--filter", "month = 2 AND n > 27")
    assert (result.exit_code, result.stdout) == (0, "month,n\n2,28\n2,29\n")


def test_rows_of_one_file_and_across_files(table: Lake) -> None:
    """A file's own address is a table of one file; without enough rows in it the next file follows."""
    one = table.run("head", table.at + "t/month=2/x.parquet", "-n", "100", "--json", "--columns", "at")
    assert [json.loads(line)["at"][:10] for line in one.stdout.splitlines()] == ["2026-01-02"] * ROWS
    assert len(table.run("head", table.at + "t", "-n", str(ROWS + 1), "--json").stdout.splitlines()) == ROWS + 1


def test_table_for_people(table: Lake) -> None:
    """A line per row under a header; control characters and markup are shown, not obeyed."""
    result = table.run("head", table.at + "t", "-n", "1")
    header, row = result.stdout.splitlines()
    assert header.split() == ["n", "name", "at", "cost", "raw", "list", "month"]
    assert "[bold]0\\x1b" in row
    assert "null" in table.run("head", table.at + "t", "-n", "2").stdout


def test_damaged_file(table: Lake) -> None:
    """Not a row comes out."""
    damage(table, "t/month=1/x.parquet")
    result = table.run("head", table.at + "t/month=1/")
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize("words", [("--columns", "zz"), ("--filter", "n >"), ("--filter", "zz = 1")])
def test_wrong_use(table: Lake, words: tuple[str, ...]) -> None:
    """Exit code 2 and one line."""
    result = table.run("head", table.at + "t", *words)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_a_filter_without_sqlglot_says_what_to_install(table: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no traceback: the extra may not be there."""
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    monkeypatch.delitem(sys.modules, "s3cse.parquet.filter.filter_sql", raising=False)
    result = table.run("head", table.at + "t", "--filter", "n > 1")
    assert (result.exit_code, result.stderr) == (
        2,
        "head: --filter needs sqlglot. Install it: pip install 's3cse[filter]'\n",
    )
