"""``s3cse keys`` on real servers: what it prints, what it deletes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from keys.lake import Lake
from typer.testing import CliRunner

from s3cse.cli.app import app
from s3cse.local import Servers

Run = Callable[..., Any]


@pytest.fixture
def lake(s3: Any, kms: Any, servers: Servers, shared_bucket: str) -> Lake:
    """One object under a key that it names, one under the same key that it does not name, one plain."""
    made = Lake(s3, kms, servers.create_key(), shared_bucket)
    made.put("a/old", profile="emrfs")
    made.put("a/new")
    made.put_plain("b/plain")
    return made


@pytest.fixture
def keys(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of the group."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: CliRunner().invoke(app, ["keys", *map(str, arguments)])


def lines(result: Any) -> list[dict[str, Any]]:
    """Return what a command printed as JSON."""
    return [json.loads(line) for line in result.stdout.splitlines()]


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ls", "nothing"), "no such inventory"),
        (("ls", "s3://lake/", "--by", "colour"), "--by has no such value"),
        (("ls", "s3://lake/", "--by", "key", "--legacy"), "several things"),
        (("ls", "s3://lake/", "--table", "--all-versions"), "do not go together"),
        (("ls", "s3://lake/", "--probe-key", "x"), "without --probe"),
        (("ls", "s3://lake/", "--probe", "guess"), "no such way"),
        (("ls", "s3://lake/", "--open"), "no key was named"),
        (("shred", "s3://lake/", "--key", ""), "no key was named"),
        (("shred", "s3://lake/", "--key", "k", "--uploads-older-than", "soon"), "soon"),
    ],
)
def test_wrong_use(keys: Run, servers: Servers, lake_bucket: str, arguments: tuple[str, ...], said: str) -> None:
    """What is asked wrongly ends with 2, and one line that says so."""
    done = keys(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check(keys: Run, lake: Lake) -> None:
    """Enabled keys are well; one that is to be deleted is a danger, with its date and the way back, and ends with 3."""
    done = keys("check", lake.place.uri)
    assert done.exit_code == 1, "an object was not checked: whoever runs this from cron must not see a success"
    assert done.stdout.startswith("ok")
    assert "not checked: 1 object" in done.stderr
    assert keys("check", lake.place.uri, "--probe", "decrypt").exit_code == 0
    lake.kms.schedule_key_deletion(KeyId=lake.kms_key.rpartition("/")[2], PendingWindowInDays=7)
    done = keys("check", lake.place.uri)
    assert done.exit_code == 3
    assert done.stdout.startswith("DANGER  pending-deletion")
    assert "KMS deletes it on" in done.stdout
    assert f"aws kms cancel-key-deletion --key-id {lake.kms_key}" in done.stdout
    (row,) = lines(keys("check", lake.place.uri, "--json"))
    assert (row["in_danger"], row["objects"], row["status"]) == (True, 1, "pending-deletion")


def test_check_of_a_written_inventory(keys: Run, lake: Lake, tmp_path: Path) -> None:
    """An inventory that was written with probing is checked for all of its keys."""
    keys("ls", lake.place.uri, "--probe", "decrypt", "--output", tmp_path / "x.parquet")
    (row,) = lines(keys("check", tmp_path / "x.parquet", "--json"))
    assert (row["key"], row["objects"]) == (lake.kms_key, 2)


def test_shred_shows_before_it_deletes(keys: Run, lake: Lake) -> None:
    """Without --yes nothing goes; what would go, and what is kept and why, is shown."""
    done = keys("shred", lake.place.uri, "--key", lake.kms_key)
    assert done.exit_code == 0, done.stderr
    assert "1 object, 80 bytes, would be deleted; --yes does it" in done.stderr
    why = "no certain word of its key: --probe asks KMS, --look finds those of messages"
    assert f"kept: 1 object ({why})" in done.stderr
    assert len(list(lake.store.list(lake.place))) == 3


def test_shred(keys: Run, lake: Lake, tmp_path: Path) -> None:
    """With --yes it goes, is reported, and the command for the key is printed, not run."""
    report = tmp_path / "report.jsonl"
    done = keys("shred", lake.place.uri, "--key", lake.kms_key, "--yes", "--probe", "decrypt", "--report", report)
    assert done.exit_code == 0, done.stderr
    assert "2 deleted" in done.stderr
    assert f"aws kms schedule-key-deletion --key-id {lake.kms_key}" in done.stderr
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(row["uri"], row["outcome"]) for row in rows] == [
        (f"{lake.place.uri}a/new", "deleted"),
        (f"{lake.place.uri}a/old", "deleted"),
    ]
    assert [row.location.key for row in lake.store.list(lake.place)] == [f"{lake.prefix}b/plain"]
    assert lake.kms.describe_key(KeyId=lake.kms_key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_shred_in_a_bucket_with_versions(keys: Run, s3: Any, kms: Any, kms_key: str, bucket: str) -> None:
    """Where versions are kept, deleting only hides: exit code 1; with --all-versions nothing is left."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    lake = Lake(s3, kms, kms_key, bucket)
    lake.put("object", profile="emrfs")
    done = keys("shred", lake.place.uri, "--key", kms_key, "--yes")
    assert done.exit_code == 1
    assert "--all-versions deletes them" in done.stderr
    done = keys("shred", lake.place.uri, "--key", kms_key, "--yes", "--all-versions")
    assert done.exit_code == 0, done.stderr
    page = s3.list_object_versions(Bucket=bucket)
    assert not page.get("Versions")
    assert not page.get("DeleteMarkers")
