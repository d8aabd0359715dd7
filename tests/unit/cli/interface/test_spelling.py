"""Errors name options as they are typed here: no ``kmsKeyId``, no ``legacy=allow``."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.lake import Lake
from s3cse.cli.app import app
from s3cse.cli.interface.spelling import as_typed, flag
from s3cse.options.words import SPELLING
from s3cse.wording import Option

#: An option by the name that documents have, or with its value: names that are no English words, and any name's =.
ELSEWHERE = re.compile(
    rf"\b({'|'.join(name for name in SPELLING.values() if name != name.lower())})\b|\b({'|'.join(SPELLING.values())})="
)
AES = ("--keyring", "aes")


def test_flags_of_options() -> None:
    """Kebab case; --profile names credentials, so what is written is --format."""
    assert [flag(name) for name in ("kmsKeyId", "region", "profile")] == ["--kms-key-id", "--region", "--format"]
    assert as_typed(Option("profile", "sse-c")) == "--format sse-c"
    assert as_typed(Option("keyFile")) == "--key-file"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "the option --kms-key-id"),
        (AES, "--keyring aes needs one place to take its key from; found none; expected --key-file (a path)"),
        (("--keyring", "provider"), "--keyring provider needs the option --provider"),
        (("--keyring", "pkcs11"), "Use --keyring provider with a class"),
        (("--kms-key-id", "k", "--key-name", "n"), "--keyring kms has no use for --key-name"),
        ((*AES, "--key-file", "no-such"), "the file that --key-file names cannot be read"),
        ((*AES, "--key-env", "S3CSE_TEST_NOT_SET"), "the environment variable that --key-env names"),
        ((*AES, "--key-file", "ftp://x"), "--key-file names a place"),
        (("--integrity", "x"), "option --integrity has no such value"),
        (("--context", "x"), "option --context is no JSON map"),
        (("--kms-regions", "a,,b"), "option --kms-regions has an empty or repeated name"),
        (("--format", "x"), "option --format has no such value"),
        (("--kms-key-id", "k", "--format", "sse-c"), "expected --keyring aes with --key-file or --key-env"),
        ((*AES, "--key-file", "k", "--customer-keys", "one"), "--customer-keys is for --format sse-c only"),
        (
            (*AES, "--key-file", "k", "--format", "encryption-sdk"),
            "found --key-namespace none, --key-name none; expected like --key-namespace flights, --key-name 2026-01",
        ),
        ((*AES, "--key-file", "k", "--format", "sse-c", "--commitment", "require"), "--commitment require cannot"),
        (
            ("--kms-key-id", "arn:aws:kms:us-east-1:111122223333:key/x", "--region", "eu-west-1"),
            "expected a key of eu-west-1, or --kms-region us-east-1",
        ),
    ],
)
def test_what_is_asked_wrongly(
    words: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong use is said in the words of whoever typed it."""
    for name in [name for name in os.environ if name.startswith("S3CSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["cat", "s3://lake/a", *words])
    assert (result.exit_code, result.stderr.startswith("cat: ")) == (2, True)
    assert says in result.stderr
    assert ELSEWHERE.findall(result.stderr) == []


def test_what_the_rules_refuse(lake: Lake) -> None:
    """The flag that would allow it, of one object and of many."""
    lake.s3.put_object(Bucket=lake.bucket, Key=f"{lake.prefix}plain", Body=b"text")
    cat = lake.run("cat", f"{lake.at}plain")
    assert "allow them with --plaintext pass" in cat.stderr
    copy = lake.run("cp", lake.at, ".", "--recursive")
    assert "allow them with --plaintext pass" in copy.stderr
    verified = lake.run("verify", lake.at, "--commitment", "require", lake.put("enveloped", b"x"))
    assert "allow them with --commitment allow" in verified.stdout
    assert ELSEWHERE.findall(cat.stderr + copy.stderr + verified.stdout) == []


def test_config_has_the_words_of_its_table(tmp_path: Path) -> None:
    """Its options are those of Spark: --conf spark.s3cse.integrity=…, and no flags."""
    floor = "<name>fs.s3cse.minimum.integrity</name><value>strict</value>"
    site = f"<configuration><property>{floor}</property></configuration>"
    (tmp_path / "core-site.xml").write_text(site)
    result = CliRunner().invoke(
        app, ["config", "s3://lake/", "--conf-dir", str(tmp_path), "--conf", "spark.s3cse.integrity=none"]
    )
    assert result.exit_code == 2
    assert "found integrity=none" in result.stderr
