"""``s3cse keys`` on real servers, and a few objects to ask about."""

from __future__ import annotations

from collections.abc import Callable
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
