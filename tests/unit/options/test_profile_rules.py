"""What profiles ask of other options, and what a read is told of them."""

from __future__ import annotations

import re

import pytest

from s3cse.errors import SettingsError
from s3cse.options.profile_rules import message_options, named_on_reads
from s3cse.options.table import Options, Use, parse_options

PATH = {"path": "s3://bucket/table/"}
KMS = {"kmsKeyId": "alias/data"}
RAW = {"keyring": "aes", "keyFile": "a"}
NAMES = {"keyNamespace": "flights", "keyName": "2026"}


def parsed(use: Use, environment: dict[str, str] | None = None, **options: str) -> Options:
    """Parse options on top of a path."""
    return parse_options({**PATH, **options}, environment or {}, use=use)


@pytest.mark.parametrize("use", ["read", "write"])
def test_both_new_profiles_are_named_on_reads_and_writes(use: Use) -> None:
    """SSE-C and messages: with their keys, they pass."""
    assert parsed(use, **RAW, profile="sse-c", customerKeys="derived").keyring.customer_keys == "derived"
    assert parsed(use, **KMS, profile="Encryption-SDK").profile == "encryption-sdk"
    named = parsed(use, **RAW, **NAMES, profile="encryption-sdk").keyring
    assert (named.key_namespace, named.key_name) == ("flights", "2026")


def test_a_read_names_no_s3_format() -> None:
    """A profile that is for writes only is refused on a read that names it, and ignored where it is a default."""
    with pytest.raises(SettingsError, match=r"a read has no use for profile s3ec-v4.*encryption-sdk | sse-c"):
        parsed("read", **KMS, profile="s3ec-v4")
    assert (
        parsed("read", {"S3CSE_PROFILE": "s3ec-v4"}, **KMS).profile == Options.__dataclass_fields__["profile"].default
    )
    assert parsed("read", {"S3CSE_PROFILE": "encryption-sdk"}, **KMS).profile == "encryption-sdk"
    assert named_on_reads({"profile": "emrfs", "a": "b"}) == {"a": "b"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({**KMS, "profile": "sse-c"}, "expected keyring=aes with keyFile or keyEnv"),
        ({**RAW, "profile": "sse-c", "context": '{"a": "b"}'}, "no use for context"),
        ({**RAW, "profile": "sse-c", "storage": "instruction-file"}, "no envelope beside the object"),
        ({**RAW, "profile": "sse-c", "sse": "AES256"}, "encrypts an object once"),
        ({**RAW, "profile": "sse-c", "customerKeys": "several"}, "one | derived"),
        ({**RAW, "customerKeys": "one"}, "customerKeys is for profile sse-c only"),
        ({**KMS, "frameBytes": "64k"}, "frameBytes is for profile encryption-sdk only"),
        ({**KMS, "profile": "encryption-sdk", "frameBytes": "1g"}, "64m at most"),
        ({**KMS, "profile": "encryption-sdk", "storage": "instruction-file"}, "no envelope beside the object"),
        ({**KMS, "profile": "encryption-sdk", "context": '{"aws-crypto-x": "b"}'}, "aws-crypto-"),
        ({**RAW, "profile": "encryption-sdk", "keyName": "2026"}, "keyNamespace=none, keyName=2026"),
        ({**KMS, "keyName": "2026"}, "keyring=kms has no use for keyName"),
        ({**KMS, "sseKmsKeyId": "alias/s3"}, "needs sse=aws:kms"),
        ({**KMS, "sse": "SSE-KMS"}, "AES256 | aws:kms | aws:kms:dsse".lower()),
    ],
)
def test_what_a_write_refuses(options: dict[str, str], words: str) -> None:
    """What does not go together is said before anything is written, with the option to change."""
    with pytest.raises(SettingsError, match=re.escape(words)):
        parsed("write", **options)


def test_what_a_read_refuses() -> None:
    """SSE-C keeps no commitment, and what is for writes is said to be."""
    with pytest.raises(SettingsError, match="commitment=require cannot be kept"):
        parsed("read", **RAW, profile="sse-c", commitment="require")
    with pytest.raises(SettingsError, match="a read has no use for sse"):
        parsed("read", **KMS, sse="AES256")


def test_server_side_encryption_has_s3_words() -> None:
    """The values are S3's, in any letter case."""
    found = parsed("write", **KMS, sse="AWS:KMS", sseKmsKeyId="alias/s3")
    assert (found.sse, found.sse_kms_key_id) == ("aws:kms", "alias/s3")
    assert parsed("write", **KMS, sse="aes256").sse == "AES256"


def test_defaults_for_other_tables_are_no_errors() -> None:
    """What the environment says of customer keys and frames stands in no other table's way."""
    said = {"S3CSE_CUSTOMERKEYS": "derived", "S3CSE_FRAMEBYTES": "1m"}
    for keys in (RAW, KMS):
        assert parsed("write", said, **keys).profile == "emrfs-v2"


def test_options_of_messages() -> None:
    """Frame length and context reach the messages."""
    options = parsed("write", **KMS, profile="encryption-sdk", frameBytes="1m", context='{"team": "flights"}')
    message = message_options(options)
    assert (message.frame_length, message.context) == (1 << 20, {"team": "flights"})
