"""``s3cse keys shred``: what it shows, what it deletes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keys.lake import Lake

from cli.keys.conftest import Run


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
