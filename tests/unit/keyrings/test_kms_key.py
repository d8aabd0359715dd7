"""What KMS says of a key."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import s3cse.local
from s3cse.errors import KeyringError
from s3cse.keyrings.kms_key import SYMMETRIC, UndescribedKeyError, describe_key


def test_a_key_by_all_its_names(servers: s3cse.local.Servers) -> None:
    """Id, ARN and alias describe the same key: its ARN, Region, account, state and kind."""
    arn = servers.create_key("alias/described")
    kms = servers.kms_client()
    for name in (arn, arn.rpartition("/")[2], "alias/described"):
        key = describe_key(kms, name)
        assert (key.arn, key.state, key.spec) == (arn, "Enabled", SYMMETRIC)
        assert key.region == servers.region
        assert key.account == arn.split(":")[4]


def test_an_asymmetric_key(servers: s3cse.local.Servers) -> None:
    """A key that wraps no data keys says so."""
    kms = servers.kms_client()
    made = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    assert describe_key(kms, made["Arn"]).spec == "RSA_2048"


class Failing:
    """A KMS client that raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def describe_key(self, KeyId: str) -> Any:  # noqa: N803 - boto3's name
        """See boto3."""
        raise self._error


def refusal(code: str) -> ClientError:
    """Return what boto3 raises."""
    return ClientError({"Error": {"Code": code, "Message": "as the test wants"}}, "DescribeKey")


@pytest.mark.parametrize(
    ("error", "said", "denied"),
    [
        (refusal("NotFoundException"), "alias/x: NotFoundException", False),
        (refusal("AccessDeniedException"), "kms:DescribeKey", True),
        (refusal("KMSInternalException"), "as the test wants", False),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "could not be asked", False),
    ],
)
def test_refusals(error: Exception, said: str, denied: bool) -> None:
    """Every refusal names the key and says what to do; being denied is told apart."""
    with pytest.raises(UndescribedKeyError, match=said) as caught:
        describe_key(Failing(error), "alias/x")
    assert isinstance(caught.value, KeyringError)
    assert caught.value.denied is denied
    assert caught.value.__cause__ is error


def test_another_key_than_asked_for(servers: s3cse.local.Servers, kms_key: str) -> None:
    """An answer about another key is refused: moto, for one, ignores the account."""
    foreign = kms_key.replace(kms_key.split(":")[4], "999988887777")
    with pytest.raises(UndescribedKeyError, match="another key"):
        describe_key(servers.kms_client(), foreign)
