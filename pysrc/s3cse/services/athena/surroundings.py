"""What decides for the whole table: the key as KMS describes it, and the Regions of key, bucket and catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from s3cse.errors import SettingsError
from s3cse.keyrings.kms_arn import parse_key_arn
from s3cse.keyrings.kms_key import SYMMETRIC, UndescribedKeyError, describe_key
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.findings import Finding
from s3cse.storage.port import Location, ObjectStore
from s3cse.storage.s3 import S3Store

_SAME_REGION = "Athena has no cross-Region CSE-KMS: key, bucket, catalog and query must be in one Region"


def bucket_region(store: ObjectStore, bucket: str) -> str | None:
    """Return the bucket's Region: one HeadBucket request; None where the store does not say.

    Raises:
        TransferError: there is no such bucket, or no permission for it.
    """
    if not isinstance(store, S3Store):
        return None
    answer = store.ask(Location(bucket, ""), "head_bucket", "describe the bucket of", Bucket=bucket)
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region")
    return None if region is None else str(region)


def table_encryption(kms: Any, key_id: str, regions: Mapping[str, str | None]) -> TableEncryption:
    """Return the encryption of a table under this key, which is resolved to its ARN: one DescribeKey call.

    An ARN is taken as it is where this identity may not ask about it.

    Args:
        kms: a boto3 KMS client.
        key_id: id, ARN or alias.
        regions: by what is there (``bucket``, ``catalog``), where the key must be as well; None where not known.

    Raises:
        UndescribedKeyError: there is no such key, or only its ARN would do because this identity may not ask.
        SettingsError: a key of another Region, or one that cannot wrap data keys.
    """
    arn = parse_key_arn(key_id)
    named = TableEncryption(key_id) if arn is not None and arn.resource.startswith("key/") else None
    if named is not None:
        _refuse_other_region(named, regions)  # KMS here would only say that there is no such key
    try:
        key = describe_key(kms, key_id)
    except UndescribedKeyError as error:
        if not error.denied or named is None:
            raise
        return named
    if key.spec != SYMMETRIC:
        raise SettingsError(
            "an asymmetric key cannot wrap data keys",
            found=f"{key.arn}: {key.spec}",
            expected=SYMMETRIC,
            fix="name a symmetric KMS key",
        )
    encryption = TableEncryption(key.arn)
    _refuse_other_region(encryption, regions)
    return encryption


def _refuse_other_region(encryption: TableEncryption, regions: Mapping[str, str | None]) -> None:
    for finding in region_findings(encryption, regions):
        raise SettingsError(finding.problem, found=str(encryption.kms_key), fix=finding.fix)


def region_findings(encryption: TableEncryption, regions: Mapping[str, str | None]) -> Iterator[Finding]:
    """Yield where the Regions differ; ``regions`` as for table_encryption."""
    known = {what: region for what, region in regions.items() if region}
    arn = parse_key_arn(encryption.kms_key)
    if arn is not None:
        known = {"key": arn.region, **known}
    if len(set(known.values())) > 1:
        said = ", ".join(f"{what} in {region}" for what, region in known.items())
        yield Finding("error", "region", f"more than one Region: {said}", _SAME_REGION)


def key_findings(kms: Any, encryption: TableEncryption) -> Iterator[Finding]:
    """Yield what KMS says against the table's key: one DescribeKey call."""
    if encryption.kms_key is None:
        return
    try:
        key = describe_key(kms, encryption.kms_key)
    except UndescribedKeyError as error:
        yield Finding(
            "note" if error.denied else "error", "key", f"{error.problem}: {error.found}", error.fix or "see KMS"
        )
        return
    if key.spec != SYMMETRIC:
        yield Finding("error", "key", f"the key is asymmetric ({key.spec})", "Athena knows symmetric KMS keys only")
    if key.state and key.state != "Enabled":
        yield Finding("error", "key", f"the key's state is {key.state}", "enable the key")
