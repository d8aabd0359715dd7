"""Names of KMS keys: what may be the same key, and what is no ARN."""

from __future__ import annotations

import pytest

from s3cse.keyrings.kms_arn import KeyArn, may_be_same_key, parse_key_arn

HOME = "arn:aws:kms:us-east-1:111122223333:key/"
AWAY = "arn:aws:kms:eu-west-1:111122223333:key/"
PLAIN = "00000000-0000-4000-8000-000000000001"
MRK = "mrk-0000000000004000800000000000000a"


@pytest.mark.parametrize(
    ("configured", "used", "same"),
    [
        (HOME + PLAIN, HOME + PLAIN, True),
        (PLAIN, HOME + PLAIN, True),
        (PLAIN, PLAIN, True),
        ("alias/data", HOME + PLAIN, True),
        ("arn:aws:kms:us-east-1:111122223333:alias/data", HOME + PLAIN, True),
        (HOME + PLAIN, HOME + PLAIN[:-1] + "2", False),
        (HOME + PLAIN, AWAY + PLAIN, False),
        (HOME + PLAIN, PLAIN, False),
        (PLAIN, HOME + MRK, False),
        # A multi-Region key is one key wherever it is, but only in its own account and partition.
        (HOME + MRK, HOME + MRK, True),
        (HOME + MRK, AWAY + MRK, True),
        (MRK, AWAY + MRK, True),
        (HOME + MRK, AWAY + MRK[:-1] + "b", False),
        (HOME + MRK, AWAY.replace("111122223333", "444455556666") + MRK, False),
        (HOME + MRK, AWAY.replace("arn:aws:", "arn:aws-cn:") + MRK, False),
        (HOME + MRK, MRK, False),
        (HOME + MRK, AWAY.replace("key/", "alias/") + MRK, False),
        (HOME + PLAIN, None, False),
        (HOME + PLAIN, 7, False),
        (":alias/", HOME + PLAIN, False),
    ],
)
def test_which_keys_may_be_the_same(configured: str, used: object, same: bool) -> None:
    """Ids and ARNs say it, aliases may point anywhere, multi-Region keys are one key in all Regions."""
    assert may_be_same_key(configured, used) is same


def test_parts_of_an_arn() -> None:
    """Partition, Region, account and resource."""
    assert parse_key_arn(HOME + PLAIN) == KeyArn("aws", "us-east-1", "111122223333", f"key/{PLAIN}")


@pytest.mark.parametrize(
    "name",
    [
        None,
        7,
        b"arn:aws:kms:us-east-1:111122223333:key/x",
        "",
        PLAIN,
        "alias/data",
        HOME,
        HOME.rstrip("/"),
        "arn:aws:s3:us-east-1:111122223333:key/x",
        "arn:aws:kms::111122223333:key/x",
        "arn:aws:kms:us-east-1::key/x",
        "arn:aws:kms:us-east-1:111122223333",
        "arn:aws:kms:us-east-1:111122223333:grant/x",
        " " + HOME + PLAIN,
    ],
)
def test_what_is_no_key_arn(name: object) -> None:
    """Anything else has no parts to trust."""
    assert parse_key_arn(name) is None
