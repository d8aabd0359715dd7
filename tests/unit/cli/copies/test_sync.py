"""``s3cse sync``: what it copies, what it leaves, what it deletes."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import s3cse
from cli.lake import Lake, files_in
from s3cse.cli.copies.comparison import Comparison, Rules
from s3cse.cli.work.entries import Entry
from s3cse.keyrings import AesKeyring
from s3cse.storage.port import Location

FILES = {"a": b"a" * 5, "b/c": b"", "16": b"x" * 16, "d": b"d"}
PAST = (1_000_000_000, 1_000_000_000)


@pytest.fixture
def folder(lake: Lake) -> Path:
    """A local folder with FILES, all of them old."""
    for name, body in FILES.items():
        path = Path("src", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, PAST)
    return Path("src")


def said(result: Any) -> list[str]:
    """Return the lines of a run that went well."""
    assert (result.exit_code, result.stderr) == (0, "")
    return sorted(result.stdout.splitlines())


def test_second_run_copies_nothing(lake: Lake, folder: Path) -> None:
    """Up, down, and within S3: what is there already stays."""
    other = f"s3://{lake.bucket}/{lake.prefix}other/"
    for source, target in ((folder, lake.at + "p"), (lake.at + "p", "back"), (lake.at + "p", other)):
        assert len(said(lake.run("sync", source, target))) == len(FILES)
        assert said(lake.run("sync", source, target)) == []
    assert files_in(Path("back")) == FILES
    assert said(lake.run("sync", lake.at + "p", "back", "--exact-timestamps")) == []


def test_what_differs_is_copied(lake: Lake, folder: Path) -> None:
    """A new file, another length under an old time, a newer time."""
    lake.run("sync", folder, lake.at)
    Path("src/new").write_bytes(b"1")
    Path("src/16").write_bytes(b"y" * 17)
    os.utime("src/16", PAST)
    Path("src/a").touch()
    future = (datetime.now(timezone.utc) + timedelta(hours=1)).timestamp()
    os.utime("src/a", (future, future))
    assert said(lake.run("sync", folder, lake.at)) == sorted(
        f"upload: src/{name} to {lake.at}{name}" for name in ("new", "16", "a")
    )
    assert said(lake.run("sync", folder, lake.at, "--size-only")) == []


def test_lengths_of_cbc_objects(lake: Lake, folder: Path) -> None:
    """One byte more or less in the same number of blocks is seen: a HEAD and the last block say it."""
    lake.run("sync", folder, lake.at, "--format", "emrfs")
    flags = ("--format", "emrfs", "--legacy", "allow")
    assert said(lake.run("sync", folder, lake.at, *flags)) == []
    Path("src/a").write_bytes(b"a" * 6)
    os.utime("src/a", PAST)
    assert said(lake.run("sync", folder, lake.at, *flags)) == [f"upload: src/a to {lake.at}a"]


def test_checksum_sees_the_bytes(lake: Lake, folder: Path) -> None:
    """Other bytes of the same length and an old time: only --checksum reads them."""
    lake.run("sync", folder, lake.at)
    Path("src/a").write_bytes(b"b" * 5)
    os.utime("src/a", PAST)
    Path("src/d").touch()
    assert said(lake.run("sync", folder, lake.at, "--checksum")) == [f"upload: src/a to {lake.at}a"]
    assert lake.get("a") == b"b" * 5


def test_delete(lake: Lake, folder: Path) -> None:
    """What the source lacks goes, with its instruction file; what filters leave out stays."""
    filed = s3cse.Client(lake.s3, AesKeyring(lake.key), storage="instruction-file")
    filed.put_object(Bucket=lake.bucket, Key=lake.prefix + "old", Body=b"1")
    lake.put("kept.log", b"1")
    flags = ("--delete", "--exclude", "*.log")
    assert f"(dry run) delete: {lake.at}old" in said(lake.run("sync", folder, lake.at, *flags, "--dry-run"))
    assert "old" in lake.names()
    assert f"delete: {lake.at}old" in said(lake.run("sync", folder, lake.at, *flags))
    assert lake.names() == sorted([*FILES, "kept.log"])
    Path("src/surplus").write_bytes(b"1")
    assert said(lake.run("sync", lake.at, folder, "--delete", "--size-only", "--exclude", "*.log")) == [
        "delete: src/surplus"
    ]


def test_nothing_is_deleted_where_the_source_is_not_known(lake: Lake, folder: Path) -> None:
    """A folder that cannot be read looks empty: that is no reason to delete what is in S3."""
    lake.run("sync", folder, lake.at)
    Path("src/b/c").unlink()
    os.mkfifo("src/b/c")
    result = lake.run("sync", folder, lake.at, "--delete")
    assert (result.exit_code, lake.names()) == (1, sorted(FILES))
    assert "nothing is deleted" in result.stderr


@pytest.mark.parametrize(
    ("local", "stored", "same"),
    [(5, 21, True), (5, 22, None), (5, 5, False), (5, 20, False), (0, 16, None), (20, 36, True), (15, 32, None)],
)
def test_stored_sizes_that_need_no_request(local: int, stored: int, same: bool | None) -> None:
    """None: only a HEAD can tell, because AES-CBC has this length as well."""
    now = datetime.now(timezone.utc)
    asked: list[Entry] = []

    def length(entry: Entry, remote: object) -> int:
        asked.append(entry)
        return local

    comparison = Comparison(None, None, Rules())
    comparison._target = SimpleNamespace(options=SimpleNamespace(profile="emrfs-v2"))  # type: ignore[assignment]
    comparison._length = length  # type: ignore[method-assign]
    there = Entry(Location("b", "k"), "k", stored, now)
    assert comparison.same(Entry(Path("k"), "k", local, now), there) is (same is not False)
    assert bool(asked) == (same is None)
