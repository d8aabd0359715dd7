"""``s3cse keys ls``: the inventory, and what it answers."""

from __future__ import annotations

from pathlib import Path

from keys.lake import Lake

from cli.keys.answers import lines
from cli.keys.conftest import Run


def test_ls(keys: Run, lake: Lake) -> None:
    """A line per object with its evidence, and a last line that says what nobody knows."""
    done = keys("ls", lake.place.uri)
    assert done.exit_code == 0, done.stderr
    old = next(line for line in done.stdout.splitlines() if line.endswith("a/old"))
    assert old.split() == ["V2", "kms", "stored", lake.kms_key, f"{lake.place.uri}a/old"]
    assert "3 objects: 2 V2, 1 plain; 1 under a key that they do not name" in done.stderr


def test_ls_json_and_filters(keys: Run, lake: Lake) -> None:
    """--legacy and --plaintext choose, and say among how many; --json prints the columns."""
    done = keys("ls", lake.place.uri, "--legacy", "--json")
    assert done.stderr.startswith("1 of 3 objects: ")
    (row,) = lines(done)
    assert (row["key"], row["encryption_context"]["kms_cmk_id"]) == (f"{lake.prefix}a/old", lake.kms_key)
    (row,) = lines(keys("ls", lake.place.uri, "--plaintext", "--look", "--json"))
    assert (row["key"], row["looked_inside"]) == (f"{lake.prefix}b/plain", True)


def test_ls_by_key_and_prefix(keys: Run, lake: Lake) -> None:
    """Summed up by key, probed keys have their objects; by prefix, folders have theirs."""
    rows = lines(keys("ls", lake.place.uri, "--by", "key", "--probe", "decrypt", "--json"))
    assert {(row["key_id"], row["key_evidence"]) for row in rows} == {(lake.kms_key, "probed")}
    rows = lines(keys("ls", lake.place.uri, "--by", "prefix", "--depth", "2", "--json"))
    assert [(row["prefix"][-3:], row["encrypted"], row["plain"]) for row in rows] == [("/a/", 2, 0), ("/b/", 0, 1)]


def test_what_goes_with_a_key(keys: Run, lake: Lake) -> None:
    """The answer names what is lost, and says that it is not the whole truth until it is."""
    done = keys("ls", lake.place.uri, "--key", lake.kms_key)
    assert "1 object can no longer be opened" in done.stderr
    assert "NOT the whole truth" in done.stderr
    done = keys(
        "ls", lake.place.uri, "--key", lake.kms_key, "--look", "--probe", "dry-run", "--probe-key", lake.kms_key
    )
    assert "2 objects can no longer be opened" in done.stderr
    assert "NOT" not in done.stderr


def test_written_inventories(keys: Run, lake: Lake, tmp_path: Path) -> None:
    """An inventory that was written, as a file or a folder, is read again without a request."""
    for name in ("file.parquet", "folder"):
        done = keys("ls", lake.place.uri, "--output", tmp_path / name)
        assert (done.exit_code, done.stdout) == (0, "")
        assert "3 rows in" in done.stderr
        assert len(lines(keys("ls", tmp_path / name, "--json"))) == 3
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
