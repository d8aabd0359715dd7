"""The boto3 client of Glue, and its errors in this package's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from s3cse.errors import SettingsError, TransferError

_REQUESTS = 6
_FIXES = {
    "AccessDeniedException": "allow this identity glue:GetDatabase, glue:GetTable, glue:CreateTable, glue:UpdateTable, "
    "glue:BatchGetPartition and glue:BatchCreatePartition (to check: glue:GetPartitions, to replace: that and "
    "glue:BatchUpdatePartition) on the catalog, the database and the table",
    "EntityNotFoundException": "create the database first (aws glue create-database), or check its name and Region",
    "ConcurrentModificationException": "somebody else changed the table meanwhile: try again",
    "ResourceNumberLimitExceededException": "delete old versions or partitions, or ask AWS for a higher quota",
}


def glue_client(region: str | None = None, endpoint_url: str | None = None) -> Any:
    """Return a boto3 Glue client that waits out throttling: up to 6 requests with growing, random pauses.

    Args:
        region: AWS Region; None: as boto3 finds it.
        endpoint_url: for another Glue; None: as boto3 finds it.

    Raises:
        SettingsError: no Region, or an endpoint that is no address.
    """
    config = Config(retries={"mode": "standard", "total_max_attempts": _REQUESTS})
    try:
        return boto3.session.Session().client("glue", region_name=region, endpoint_url=endpoint_url, config=config)
    except (ValueError, BotoCoreError) as error:
        raise SettingsError("Glue cannot be reached like this", found=str(error), fix="set region") from error


@contextmanager
def translated(action: str, name: object) -> Iterator[None]:
    """Turn boto3's errors inside the block into TransferError with Glue's own code.

    Args:
        action: a verb that fits "Glue did not …".
        name: of the table or database.
    """
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        raise TransferError(
            f"Glue did not {action} {name}",
            found=f"{code}: {detail.get('Message') or ''}".rstrip(": "),
            fix=_FIXES.get(code, "look the error code up in Glue's documentation"),
            status=error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"),
            code=code,
        ) from error
    except BotoCoreError as error:
        raise TransferError(
            f"Glue could not be asked to {action} {name}",
            found=str(error),
            fix="check the network, the endpoint, the Region and the credentials",
            sent=False,
        ) from error
