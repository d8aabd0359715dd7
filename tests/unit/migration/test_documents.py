"""What docs/migration.md and the section on rotation of docs/keys.md show is run as it stands."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import s3cse
from s3cse.cli.app import app
from s3cse.keyrings import AesKeyring, KmsKeyring
from s3cse.local import Servers

ROOT = Path(__file__).parents[3]


def section(document: str, heading: str) -> str:
    return (ROOT / document).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line) for line in re.findall(r"^    s3cse (.*)$", text, re.MULTILINE)]


@pytest.fixture
def lake(servers: Servers, lake_bucket: str, flights_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bucket, the keys and the files that the documents speak of."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrapping.key").write_bytes(os.urandom(32))
    return tmp_path


@pytest.fixture(scope="module")
def new_key(servers: Servers) -> str:
    """The key of next year."""
    return servers.create_key("alias/flights-2027")


def run(words: list[str]) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_rotation(lake: Path, s3: Any, kms: Any, new_key: str) -> None:
    """A dry run, a rotation, and one from Python over mixed keys."""
    text = section("docs/keys.md", "Rotation")
    s3cse.Client(s3, KmsKeyring(kms, "alias/flights")).put_object(Bucket="lake", Key="rotation/a", Body=b"a")
    assert [run(words) for words in commands(text)] == ["1 would be rotated\n", "1 rotated\n"]
    assert list((lake / "rotated").glob("*.parquet"))
    raw = AesKeyring((lake / "wrapping.key").read_bytes(), {"key": "2026"})
    s3cse.Client(s3, raw).put_object(Bucket="lake", Key="rotation/b", Body=b"b")
    scope: dict[str, Any] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), scope)
    assert sorted(scope["outcomes"]) == ["already", "rotated"]
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": f"rotation/{name}"} for name in "ab"]})


def test_migration(lake: Path, s3: Any, kms: Any, new_key: str) -> None:
    """A dry run, in place, to another folder under another key, and to plaintext."""
    client = s3cse.Client(s3, KmsKeyring(kms, "alias/flights"), profile="emrfs")
    client.put_object(Bucket="lake", Key="migration/a", Body=b"a")
    said = [run(words) for words in commands((ROOT / "docs/migration.md").read_text())]
    assert said == ["1 would be migrated\n", "1 migrated\n", "1 migrated\n", "1 migrated\n"]
    assert s3.get_object(Bucket="lake", Key="migrated/a")["Body"].read() == b"a"
    s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": "migration/a"}, {"Key": "migrated/a"}]})
