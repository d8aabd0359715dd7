"""``s3cse migrate`` on real servers."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pyarrow.dataset as ds
import pytest
from typer.testing import CliRunner

import s3cse
from s3cse.cli.app import app
from s3cse.keyrings import KmsKeyring
from s3cse.local import Servers


@pytest.fixture(autouse=True)
def environment(servers: Servers, kms_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the command at the servers, and name a key."""
    for name, value in {**servers.environment(), "S3CSE_KMSKEYID": kms_key}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def folder(s3: Any, shared_bucket: str, kms: Any, kms_key: str) -> str:
    """The address of a folder with two objects that EMRFS might have written."""
    prefix = f"migrate-{uuid.uuid4().hex}/in/"
    client = s3cse.Client(s3, KmsKeyring(kms, kms_key), profile="emrfs")
    for name in ("a", "b"):
        client.put_object(Bucket=shared_bucket, Key=prefix + name, Body=name.encode())
    return f"s3://{shared_bucket}/{prefix}"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["migrate", *arguments])


def body(s3: Any, keyring: Any, address: str) -> bytes:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bytes(s3cse.Client(s3, keyring, commitment="require").get_object(Bucket=bucket, Key=key)["Body"].read())


def test_in_place(s3: Any, kms: Any, kms_key: str, folder: str, tmp_path: Any) -> None:
    """What is not authenticated is refused, then allowed, looked at, migrated, and left alone."""
    refused = run(folder, "--format", "s3ec-v4")
    assert (refused.exit_code, refused.stdout) == (1, "2 refused\n")
    assert "legacy=allow" in refused.stderr
    flags = (folder, "--format", "s3ec-v4", "--legacy", "allow")
    assert run(*flags, "--dry-run").stdout == "2 would be migrated\n"
    done = run(*flags, "--report", str(tmp_path / "report"))
    assert (done.exit_code, done.stdout) == (0, "2 migrated\n")
    assert body(s3, KmsKeyring(kms, kms_key), folder + "a") == b"a"
    again = run(*flags, "--json")
    assert [json.loads(line)["outcome"] for line in again.stdout.splitlines()] == ["already", "already"]
    rows = ds.dataset(tmp_path / "report").to_table().to_pylist()
    assert {(row["outcome"], row["becomes"]) for row in rows} == {("migrated", "s3ec-v4")}


def test_to_another_folder_under_another_key(s3: Any, kms: Any, servers: Servers, folder: str) -> None:
    """--to names the new key, and the old objects stay or go as asked."""
    new, target = servers.create_key(), folder.replace("/in/", "/out/")
    flags = (folder, target, "--legacy", "allow", "--format", "s3ec-v4", "--to", f"kms-key-id={new}")
    assert run(*flags).stdout == "2 migrated\n"
    assert body(s3, KmsKeyring(kms, new), target + "b") == b"b"
    assert run(*flags).stdout == "2 already\n"
    assert run(*flags, "--delete-source", "--dry-run").stdout == "2 would be migrated\n"
    assert run(*flags, "--delete-source").stdout == "2 migrated\n"
    assert run(*flags).stdout == "no objects\n"


def test_to_plaintext_and_back(s3: Any, folder: str) -> None:
    """Plaintext is written only where --decrypt asks for it."""
    assert run(folder, "--legacy", "allow", "--decrypt").stdout == "2 migrated\n"
    bucket, _, key = folder.removeprefix("s3://").partition("/")
    assert s3.get_object(Bucket=bucket, Key=key + "a")["Body"].read() == b"a"
    assert run(folder, "--plaintext", "pass").stdout == "2 migrated\n"
    assert s3.get_object(Bucket=bucket, Key=key + "a")["Body"].read() != b"a"


def test_to_customer_keys_and_back(folder: str, kms_key: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To SSE-C under a key in a file, then to messages, whose key is KMS's again."""
    monkeypatch.delenv("S3CSE_KMSKEYID")
    key = tmp_path / "customer.key"
    key.write_bytes(bytes(range(32)))
    of_kms, own = ("--kms-key-id", kms_key), ("keyring=aes", f"key-file={key}")
    to_own = [word for option in own for word in ("--to", option)]
    there = run(folder, *of_kms, "--legacy", "allow", "--format", "sse-c", *to_own)
    assert (there.exit_code, there.stdout) == (0, "2 migrated\n"), there.stderr
    from_own = ("--from-format", "sse-c", "--keyring", "aes", "--key-file", str(key))
    back = run(folder, *from_own, "--format", "encryption-sdk", "--to", f"kms-key-id={kms_key}")
    assert (back.exit_code, back.stdout) == (0, "2 migrated\n"), back.stderr
    again = run(folder, *of_kms, "--format", "emrfs-v2")
    assert (again.exit_code, again.stdout) == (0, "2 migrated\n"), again.stderr


def test_a_contradiction_is_wrong_use(folder: str) -> None:
    """In place there is nothing to overwrite: 2."""
    assert run(folder, "--overwrite").exit_code == 2
