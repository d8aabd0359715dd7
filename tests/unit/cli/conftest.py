"""The command line on a store in memory, and on a real one."""

from __future__ import annotations

import os
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import s3cse
from cli.lake import Lake
from s3cse.cli.app import app
from s3cse.cli.interface import connection
from s3cse.keyrings import AesKeyring
from s3cse.local import Servers
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

JOB = "0123456789abcdef" * 2


class Shell:
    """Runs commands on ``store``; ``opened`` are the (region, endpoint) asked for."""

    def __init__(self) -> None:
        self.store: Any = MemoryStore(clock=lambda: self.started)
        self.started = datetime.now(timezone.utc)
        self.opened: list[tuple[str | None, str | None]] = []

    def run(self, *arguments: str, stdin: str | None = None) -> Any:
        """Run a command; the result has exit_code, stdout and stderr."""
        return CliRunner().invoke(app, arguments, input=stdin)

    def upload(self, key: str, age: timedelta, *parts: bytes) -> str:
        """Begin an upload that long ago; return its id."""
        self.started = datetime.now(timezone.utc) - age
        place = Location("lake", key)
        upload_id = self.store.create_upload(place, {})
        for number, part in enumerate(parts, 1):
            self.store.upload_part(place, upload_id, number, part)
        return upload_id

    def left(self) -> list[str]:
        """Return the keys of what is unfinished."""
        return sorted(row.location.key for row in self.store.list_uploads(Location("lake", "")))


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose S3 is in memory."""
    made = Shell()

    def open_store(place: Location, region: str | None, endpoint_url: str | None) -> MemoryStore:
        made.opened.append((region, endpoint_url))
        return made.store

    monkeypatch.setattr(connection, "open_store", open_store)
    return made


@pytest.fixture
def lake(servers: Servers, s3: Any, shared_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A folder of its own in a real bucket; commands run in ``tmp_path``."""
    key = os.urandom(32)
    (tmp_path / ".key").write_bytes(key)
    for name, value in {**servers.environment(), "S3CSE_KEYRING": "aes"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("S3CSE_KEYFILE", str(tmp_path / ".key"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return Lake(s3, shared_bucket, f"cli-{uuid.uuid4().hex}/", key)


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Three objects, one of them with an instruction file and one CBC."""
    lake.put("a", b"12345")
    filed = s3cse.Client(lake.s3, AesKeyring(lake.key), storage="instruction-file")
    filed.put_object(Bucket=lake.bucket, Key=lake.prefix + "sub/b", Body=b"b" * 2000)
    old = s3cse.Client(lake.s3, AesKeyring(lake.key), profile="emrfs")
    old.put_object(Bucket=lake.bucket, Key=lake.prefix + "cbc", Body=b"x" * 20)
    return lake
