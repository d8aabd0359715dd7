"""What KMS says of a key: its ARN, where and whose it is, and whether it can wrap data keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from s3cse.errors import KeyringError
from s3cse.keyrings.kms_arn import may_be_same_key, parse_key_arn

#: The only spec whose keys generate data keys.
SYMMETRIC = "SYMMETRIC_DEFAULT"
_FIXES = {
    "NotFoundException": "check the key's id or alias, its Region and account; give the ARN of another account's key",
    "AccessDeniedException": "allow this identity kms:DescribeKey on the key, in its own account's policy too",
    "InvalidArnException": "give the key's id, its ARN, or alias/NAME",
}


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A key as KMS describes it. ``state`` is ``Enabled``, …; ``spec`` is SYMMETRIC for those that wrap data keys."""

    arn: str
    state: str
    spec: str

    @property
    def region(self) -> str:
        """AWS Region of the key, as its ARN says."""
        parsed = parse_key_arn(self.arn)
        return parsed.region if parsed else ""

    @property
    def account(self) -> str:
        """AWS account of the key, as its ARN says."""
        parsed = parse_key_arn(self.arn)
        return parsed.account if parsed else ""


class UndescribedKeyError(KeyringError):
    """KMS did not describe the key; ``denied`` where this identity may not ask, whatever the key is."""

    denied = False


def describe_key(kms: Any, key_id: str) -> KmsKey:
    """Ask KMS about a key: one DescribeKey call.

    Args:
        kms: a boto3 KMS client.
        key_id: id, ARN or alias.

    Raises:
        UndescribedKeyError: there is no such key here, this identity may not ask, or KMS does not answer.
    """
    try:
        described = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        refused = UndescribedKeyError(
            "KMS does not describe the key",
            found=f"{key_id}: {code}: {detail.get('Message') or ''}".rstrip(": "),
            expected="a key that this identity may use",
            fix=_FIXES.get(code, "check the key, its Region and this identity's credentials"),
        )
        refused.denied = code == "AccessDeniedException"
        raise refused from error
    except BotoCoreError as error:
        raise UndescribedKeyError(
            "KMS could not be asked about the key",
            found=f"{key_id}: {error}",
            fix="check the network, the KMS endpoint, the Region and the credentials",
        ) from error
    if not may_be_same_key(key_id, described["Arn"]):
        raise UndescribedKeyError(
            "KMS describes another key than the one that was asked for",
            found=str(described["Arn"]),
            expected=key_id,
            fix="check the key's account and Region, and the KMS endpoint",
        )
    spec = described.get("KeySpec") or described.get("CustomerMasterKeySpec") or SYMMETRIC
    return KmsKey(str(described["Arn"]), str(described.get("KeyState", "")), str(spec))
