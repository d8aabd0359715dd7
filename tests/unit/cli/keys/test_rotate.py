"""``s3cse keys rotate`` on real servers."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pyarrow.dataset as ds
import pytest
from typer.testing import CliRunner

import s3cse
from s3cse.cli.app import app
from s3cse.keyrings import AesKeyring, KmsKeyring
from s3cse.local import Servers


@pytest.fixture(autouse=True)
def environment(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the command at the servers."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder(s3: Any, shared_bucket: str, kms: Any, kms_key: str) -> str:
    """The address of a folder with two objects under a KMS key, and a plain one."""
    prefix = f"rotate-{uuid.uuid4().hex}/"
    client = s3cse.Client(s3, KmsKeyring(kms, kms_key))
    for name in ("a", "b"):
        client.put_object(Bucket=shared_bucket, Key=prefix + name, Body=name.encode())
    s3.put_object(Bucket=shared_bucket, Key=prefix + "plain", Body=b"plain")
    return f"s3://{shared_bucket}/{prefix}"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["keys", "rotate", *arguments])


def body(s3: Any, keyring: Any, address: str) -> bytes:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bytes(s3cse.Client(s3, keyring).get_object(Bucket=bucket, Key=key)["Body"].read())


def test_to_another_kms_key(s3: Any, kms: Any, kms_key: str, servers: Servers, folder: str, tmp_path: Any) -> None:
    """Two are rotated, the plain one is told; again they are already; the report has a row for each."""
    new = servers.create_key()
    flags = (folder, "--kms-key-id", kms_key, "--to", f"kms-key-id={new}")
    dry = run(*flags, "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, "1 plain, 2 would be rotated\n")
    done = run(*flags, "--report", str(tmp_path / "report"), "--kms-rate", "100")
    assert (done.exit_code, done.stdout) == (0, "1 plain, 2 rotated\n")
    assert body(s3, KmsKeyring(kms, new), folder + "a") == b"a"
    again = run(*flags, "--json")
    assert sorted(json.loads(line)["outcome"] for line in again.stdout.splitlines()) == ["already", "already", "plain"]
    rows = ds.dataset(tmp_path / "report").to_table().to_pylist()
    assert sorted(row["outcome"] for row in rows) == ["plain", "rotated", "rotated"]
    assert {row["key_after"] for row in rows} == {None, new}


def test_to_a_key_in_a_file(s3: Any, kms_key: str, folder: str, tmp_path: Any) -> None:
    """From KMS to an AES key in a file: options of the new key count together."""
    key = tmp_path / "new.key"
    key.write_bytes(bytes(range(32)))
    found = run(folder + "a", "--kms-key-id", kms_key, "--to", "keyring=aes", "--to", f"key-file={key}")
    assert (found.exit_code, found.stdout) == (0, "1 rotated\n")
    assert body(s3, AesKeyring(bytes(range(32))), folder + "a") == b"a"


def test_a_failure_is_named_and_counts(servers: Servers, folder: str) -> None:
    """Objects that neither key opens are named on standard error, and the command ends with 1."""
    found = run(folder, "--kms-key-id", servers.create_key(), "--to", f"kms-key-id={servers.create_key()}")
    assert (found.exit_code, found.stdout) == (1, "2 failed, 1 plain\n")
    assert f"{folder}a" in found.stderr


def test_no_new_key(kms_key: str, folder: str) -> None:
    """Without --to nothing is done: 2, wrong use."""
    found = run(folder, "--kms-key-id", kms_key)
    assert found.exit_code == 2
    assert "no new key was named" in found.stderr
