"""rekey_sse_c, started as users start it: plain Python, no Spark."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

import s3cse.local
from s3cse.keyrings.customer_keys import DerivedCustomerKeys, OneCustomerKey
from s3cse.storage.customer_key_store import CustomerKeyStore
from s3cse.storage.port import Location

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture
def prefix(shared_bucket: str) -> Location:
    """A folder of the test's own."""
    return Location(shared_bucket, f"{uuid.uuid4().hex}/")


def run(servers: s3cse.local.Servers, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the job with both keys: the old one from a file, the new one from the environment."""
    (folder / "old.key").write_bytes(OLD)
    return subprocess.run(
        [
            *(sys.executable, str(ROOT / "jobs" / "rekey_sse_c.py"), *arguments),
            *("--old-key-file", str(folder / "old.key"), "--new-key-env", "NEW_KEY", "--new-keys", "derived"),
        ],
        env={**os.environ, **servers.environment(), "NEW_KEY": base64.b64encode(NEW).decode()},
        capture_output=True,
        text=True,
        check=False,
    )


def test_job(servers: s3cse.local.Servers, s3: Any, prefix: Location, tmp_path: Path) -> None:
    """Looked at, done, and done again: exit codes and what is said; the objects have their new keys, and none shows."""
    old, new = CustomerKeyStore(s3, OneCustomerKey(OLD)), CustomerKeyStore(s3, DerivedCustomerKeys(NEW))
    for name in ("a", "b"):
        old.put(prefix.child(name), name.encode())
    looked = run(servers, tmp_path, prefix.uri, "--dry-run")
    assert (looked.returncode, looked.stderr) == (1, "")
    assert f"{prefix.uri}: 2 would be re-keyed (2 B)" in looked.stdout
    done = run(servers, tmp_path, prefix.uri, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[0] == {"uri": prefix.child("a").uri, "outcome": "re-keyed", "stored_bytes": 1, "error": None}
    assert rows[-1]["objects"] == {"re-keyed": 2}
    assert [new.get_tail(prefix.child(name), 1)[1] for name in ("a", "b")] == [b"a", b"b"]
    again = run(servers, tmp_path, prefix.uri)
    assert (again.returncode, "2 already" in again.stdout) == (0, True)
    for key in (OLD, NEW):
        for shown in (key.hex(), base64.b64encode(key).decode()):
            assert shown not in looked.stdout + done.stdout + again.stdout


def test_asked_wrongly(servers: s3cse.local.Servers, prefix: Location, tmp_path: Path) -> None:
    """No TLS, and what is no address: 2, in one line."""
    wrong = run(servers, tmp_path, prefix.uri, "--endpoint-url", "http://s3.example.com")
    assert wrong.returncode == 2
    assert "sent over TLS only" in wrong.stderr
    assert run(servers, tmp_path, "bucket/prefix").returncode == 2
