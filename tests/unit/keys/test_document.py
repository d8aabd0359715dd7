"""What docs/keys.md shows of inventories, keys in danger and shredding is run as it stands, line by line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import s3cse
from s3cse.cli.app import app
from s3cse.keyrings import AesKeyring, KmsKeyring
from s3cse.keys.row import SCHEMA
from s3cse.local import Servers

PAGE = (Path(__file__).parents[3] / "docs" / "keys.md").read_text("utf-8")


def section(title: str) -> str:
    """Return a section of the page."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def key(servers: Servers, s3: Any, kms: Any, lake_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of some objects in the place that the page speaks of; the working folder is empty."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    arn = servers.create_key()
    for number, keyring in enumerate([KmsKeyring(kms, arn), KmsKeyring(kms, arn), AesKeyring(bytes(32))]):
        client = s3cse.Client(s3, keyring, profile="emrfs" if number else "emrfs-v2")
        client.put_object(Bucket=lake_bucket, Key=f"inventory/a/{number}", Body=b"x")
    s3.put_object(Bucket=lake_bucket, Key="inventory/b/plain", Body=b"x")
    return arn


def test_commands(key: str) -> None:
    """Every command of the page ends well, one after the other; the last of them shreds what names the key."""
    titles = ("Inventory: which key opens what", "Keys in danger", "Shredding")
    lines = re.findall(r"^    (s3cse keys .*)$", "".join(map(section, titles)), re.MULTILINE)
    assert len(lines) == 12
    for line in lines:
        words = [key if word == "KEY" else word for word in shlex.split(line)]
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, f"{line}: {done.stderr}"
    assert '"outcome": "deleted"' in Path("shredded.jsonl").read_text()


def test_python(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The questions in Python are answered."""
    (code,) = re.findall(r"```python\n(.*?)```", section("Inventory: which key opens what"), re.DOTALL)
    exec(code.replace('"KEY"', repr(key)), {})
    assert capsys.readouterr().out == "1 objects lost, 1 more may be; complete: False\n"


def test_every_column_is_told() -> None:
    """The page names all columns of an inventory."""
    assert [name for name in SCHEMA.names if f"`{name}`" not in PAGE] == []
