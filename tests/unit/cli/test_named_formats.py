"""``--format sse-c`` and ``--format encryption-sdk``, which are named on reading too."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.lake import Lake
from s3cse.keyrings.customer_keys import DerivedCustomerKeys
from s3cse.storage.customer_key_store import as_target
from s3cse.storage.port import Location

SSE_C = ("--format", "sse-c", "--customer-keys", "derived")
MESSAGE = ("--format", "encryption-sdk", "--key-namespace", "flights", "--key-name", "2026")


@pytest.mark.parametrize("said", [SSE_C, MESSAGE], ids=["sse-c", "encryption-sdk"])
def test_there_and_back(lake: Lake, said: tuple[str, ...]) -> None:
    """A file is copied and shown; one that is not there is a failure."""
    Path("file").write_bytes(b"hello" * 1000)
    assert lake.run("cp", *said, "file", lake.at, "--quiet").exit_code == 0
    assert lake.run("cat", *said, f"{lake.at}file").stdout_bytes == b"hello" * 1000
    assert lake.run("cat", *said, f"{lake.at}missing").exit_code == 1


def test_sse_c_reaches_s3(lake: Lake) -> None:
    """S3 gets the object's own key, derived from the one that the environment names."""
    Path("file").write_bytes(b"hello")
    assert lake.run("cp", *SSE_C, "file", lake.at, "--quiet").exit_code == 0
    key = DerivedCustomerKeys(lake.key).customer_key(Location(lake.bucket, f"{lake.prefix}file"))
    place = {"Bucket": lake.bucket, "Key": f"{lake.prefix}file"}
    assert lake.s3.get_object(**place, **as_target(key))["Body"].read() == b"hello"


def test_verify_claims_nothing_of_what_s3_encrypts(lake: Lake) -> None:
    """An object under SSE-C is readable, and nothing here can verify it: that is said, and is no failure."""
    Path("file").write_bytes(b"hello")
    lake.run("cp", *SSE_C, "file", lake.at, "--quiet")
    result = lake.run("verify", *SSE_C, lake.at)
    assert result.exit_code == 0
    assert "0 verified, 1 not authenticated" in result.stderr
    assert "S3 encrypts it (SSE-C)" in result.stdout


def test_verify_messages(lake: Lake) -> None:
    """A message verifies, and one that was changed is damaged."""
    Path("file").write_bytes(b"hello" * 1000)
    lake.run("cp", *MESSAGE, "file", lake.at, "--quiet")
    assert "1 verified" in lake.run("verify", *MESSAGE, lake.at).stderr
    place = {"Bucket": lake.bucket, "Key": f"{lake.prefix}file"}
    body = bytearray(lake.s3.get_object(**place)["Body"].read())
    body[-100] ^= 1
    lake.s3.put_object(**place, Body=bytes(body))
    assert lake.run("verify", *MESSAGE, lake.at).exit_code == 3


def test_verify_of_what_is_no_message(lake: Lake) -> None:
    """Where messages are named, too, a plain object is not authenticated, and not damaged; a broken message is."""
    Path("file").write_bytes(b"hello" * 1000)
    lake.run("cp", *MESSAGE, "file", lake.at, "--quiet")
    message = lake.s3.get_object(Bucket=lake.bucket, Key=f"{lake.prefix}file")["Body"].read()
    lake.put("enveloped", b"an S3 format")
    for name, body in (("plain", b"text"), ("empty", b""), ("_SUCCESS", b"{}")):
        lake.s3.put_object(Bucket=lake.bucket, Key=lake.prefix + name, Body=body)
    result = lake.run("verify", *MESSAGE, lake.at)
    assert (result.exit_code, "verify: 2 verified, 2 not authenticated; " in result.stderr) == (1, True)
    assert f"not authenticated: {lake.at}plain: the object is no AWS Encryption SDK message" in result.stdout
    assert lake.run("verify", *MESSAGE, lake.at, "--plaintext", "pass").exit_code == 0
    lake.s3.put_object(Bucket=lake.bucket, Key=f"{lake.prefix}broken", Body=message[:40])
    result = lake.run("verify", *MESSAGE, lake.at, "--plaintext", "pass")
    assert (result.exit_code, result.stdout.count("damaged: ")) == (3, 1)


def test_names_are_asked_for(lake: Lake) -> None:
    """A raw key without names makes no message: asked wrongly, before anything is sent."""
    Path("file").write_bytes(b"hello")
    result = lake.run("cp", "--format", "encryption-sdk", "file", lake.at)
    assert result.exit_code == 2
    assert "--key-namespace" in result.stderr
