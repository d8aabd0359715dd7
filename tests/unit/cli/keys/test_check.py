"""``s3cse keys check``: what it says, and how it ends."""

from __future__ import annotations

from pathlib import Path

from keys.lake import Lake

from cli.keys.answers import lines
from cli.keys.conftest import Run


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
