"""boto3 clients for the local servers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-east-1"
# The user's profile and file of settings are about AWS. A variable is: name in the file, in the environment, default.
_NO_SETTINGS = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key and its secret."""

    access_key: str
    secret_key: str = field(repr=False)


def s3_client(url: str, credentials: Credentials, *, retries: int = 3) -> Any:
    """Return a boto3 S3 client.

    Args:
        url: of the server.
        credentials: what to sign with.
        retries: how often a failed request is repeated.
    """
    # The bucket cannot be part of a host name here.
    return _client("s3", url, credentials, retries, s3={"addressing_style": "path"})


def kms_client(url: str, credentials: Credentials, *, retries: int = 3, region: str = REGION) -> Any:
    """Return a boto3 KMS client; arguments as for :func:`s3_client`, and the region to sign for."""
    return _client("kms", url, credentials, retries, region=region)


def moto_client(service: str, url: str, credentials: Credentials) -> Any:
    """Return a boto3 client of another service that moto answers for."""
    return _client(service, url, credentials, 3)


def _client(
    service: str,
    url: str,
    credentials: Credentials,
    retries: int,
    *,
    region: str = REGION,
    s3: dict[str, str] | None = None,
) -> Any:
    # A session of its own, because the default one must not be used by two threads at once.
    session = boto3.session.Session(
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        region_name=region,
        botocore_session=botocore.session.Session(_NO_SETTINGS),
    )
    config = Config(s3=s3, retries={"total_max_attempts": retries + 1, "mode": "standard"})
    return session.client(service, endpoint_url=url, config=config)
