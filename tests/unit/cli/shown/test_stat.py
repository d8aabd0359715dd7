"""``s3cse stat``: what an object says of itself, on a real S3 server; no key is used."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import s3cse
import s3cse.message
from cli.conftest import Shell
from s3cse.keyrings import AesKeyring, KmsKeyring
from s3cse.keys.evidence import fingerprint
from s3cse.storage.s3 import S3Store

KEY = bytes(range(32))
Run = Callable[..., Any]


@pytest.fixture
def at(shared_bucket: str) -> dict[str, str]:
    """A place for an object of the test's own."""
    return {"Bucket": shared_bucket, "Key": f"{uuid.uuid4().hex}/object"}


@pytest.fixture
def stat(shell: Shell, s3: Any, at: dict[str, str]) -> Run:
    """Runs the command on that place."""
    shell.store = S3Store(s3)
    return lambda *arguments: shell.run("stat", f"s3://{at['Bucket']}/{at['Key']}", *arguments)


def facts(result: Any) -> dict[str, str]:
    """Return the lines of the report by their names."""
    assert result.exit_code == 0, result.stderr
    rows = (line.strip().partition("  ") for line in result.stdout.splitlines()[1:])
    return {name: text.strip() for name, _, text in rows}


def test_kms_object(stat: Run, s3: Any, kms: Any, kms_key: str, at: dict[str, str]) -> None:
    """Format, algorithms, context, sizes, the user's metadata and S3's own encryption; nothing is claimed verified."""
    client = s3cse.Client(s3, KmsKeyring(kms, kms_key, {"team": "flights"}))
    client.put_object(**at, Body=b"hello", Metadata={"note": "x"}, ContentType="a/b", ServerSideEncryption="AES256")
    found = facts(stat())
    assert (found["stored"], found["plaintext"]) == ("21 bytes", "5 bytes")
    assert found["format"] == "V2 of the S3 encryption clients"
    assert (found["content"], found["key wrap"]) == ("AES/GCM/NoPadding, authenticated", "kms+context")
    assert found["key"] == "the object does not name it"
    context = {"aws:x-amz-cek-alg": "AES/GCM/NoPadding", "team": "flights"}
    assert json.loads(found["encryption context"]) == context
    assert (found["encrypted by S3"], found["content type"], found["metadata"]) == ("SSE-S3", "a/b", '{"note": "x"}')
    assert found["segment index"].startswith("not looked")
    assert found["verified"].startswith("no:")
    shown = json.loads(stat("--json").stdout)
    assert (shown["stored_bytes"], shown["plaintext_bytes"], shown["verified"]) == (21, 5, False)
    assert shown["encryption_context"] == context
    assert shown["server_side_encryption"] == "SSE-S3"


def test_format_v3_says_what_its_suite_is(stat: Run, s3: Any, kms: Any, kms_key: str, at: dict[str, str]) -> None:
    """A number alone tells nobody that the object commits to its key."""
    s3cse.Client(s3, KmsKeyring(kms, kms_key), profile="s3ec-v4").put_object(**at, Body=b"hello")
    assert facts(stat())["content"] == "115 (0x0073: AES-256-GCM, HKDF-SHA512, key commitment), authenticated"


def test_old_object_names_its_key(stat: Run, s3: Any, kms: Any, kms_key: str, at: dict[str, str]) -> None:
    """The old wrap stores the key's id; CBC is called what it is."""
    s3cse.Client(s3, KmsKeyring(kms, kms_key), profile="emrfs").put_object(**at, Body=b"hello")
    found = facts(stat())
    assert found["key"] == kms_key
    assert found["key wrap"] == "kms, of an old kind"
    assert found["content"] == "AES/CBC/PKCS5Padding, NOT authenticated"
    assert found["plaintext"].startswith("not known without the key")
    assert "segment index" not in found


