"""The flags that say which S3 is meant and as whom, and the store they lead to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from s3cse.errors import SettingsError

if TYPE_CHECKING:
    from s3cse.storage.port import Location
    from s3cse.storage.s3 import S3Store

PANEL = "Connection"
Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="NAME",
        help="AWS Region of the bucket (default: S3CSE_REGION, or as boto3 finds it).",
        rich_help_panel=PANEL,
    ),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url",
        metavar="URL",
        help="Another S3 server than AWS (default: S3CSE_ENDPOINTURL, or AWS_ENDPOINT_URL_S3).",
        rich_help_panel=PANEL,
    ),
]
AwsProfile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Profile of ~/.aws with credentials and Region, as for the AWS CLI (default: AWS_PROFILE).",
        rich_help_panel=PANEL,
    ),
]
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@contextmanager
def as_profile(name: str | None) -> Iterator[None]:
    """Let boto3 work with this profile inside the block, wherever a client is made: for S3, KMS and key files.

    As for the AWS CLI, a profile that was named counts more than credentials in the environment; one that only
    AWS_PROFILE names counts less, so those are hidden meanwhile.
    """
    if name is None:
        yield
        return
    before = {variable: os.environ.pop(variable) for variable in _CREDENTIALS if variable in os.environ}
    if "AWS_PROFILE" in os.environ:
        before["AWS_PROFILE"] = os.environ["AWS_PROFILE"]
    os.environ["AWS_PROFILE"] = name
    try:
        yield
    finally:
        del os.environ["AWS_PROFILE"]
        os.environ.update(before)


def open_store(place: Location, region: str | None, endpoint_url: str | None) -> S3Store:
    """Return the store that these flags mean; no request is sent.

    Args:
        place: what the command is about, for messages.
        region: None: as boto3 finds it.
        endpoint_url: None: as boto3 finds it.

    Raises:
        SettingsError: the endpoint is no address.
        TransferError: boto3's own settings are not valid.
    """
    # boto3 takes longer to import than --help to print.
    from s3cse.storage.s3 import S3Store, s3_client
    from s3cse.storage.s3_errors import translated

    try:
        with translated(place, "open"):
            return S3Store(s3_client(region, endpoint_url))
    except ValueError as error:  # botocore's plain word for an address that is none
        raise no_endpoint(endpoint_url) from error


def no_endpoint(endpoint_url: str | None) -> SettingsError:
    """Return the error for an endpoint that boto3 takes for no address."""
    return SettingsError(
        "the endpoint is not valid", found=repr(endpoint_url), expected="http://host:port or https://host"
    )
