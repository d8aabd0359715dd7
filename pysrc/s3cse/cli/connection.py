"""The flags that say which S3 is meant, and the store they lead to."""

from __future__ import annotations

from typing import Annotated

import typer

from s3cse.errors import SettingsError
from s3cse.storage.port import Location, ObjectStore
from s3cse.storage.s3 import S3Store, s3_client
from s3cse.storage.s3_errors import translated

Region = Annotated[
    str | None,
    typer.Option("--region", envvar="S3CSE_REGION", help="AWS Region of the bucket (default: as boto3 finds it)."),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url",
        envvar="S3CSE_ENDPOINTURL",
        help="Another S3 server than AWS (default: AWS_ENDPOINT_URL_S3).",
    ),
]


def open_store(place: Location, region: str | None, endpoint_url: str | None) -> ObjectStore:
    """Return the store that these flags mean; no request is sent.

    Args:
        place: what the command is about, for messages.
        region: None: as boto3 finds it.
        endpoint_url: None: as boto3 finds it.

    Raises:
        SettingsError: the endpoint is no address.
        TransferError: boto3's own settings are not valid.
    """
    try:
        with translated(place, "open"):
            return S3Store(s3_client(region, endpoint_url))
    except ValueError as error:  # botocore's plain word for an address that is none
        raise SettingsError(
            "the endpoint is not valid", found=repr(endpoint_url), expected="http://host:port or https://host"
        ) from error
