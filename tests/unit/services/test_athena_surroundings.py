"""The key as KMS describes it, and Regions."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

import s3cse.local
from s3cse.errors import KeyringError, SettingsError, TransferError
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.surroundings import bucket_region, key_findings, region_findings, table_encryption
from s3cse.storage.memory import MemoryStore
from s3cse.storage.s3 import S3Store

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234"


class FakeKms:
    """A KMS that describes one key, or refuses with a code."""

    def __init__(self, code: str = "", **metadata: str) -> None:
        self._code = code
        self._metadata = {"Arn": KEY, "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT", **metadata}

    def describe_key(self, KeyId: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """See boto3."""
        if self._code:
            raise boto3.client("kms", region_name="us-east-1").exceptions.ClientError(
                {"Error": {"Code": self._code, "Message": "no"}}, "DescribeKey"
            )
        return {"KeyMetadata": self._metadata}


@pytest.mark.parametrize("name", ["alias/flights", "1234", KEY])
def test_key_is_resolved_to_its_arn(name: str) -> None:
    """An alias, an id and an ARN all become the ARN that a table names."""
    assert table_encryption(FakeKms(), name, {"bucket": "us-east-1", "catalog": None}) == TableEncryption(KEY)


def test_unknown_alias(servers: s3cse.local.Servers) -> None:
    """An alias that is not there is one clear error that names it."""
    with pytest.raises(KeyringError, match=r"alias/nobody-made-this.*Check the key's id or alias"):
        table_encryption(servers.kms_client(), "alias/nobody-made-this", {})


def test_key_of_another_account(servers: s3cse.local.Servers, kms_key: str) -> None:
    """A key of an account that does not let us ask is one clear error that names the ARN."""
    foreign = kms_key.replace(kms_key.split(":")[4], "999988887777")
    with pytest.raises(KeyringError, match=r"expected arn:.*999988887777"):
        table_encryption(servers.kms_client(), foreign, {})


@pytest.mark.parametrize("regions", [{"bucket": "eu-west-1"}, {"bucket": "us-east-1", "catalog": "eu-west-1"}])
def test_key_of_another_region(regions: dict[str, str | None]) -> None:
    """A key in another Region than bucket or catalog is refused before KMS is asked; both Regions are named."""
    with pytest.raises(SettingsError, match=r"key in us-east-1.*in eu-west-1"):
        table_encryption(None, KEY, regions)
    with pytest.raises(SettingsError, match="eu-west-1"):
        table_encryption(FakeKms(), "alias/flights", regions)


def test_who_may_not_ask_needs_the_arn() -> None:
    """Without kms:DescribeKey an ARN is taken as it is, and an alias is an error that asks for the ARN or the right."""
    denied = FakeKms("AccessDeniedException")
    assert table_encryption(denied, KEY, {}) == TableEncryption(KEY)
    with pytest.raises(KeyringError, match="kms:DescribeKey"):
        table_encryption(denied, "alias/flights", {})


def test_asymmetric_keys() -> None:
    """An asymmetric key is refused when a table is made, and an error when one is checked."""
    rsa = FakeKms(KeySpec="RSA_4096")
    with pytest.raises(SettingsError, match="RSA_4096"):
        table_encryption(rsa, "alias/rsa", {})
    assert [finding.problem for finding in key_findings(rsa, TableEncryption(KEY))] == [
        "the key is asymmetric (RSA_4096)"
    ]


@pytest.mark.parametrize(
    ("kms", "severities"),
    [
        (FakeKms(), []),
        (FakeKms(KeyState="Disabled"), ["error"]),
        (FakeKms("NotFoundException"), ["error"]),
        (FakeKms("AccessDeniedException"), ["note"]),
    ],
)
def test_findings_about_the_key(kms: FakeKms, severities: list[str]) -> None:
    """A disabled or unknown key is an error; not being allowed to ask is only said."""
    assert [finding.severity for finding in key_findings(kms, TableEncryption(KEY))] == severities


def test_a_table_without_a_key_asks_nobody() -> None:
    """With has_encrypted_data there is no key to ask about, nor a Region of one."""
    assert list(key_findings(None, TableEncryption())) == []
    assert list(region_findings(TableEncryption(), {"bucket": "us-east-1", "Athena": "us-east-1"})) == []
    assert len(list(region_findings(TableEncryption(), {"bucket": "us-east-1", "Athena": "eu-west-1"}))) == 1


def test_region_of_a_bucket(s3: Any, shared_bucket: str) -> None:
    """A bucket that is there is asked; one that is not is a clear error; other stores have no Regions."""
    assert bucket_region(S3Store(s3), shared_bucket) in (None, "us-east-1")
    with pytest.raises(TransferError, match="nobody-made-this"):
        bucket_region(S3Store(s3), "nobody-made-this")
    assert bucket_region(MemoryStore(), "b") is None