def test_raw_key_and_instruction_file(stat: Run, s3: Any, at: dict[str, str]) -> None:
    """Of a raw key's description there is a fingerprint; the envelope's file is found, and is known for one itself."""
    description = {"key": "2026"}
    s3cse.Client(s3, AesKeyring(KEY, description), storage="instruction-file").put_object(**at, Body=b"hello")
    found = facts(stat())
    assert fingerprint(description) in found["key"]
    assert "2026" not in found["key"]
    assert (found["envelope in"], found["instruction file"]) == ("instruction-file", "present")
    at["Key"] += ".instruction"
    assert facts(stat())["instruction file"] == "in-use"


def test_message(stat: Run, s3: Any, kms: Any, kms_key: str, at: dict[str, str]) -> None:
    """A message's suite, frames, keys and context, from its first bytes."""
    message = s3cse.message.encrypt(b"hello" * 1000, KmsKeyring(kms, kms_key), context={"a": "b"})
    s3.put_object(**at, Body=bytes(message))
    found = facts(stat())
    assert found["format"] == "AWS Encryption SDK message"
    assert found["plaintext"] == "5,000 bytes"
    assert found["suite"] == "0x0478: AES-256-GCM, HKDF-SHA512, key commitment, not signed"
    assert found["wrapped key"] == f"aws-kms: {kms_key}"
    assert json.loads(found["encryption context"]) == {"a": "b"}
    own = AesKeyring(KEY, provider_id="own", key_id="2026-01")
    s3.put_object(**at, Body=bytes(s3cse.message.encrypt(b"hello", own)))
    shown = json.loads(stat("--json").stdout)
    assert shown["message"]["header_keys"] == [{"provider_id": "own", "provider_info": "2026-01"}]


def test_message_that_was_cut(stat: Run, s3: Any, at: dict[str, str]) -> None:
    """A message whose length cannot be is a problem that a script sees, too."""
    message = s3cse.message.encrypt(bytes(100), AesKeyring(KEY, provider_id="own", key_id="2026"))
    s3.put_object(**at, Body=bytes(message)[:-110])
    result = stat()
    assert result.exit_code == 3
    assert "cut short" in result.stdout


def test_customer_key(stat: Run, s3: Any, at: dict[str, str]) -> None:
    """Of an SSE-C object, which S3 shows nobody without its key, the command tells what a listing has."""
    s3.put_object(**at, Body=b"hello", SSECustomerAlgorithm="AES256", SSECustomerKey=KEY)
    found = facts(stat())
    assert (found["stored"], found["encrypted by S3"]) == ("5 bytes", "SSE-C")
    assert found["format"].startswith("SSE-C")
    assert found["etag"]


def test_plain_object(stat: Run, s3: Any, at: dict[str, str]) -> None:
    """What has no envelope is called so, and what SeaweedFS does not say of its own encryption is not made up."""
    s3.put_object(**at, Body=b"hello")
    found = facts(stat())
    assert found["format"] == "not encrypted on the client's side"
    assert found["encrypted by S3"] == "S3 says nothing of it"


def test_broken_envelope(stat: Run, s3: Any, at: dict[str, str]) -> None:
    """An envelope that is not valid is a problem that a script sees, too."""
    s3.put_object(**at, Body=b"x" * 40, Metadata={"x-amz-key-v2": "AAAA", "x-amz-iv": "!"})
    result = stat()
    assert result.exit_code == 3
    assert "the envelope lacks" in result.stdout


def test_no_object(stat: Run, shell: Shell) -> None:
    """No such object is a failure; a bucket is asked wrongly."""
    result = stat()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no such object" in result.stderr
    assert shell.run("stat", "s3://bucket").exit_code == 2


def test_old_version(stat: Run, s3: Any, at: dict[str, str]) -> None:
    """An old version is what it was."""
    bucket = f"versions-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    at["Bucket"] = bucket
    old = s3cse.Client(s3, AesKeyring(KEY)).put_object(**at, Body=b"hello")["VersionId"]
    s3.put_object(**at, Body=b"plain")
    assert facts(stat("--version-id", old))["format"].startswith("V2")
    assert facts(stat())["format"].startswith("not encrypted")
    for row in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key=row["Key"], VersionId=row["VersionId"])
    s3.delete_bucket(Bucket=bucket)
